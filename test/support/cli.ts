import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import sharp from 'sharp';
import { onTestFinished } from 'vitest';
import type { OutputStream } from '../../src/cli/io.ts';
import { runCli } from '../../src/cli/program.ts';

/** A stream that keeps what is written to it. */
export function recordingStream(options: { readonly isTTY?: boolean; readonly columns?: number } = {}): OutputStream & {
  readonly text: () => string;
} {
  const parts: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      parts.push(chunk.toString());
      done();
    },
  });
  return Object.assign(stream, options, { text: () => parts.join('') });
}

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRunOptions {
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
}

/** Runs a command line in this process. */
export async function cli(
  argv: readonly string[],
  { signal, env = {}, isTTY = false }: CliRunOptions = {},
): Promise<CliResult> {
  const stdout = recordingStream({ isTTY, columns: 120 });
  const stderr = recordingStream({ isTTY, columns: 120 });
  const code = await runCli(argv, { stdout, stderr, env, ...(signal === undefined ? {} : { signal }) });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** The one JSON document on a command's stdout. */
export function documentOf({ stdout }: CliResult): unknown {
  return JSON.parse(stdout) as unknown;
}

/** A folder that is gone when the test has finished. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export interface ImageFolderShape {
  readonly classes?: readonly string[];
  readonly perClass?: number;
  readonly side?: number;
}

/** Writes grey PNGs by class: each class is bright in other rows, each image a little different. */
export async function writeImages(
  folder: string,
  { classes = ['dark', 'half', 'light'], perClass = 10, side = 8 }: ImageFolderShape = {},
): Promise<string> {
  for (const [label, name] of classes.entries()) {
    await mkdir(join(folder, name), { recursive: true });
    for (let index = 0; index < perClass; index++) {
      const pixels = Uint8Array.from({ length: side * side }, (_, place) => {
        const bright = Math.floor(place / side) % classes.length === label;
        return (bright ? 200 : 20) + ((place * 7 + index * 13) % 40);
      });
      const image = sharp(pixels, { raw: { width: side, height: side, channels: 1 } });
      await image
        .toColourspace('b-w')
        .png()
        .toFile(join(folder, name, `${index}.png`));
    }
  }
  return folder;
}

/** Settings with which a run takes a moment. */
export const quick = [
  '--model',
  'mlp',
  '--epochs',
  '1',
  '--batch-size',
  '8',
  '--threads',
  '1',
  '--data-workers',
  '0',
  '--augment',
  'none',
] as const;
