import { createHead, headSpec } from '../src/heads/index.ts';
import { alternate, withContenders } from './alternate.ts';
import { isMissing, openOurs, openPython, type Contender, type Missing } from './contender.ts';
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
  /** The browser that runs the WebAssembly head as well. */
  readonly chromium: string;
}

/** Ours: the exported ONNX form, and the WebAssembly head for all logits and for the five best classes, in Node and in a browser. */
const ours = ['hadamard', 'WASM logits', 'WASM top 5', 'Chromium logits', 'Chromium top 5'] as const;
const FLOOR = 'copy';
const FLOAT_BYTES = 4;
const MICROSECONDS = 1000;
/** A protobuf message, so an ONNX file, is shorter than this; PyTorch is spared such matrices too. */
const MOST_BYTES = 2 ** 31;
/** A copy of more is timed on this much. */
const COPIED_BYTES = 2 ** 28;

type Size = HeadBenchOptions['sizes'][number];

/**
 * What a classifier costs at inference: a Hadamard head (with its normalisation, scale and bias) as an ONNX graph and in
 * WebAssembly (one thread), against the dense product of a learned head in ONNX Runtime, and against PyTorch's Linear.
 *
 * The floor is a graph in ONNX Runtime that only copies the features of each row, cut or filled up to C, to its output: the call, and
 * passing as many numbers in and out. `matrixCopy` is a copy in memory of the matrix `[C, N]` that a dense product has to read.
 */
export async function benchHead(options: HeadBenchOptions, progress: Progress): Promise<Measured> {
  for (const size of options.sizes) createHead(headSpec('hadamard'), { ...size, sign: signOf(size) });
  const rows: Row[] = [];
  const peers: Record<string, string> = {};
  for (const size of options.sizes) {
    for (const batch of options.batches) rows.push(...(await benchCase(size, batch, options, peers, progress)));
  }
  return { rows, peers };
}

const signOf = ({ features, classes }: Size) => (classes >= features ? 'signed' : 'non-negative');

/** The dense product, unless its matrix is too large to try. */
function dense(name: string, { features, classes }: Size, opener: () => Promise<Contender | Missing>) {
  const bytes = FLOAT_BYTES * features * classes;
  const missing = `not run: a matrix of ${(bytes / 1e9).toFixed(1)} GB`;
  return bytes < MOST_BYTES ? opener : () => Promise.resolve({ name, missing });
}

async function benchCase(
  size: Size,
  batch: number,
  { rounds, calls, threads, interpreters, chromium }: HeadBenchOptions,
  peers: Record<string, string>,
  progress: Progress,
): Promise<readonly Row[]> {
  const { features, classes } = size;
  const shape = { features, classes, batch };
  const shared = { ...shape, threads };
  const name = `${features} → ${classes}, batch ${batch}`;
  progress(`${name}: ${rounds} rounds of ${calls} calls`);
  const linear = (library: string, label: string) =>
    dense(label, size, () => openPython(label, 'linear.py', { ...shared, library }, interpreters));
  const [onnx, ...webAssembly] = ours;
  const openers = [
    () => openOurs(onnx, 'head.ts', { ...shared, head: 'hadamard' }),
    ...webAssembly.map((label) => {
      const result = label.endsWith('logits') ? 'logits' : 'top5';
      return label.startsWith('Chromium')
        ? () => openOurs(label, 'head-chromium.ts', { ...shape, result, chromium })
        : () => openOurs(label, 'head-wasm.ts', { ...shape, result });
    }),
    () => openOurs(FLOOR, 'head.ts', { ...shared, head: 'copy' }),
    dense('dense, ONNX Runtime', size, () =>
      openOurs('dense, ONNX Runtime', 'head.ts', { ...shared, head: 'learned' }),
    ),
    linear('BLAS', 'PyTorch Linear'),
    linear('oneDNN', 'PyTorch Linear, oneDNN'),
  ];
  return withContenders(openers, async (contenders) => {
    const times = await alternate(contenders, { warmup: 2, rounds, calls }, progress);
    const micros = (one: string): readonly number[] => (times.get(one) ?? []).map((time) => MICROSECONDS * time);
    const floor = median(micros(FLOOR));
    const bytes = FLOAT_BYTES * features * classes;
    const copied = Math.min(bytes, COPIED_BYTES);
    const matrixCopy = ((MICROSECONDS * bytes) / copied) * copyMilliseconds(copied);
    const rivals = contenders.slice(ours.length + 1);
    for (const peer of rivals) {
      if (!isMissing(peer) && peer.name.startsWith('PyTorch')) peers['PyTorch'] = peer.facts['version'] ?? 'unknown';
    }
    return contenders.slice(0, ours.length).flatMap((one) =>
      rivals.map((peer): Row => {
        const compared = compareRounds(micros(one.name), micros(peer.name));
        const note = isMissing(one) ? `${one.name}: ${one.missing}` : isMissing(peer) ? peer.missing : undefined;
        return {
          case: `${name}, ${one.name}`,
          peerName: peer.name,
          unit: 'µs',
          ...compared,
          floor,
          oursOverFloor: ratioOf(compared.ours, floor),
          matrixCopy,
          ...(note === undefined ? {} : { note }),
        };
      }),
    );
  });
}
