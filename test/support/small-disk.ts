import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether {@link withSmallDisk} works here: on Linux as root, where a container does not forbid it. */
export const canMountDisks = process.platform === 'linux' && process.getuid?.() === 0 && tryMount();

function tryMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'fixhead-disk-'));
  try {
    return mount(folder, 64) && unmount(folder);
  } finally {
    rmdirSync(folder);
  }
}

/** Calls `action` with the folder of an empty disk (in memory) of `kib` KiB, which is gone afterwards. */
export async function withSmallDisk(kib: number, action: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fixhead-disk-'));
  if (!mount(folder, kib)) throw new Error(`cannot mount a disk on ${folder}`);
  try {
    await action(folder);
  } finally {
    unmount(folder);
    rmdirSync(folder);
  }
}

function mount(folder: string, kib: number): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', folder]).status === 0;
}

function unmount(folder: string): boolean {
  return spawnSync('umount', [folder]).status === 0;
}
