import { internalError } from '../src/core/errors.ts';
import { alternate, withContenders } from './alternate.ts';
import { multiplyAdds } from './arithmetic.ts';
import { isMissing, openOurs, openPython } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { peakMultiplyAdds } from './floor.ts';
import { lmStepProgram, type LmStepSizes, type LmVectors } from './lm-step-models.ts';
import { expectSameModel, rowOf } from './train-step.ts';

export interface LmStepOptions {
  /** Sizes of the state and of a word vector. */
  readonly hidden: readonly number[];
  readonly layers: number;
  readonly words: number;
  readonly batch: number;
  readonly window: number;
  readonly rounds: number;
  readonly warmup: number;
  readonly threads: number;
  readonly interpreters: readonly string[];
  /** Size of the MatMul that the floor is measured with. */
  readonly matmul: number;
}

const OURS = ['learned', 'fixed vectors', 'Hadamard'] as const satisfies readonly LmVectors[];
const PYTORCH = ['learned', 'fixed vectors'] as const satisfies readonly LmVectors[];
const peerName = (vectors: LmVectors): string => `PyTorch, ${vectors}`;

/** Who is compared: ours, and beside whom. */
const pairs: readonly (readonly [LmVectors, string])[] = [
  ['learned', peerName('learned')],
  ['fixed vectors', peerName('fixed vectors')],
  ['fixed vectors', peerName('learned')],
  ['fixed vectors', 'learned'],
  ['Hadamard', peerName('learned')],
  ['Hadamard', 'learned'],
];

/**
 * How long a whole training step of a language model takes (dropout masks, forward, backward, clipping, Adam) and how much memory
 * the process has needed at its peak: with learned word vectors, fixed ones from a table and fixed Hadamard vectors, each beside
 * the same model in PyTorch, and the fixed ones beside ours with learned ones.
 */
export async function benchLmStep(options: LmStepOptions, progress: Progress): Promise<Measured> {
  const { hidden, threads, matmul, words, batch, window, layers } = options;
  progress('measuring the peak of MatMul');
  const peak = await peakMultiplyAdds(threads, matmul);
  const rows: Row[] = [];
  const peers: Record<string, string> = {};
  for (const size of hidden)
    rows.push(...(await benchSize({ words, hidden: size, layers, batch, window }, peak, options, peers, progress)));
  return { rows, peers };
}

async function benchSize(
  sizes: LmStepSizes,
  peak: number,
  { threads, interpreters, rounds, warmup }: LmStepOptions,
  peers: Record<string, string>,
  progress: Progress,
): Promise<readonly Row[]> {
  const { words, hidden, layers, batch, window } = sizes;
  const name = `${layers} × ${hidden}, ${words} words`;
  progress(`${name}: building`);
  const floors = new Map(
    OURS.map((vectors) => [vectors, multiplyAdds(lmStepProgram(vectors, sizes).graph) / peak] as const),
  );
  const shared = { ...sizes, threads };
  const openers = [
    ...OURS.map((vectors) => () => openOurs(vectors, 'lm-step.ts', { ...shared, vectors })),
    ...PYTORCH.map(
      (vectors) => () => openPython(peerName(vectors), 'lm_step.py', { ...shared, vectors }, interpreters),
    ),
  ];
  return withContenders(openers, async (contenders) => {
    const of = (wanted: string) => {
      const found = contenders.find((one) => one.name === wanted);
      if (found === undefined) throw internalError('no such contender', { received: wanted });
      return found;
    };
    for (const vectors of PYTORCH) expectSameModel([of(vectors), of(peerName(vectors))]);
    progress(`${name}: ${warmup} + ${rounds} steps of each`);
    const times = await alternate(contenders, { warmup, rounds, calls: 1 }, progress);
    const memory = new Map<string, number>();
    for (const one of contenders) {
      if (isMissing(one)) continue;
      memory.set(one.name, await one.peakMegabytes());
      if (one.name.startsWith('PyTorch')) peers['PyTorch'] = one.facts['version'] ?? 'unknown';
    }
    return pairs.map(([own, peer]) => {
      const row = rowOf(`${name}, ${own}`, of(own), of(peer), times, memory, floors.get(own) ?? NaN);
      const tokens = (milliseconds: number | null): number | null =>
        milliseconds === null ? null : (1000 * batch * window) / milliseconds;
      return {
        ...row,
        peerName: peer === 'learned' ? 'ours, learned' : peer,
        oursTokens: tokens(row.ours),
        peerTokens: tokens(row.peer),
      };
    });
  });
}
