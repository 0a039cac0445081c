import { createHead, headSpec } from '../src/heads/index.ts';
import { alternate, withContenders } from './alternate.ts';
import { isMissing, openOurs, openPython } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { copyMilliseconds } from './floor.ts';
import { compareRounds, median, ratioOf } from './statistics.ts';

export interface HeadBenchOptions {
  readonly sizes: readonly { readonly features: number; readonly classes: number }[];
  readonly batches: readonly number[];
  readonly rounds: number;
  /** Calls of each contender in a round, fewer of a slow one, of which the median counts. */
  readonly calls: number;
  readonly threads: number;
  readonly interpreters: readonly string[];
}

const OURS = 'hadamard';
const FLOOR = 'copy';
const FLOAT_BYTES = 4;
const MICROSECONDS = 1000;

/**
 * What a classifier costs at inference: a Hadamard head (with its normalisation, scale and bias) against the dense product of a
 * learned head in the same runtime, and against PyTorch's Linear.
 *
 * The floor is a graph in the same runtime that only copies the first C features of each row to its output: the call, and passing
 * as many numbers in and out. `matrixCopy` is a copy in memory of the matrix `[C, N]` that a dense product has to read.
 */
export async function benchHead(options: HeadBenchOptions, progress: Progress): Promise<Measured> {
  for (const size of options.sizes) createHead(headSpec(OURS), { ...size, sign: signOf(size) });
  const rows: Row[] = [];
  const peers: Record<string, string> = {};
  for (const size of options.sizes) {
    for (const batch of options.batches) rows.push(...(await benchCase(size, batch, options, peers, progress)));
  }
  return { rows, peers };
}

const signOf = ({ features, classes }: HeadBenchOptions['sizes'][number]) =>
  classes === features ? 'signed' : 'non-negative';

async function benchCase(
  { features, classes }: HeadBenchOptions['sizes'][number],
  batch: number,
  { rounds, calls, threads, interpreters }: HeadBenchOptions,
  peers: Record<string, string>,
  progress: Progress,
): Promise<readonly Row[]> {
  const shared = { features, classes, batch, threads };
  const name = `${features} → ${classes}, batch ${batch}`;
  progress(`${name}: ${rounds} rounds of ${calls} calls`);
  const linear = (library: string, label: string) => () =>
    openPython(label, 'linear.py', { ...shared, library }, interpreters);
  const openers = [
    () => openOurs(OURS, 'head.ts', { ...shared, head: OURS }),
    () => openOurs('dense, same runtime', 'head.ts', { ...shared, head: 'learned' }),
    () => openOurs(FLOOR, 'head.ts', { ...shared, head: FLOOR }),
    linear('BLAS', 'PyTorch Linear'),
    linear('oneDNN', 'PyTorch Linear, oneDNN'),
  ];
  return withContenders(openers, async (contenders) => {
    const times = await alternate(contenders, { warmup: 2, rounds, calls }, progress);
    const micros = (one: string): readonly number[] => (times.get(one) ?? []).map((time) => MICROSECONDS * time);
    const floor = median(micros(FLOOR));
    const matrixCopy = MICROSECONDS * copyMilliseconds(FLOAT_BYTES * features * classes);
    const rivals = contenders.filter(({ name: one }) => one !== OURS && one !== FLOOR);
    return rivals.map((peer): Row => {
      if (!isMissing(peer) && peer.name.startsWith('PyTorch')) peers['PyTorch'] = peer.facts['version'] ?? 'unknown';
      const compared = compareRounds(micros(OURS), micros(peer.name));
      return {
        case: name,
        peerName: peer.name,
        unit: 'µs',
        ...compared,
        floor,
        oursOverFloor: ratioOf(compared.ours, floor),
        matrixCopy,
        ...(isMissing(peer) ? { note: peer.missing } : {}),
      };
    });
  });
}
