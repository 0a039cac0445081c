import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { alternate, withContenders } from './alternate.ts';
import { isMissing, openOurs, openProgram, type Contender, type Missing } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { copyMilliseconds } from './floor.ts';
import { compareRounds, ratioOf } from './statistics.ts';

export interface FwhtBenchOptions {
  /** Base-2 logarithms of the lengths. */
  readonly exponents: readonly number[];
  readonly rounds: number;
  readonly calls: number;
  /** The folder with FFHT's source (github.com/FALCONN-LIB/FFHT). */
  readonly ffht: string | undefined;
}

/** FFHT chooses its code by what the compiler may use. Its Makefile builds with -O3 -march=native. */
const builds = [
  { name: 'FFHT, SSE', build: 'SSE', flags: ['-msse4.2', '-mno-avx'] },
  { name: 'FFHT, AVX', build: 'AVX', flags: ['-march=native'] },
] as const;

const OURS = 'WASM';
const FLOAT_BYTES = 4;
const MICROSECONDS = 1000;
/** Floats that a call transforms: some hundred microseconds. */
const FLOATS_PER_CALL = 2 ** 20;

/**
 * The WebAssembly transform beside FFHT (A. Andoni et al.), a C library in assembly, on one thread. All transform in place what is in
 * the cache. The floor is a copy of as many floats in memory.
 */
export async function benchFwht(options: FwhtBenchOptions, progress: Progress): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-ffht-'));
  const peers: Record<string, string> = {};
  try {
    const programs = await compilePeers(folder, options.ffht);
    const rows: Row[] = [];
    for (const exponent of options.exponents)
      rows.push(...(await benchLength(exponent, programs, options, peers, progress)));
    return { rows, peers };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A compiled peer, or why there is none. */
type Program = (typeof builds)[number] & ({ readonly path: string } | { readonly missing: string });

async function compilePeers(folder: string, source: string | undefined): Promise<readonly Program[]> {
  if (source === undefined) {
    const missing =
      'not given: --ffht FOLDER, or FFHT in the environment, with the source of github.com/FALCONN-LIB/FFHT';
    return builds.map((one) => ({ ...one, missing }));
  }
  const peer = fileURLToPath(new URL('peers/ffht.c', import.meta.url));
  return Promise.all(
    builds.map(async (one): Promise<Program> => {
      const path = join(folder, one.build);
      const files = [peer, join(source, 'fht.c'), join(source, 'fast_copy.c')];
      try {
        await promisify(execFile)('gcc', [
          '-O3',
          '-std=gnu99',
          '-w',
          ...one.flags,
          `-I${source}`,
          ...files,
          '-o',
          path,
        ]);
        return { ...one, path };
      } catch (problem) {
        const [line = ''] = (problem instanceof Error ? problem.message : String(problem)).split('\n').slice(-2);
        return { ...one, missing: `gcc could not compile it in ${source}: ${line}` };
      }
    }),
  );
}

async function openPeer(
  program: Program,
  options: { exponent: number; transforms: number },
): Promise<Contender | Missing> {
  if ('missing' in program) return { name: program.name, missing: program.missing };
  const opened = await openProgram(program.name, program.path, [], options);
  if (isMissing(opened) || opened.facts['build'] === program.build) return opened;
  await opened[Symbol.asyncDispose]();
  return { name: program.name, missing: `this machine has no ${program.build}` };
}

async function benchLength(
  exponent: number,
  programs: readonly Program[],
  { rounds, calls }: FwhtBenchOptions,
  peers: Record<string, string>,
  progress: Progress,
): Promise<readonly Row[]> {
  const floats = 2 ** exponent;
  const settings = { exponent, transforms: Math.ceil(FLOATS_PER_CALL / floats) };
  progress(`2^${exponent} floats: ${rounds} rounds of ${calls} calls of ${settings.transforms} transforms`);
  const openers = [
    () => openOurs(OURS, 'fwht.ts', settings),
    ...programs.map((program) => () => openPeer(program, settings)),
  ];
  return withContenders(openers, async (contenders) => {
    const times = await alternate(contenders, { warmup: 2, rounds, calls, allCalls: true }, progress);
    const micros = (name: string): readonly number[] => (times.get(name) ?? []).map((time) => MICROSECONDS * time);
    const floor = MICROSECONDS * copyMilliseconds(FLOAT_BYTES * floats);
    return contenders.slice(1).map((peer): Row => {
      if (!isMissing(peer)) peers['FFHT'] = peer.facts['compiler'] ?? 'unknown compiler';
      const compared = compareRounds(micros(OURS), micros(peer.name));
      return {
        case: `2^${exponent} floats`,
        peerName: peer.name,
        unit: 'µs',
        ...compared,
        floor,
        oursOverFloor: ratioOf(compared.ours, floor),
        ...(isMissing(peer) ? { note: peer.missing } : {}),
      };
    });
  });
}
