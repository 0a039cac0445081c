import { defined } from '../src/core/errors.ts';
import { alternate, withContenders } from './alternate.ts';
import { multiplyAdds } from './arithmetic.ts';
import { isMissing, openOurs, type Contender, type Missing } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { copyMilliseconds, peakMultiplyAdds } from './floor.ts';
import { compareRounds, ratioOf } from './statistics.ts';
import { wordGraph, type WordKind } from './word-graph.ts';

export interface WordSoftmaxOptions {
  /** Rows, features and words of each place. */
  readonly sizes: readonly { readonly batch: number; readonly features: number; readonly words: number }[];
  readonly rounds: number;
  readonly warmup: number;
  readonly threads: number;
  /** Size of the MatMul that the floor is measured with. */
  readonly matmul: number;
}

/** What each way of scoring words is timed beside. */
const beside = {
  learned: 'products-learned',
  fixed: 'products-fixed',
  hadamard: 'fixed',
} as const satisfies Partial<Record<WordKind, WordKind>>;
const kinds = ['learned', 'fixed', 'hadamard', 'products-learned', 'products-fixed'] as const;

const names = {
  learned: 'learned table',
  fixed: 'fixed table',
  hadamard: 'Hadamard vectors',
  'products-learned': 'its three products alone',
  'products-fixed': 'its two products alone',
} as const satisfies Record<WordKind, string>;

/**
 * Loss and all gradients of the softmax over the words of a vocabulary, with a bias: a learned table (gradients to the hidden states, the
 * table and the bias), a fixed one and Hadamard vectors (to the hidden states and the bias), each with the peak memory of its process.
 *
 * Beside the tables run the matrix products that no implementation can leave out, in the same runtime; beside Hadamard vectors
 * the fixed table. The floor is the multiply-adds of the step at the rate of a large MatMul; the note says how long a copy of all
 * logits takes.
 */
export async function benchWordSoftmax(options: WordSoftmaxOptions, progress: Progress): Promise<Measured> {
  const { sizes, rounds, warmup, threads, matmul } = options;
  progress('measuring the peak of MatMul');
  const peak = await peakMultiplyAdds(threads, matmul);
  const rows: Row[] = [];
  for (const size of sizes) {
    const { batch, features, words } = size;
    progress(`${batch} rows × ${features} × ${words} words: ${warmup} + ${rounds} rounds`);
    const copy = copyMilliseconds(4 * batch * words);
    const openers = kinds.map((kind) => () => openOurs(kind, 'word-softmax.ts', { ...size, kind, threads }));
    await withContenders(openers, async (contenders) => {
      const times = await alternate(contenders, { warmup, rounds, calls: 1 }, progress);
      const memory = new Map<WordKind, number | null>();
      for (const [index, kind] of kinds.entries())
        memory.set(kind, await megabytesOf(defined(contenders[index], kind)));
      for (const [kind, other] of Object.entries(beside) as [keyof typeof beside, WordKind][]) {
        const compared = compareRounds(times.get(kind) ?? [], times.get(other) ?? []);
        const floor = multiplyAdds(wordGraph({ ...size, kind })) / peak;
        const [oursMegabytes = null, peerMegabytes = null] = [memory.get(kind), memory.get(other)];
        rows.push({
          case: `${names[kind]}, ${batch} × ${features}, ${words} words`,
          peerName: names[other],
          unit: 'ms',
          ...compared,
          floor,
          oursOverFloor: ratioOf(compared.ours, floor),
          oursMegabytes,
          peerMegabytes,
          memoryRatio: ratioOf(oursMegabytes, peerMegabytes),
          note: `copying the logits: ${copy.toFixed(1)} ms`,
        });
      }
    });
  }
  return { rows, peers: {} };
}

const megabytesOf = async (one: Contender | Missing): Promise<number | null> =>
  isMissing(one) ? null : one.peakMegabytes();
