import { cpus, loadavg, release, totalmem, type as system } from 'node:os';
import { readFile } from 'node:fs/promises';
import { env } from 'onnxruntime-node';
import type { Machine } from './document.ts';

/** This machine, with the versions of the peers that ran. */
export async function describeMachine(peers: Machine['peers'], loadBefore: number): Promise<Machine> {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? process.arch,
    cores: cores.length,
    memoryGigabytes: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    os: await systemName(),
    node: process.versions.node,
    onnxruntime: env.versions.node ?? 'unknown',
    loadBefore,
    peers,
  };
}

/** Average number of running processes in the last minute; 0 on Windows, which does not tell. */
export const loadNow = (): number => Math.round((loadavg()[0] ?? 0) * 100) / 100;

async function systemName(): Promise<string> {
  const kernel = `${system()} ${release()}`;
  try {
    const distribution = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
    return distribution === undefined ? kernel : `${distribution}, ${kernel}`;
  } catch {
    return kernel;
  }
}

/** The machine in one line. */
export function machineLine({
  cpu,
  cores,
  memoryGigabytes,
  os,
  node,
  onnxruntime,
  loadBefore,
  peers,
}: Machine): string {
  const others = Object.entries(peers).map(([name, version]) => `${name} ${version}`);
  return [
    `${cpu}, ${cores} cores, ${memoryGigabytes} GB`,
    os,
    `Node ${node}`,
    `ONNX Runtime ${onnxruntime}`,
    ...others,
    `load ${loadBefore} before`,
  ].join(' · ');
}
