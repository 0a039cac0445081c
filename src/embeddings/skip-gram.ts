import { drawAlias, type AliasTable } from './alias-table.ts';
import type { RandomStream } from '../core/random.ts';

/** What skip-gram learns: two vectors for each of V words. */
export interface SkipGramTables {
  /** N */
  readonly size: number;
  /** Row-major `[V, N]`: v_w, the vectors of words as input. */
  readonly vectors: Float32Array;
  /** Row-major `[V, N]`: u_w, the vectors of words as output. */
  readonly context: Float32Array;
}

/** log(1 + eˣ) without overflow: −log σ(−x). */
function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/**
 * One step of stochastic gradient descent on the loss of one pair of words (Mikolov et al. 2013b, equation 4):
 *
 *     ℓ = −log σ(⟨u_o, v_i⟩) − Σ_{k=1…K} log σ(−⟨u_{n_k}, v_i⟩),   σ(x) = 1 / (1 + e⁻ˣ)
 *     ∂ℓ/∂u_t = −(y_t − σ(⟨u_t, v_i⟩)) · v_i        for each target t: y = 1 for o, 0 for a noise word n_k
 *     ∂ℓ/∂v_i = −Σ_t (y_t − σ(⟨u_t, v_i⟩)) · u_t    with the u_t from before the step
 *
 * i is the input word, o the word seen beside it, n_k noise words. Both tables change in place by −`rate` times the
 * gradient. A noise word that was drawn twice is used one draw after the other.
 *
 * @param targets o, then the noise words; the first `count` entries are used.
 * @param sum `[N]` memory for ∂ℓ/∂v_i; its content does not matter.
 * @returns ℓ before the step.
 */
export function descendPair(
  { size, vectors, context }: SkipGramTables,
  input: number,
  targets: Int32Array,
  count: number,
  rate: number,
  sum: Float32Array,
): number {
  // One view at the row, so that the loops below index all three arrays from where they begin.
  const start = input * size;
  let loss = 0;
  sum.fill(0);
  for (let index = 0; index < count; index++) {
    const row = (targets[index] as number) * size;
    let dot = 0;
    for (let n = 0; n < size; n++) dot += (vectors[start + n] as number) * (context[row + n] as number);
    const positive = index === 0;
    loss += softplus(positive ? -dot : dot);
    const step = rate * ((positive ? 1 : 0) - 1 / (1 + Math.exp(-dot)));
    for (let n = 0; n < size; n++) {
      const u = context[row + n] as number;
      sum[n] = (sum[n] as number) + step * u;
      context[row + n] = u + step * (vectors[start + n] as number);
    }
  }
  for (let n = 0; n < size; n++) vectors[start + n] = (vectors[start + n] as number) + (sum[n] as number);
  return loss;
}

/** How pairs are taken from text. */
export interface SkipGramSampling {
  /** c: the largest distance between the words of a pair. */
  readonly window: number;
  /** K: noise words for each pair. */
  readonly negatives: number;
  /** `[V]`: the probability with which an occurrence of a word is kept. */
  readonly keep: Float64Array;
  /** The distribution of the noise words. */
  readonly noise: AliasTable;
  /** The id that ends a sentence. No pair crosses it; it itself belongs to the sentence that it ends. */
  readonly boundary: number;
}

/** What a piece of text gave. */
export interface SkipGramLoss {
  /** Sum of ℓ over the pairs. */
  readonly loss: number;
  readonly pairs: number;
}

/** Memory that pieces of text share. */
export interface SkipGramScratch {
  readonly kept: Int32Array;
  readonly targets: Int32Array;
  readonly sum: Float32Array;
}

/** Memory for pieces of up to `tokens` words. */
export function skipGramScratch(tokens: number, size: number, negatives: number): SkipGramScratch {
  return {
    kept: new Int32Array(tokens),
    targets: new Int32Array(1 + negatives),
    sum: new Float32Array(size),
  };
}

/**
 * Trains on one piece of text, sentence after sentence, word after word.
 *
 * Frequent words are left out first (each occurrence of w stays with the probability `keep[w]`), which also brings the
 * words around them nearer. Then every word that stayed is the output word o of pairs with the words at a distance of at
 * most b, b uniform in 1 … c for each o: nearer words count more. The other word of the pair is the input word i.
 * A noise word equal to o is dropped, not drawn again (as the authors' program does).
 *
 * @param ids words of the text; every number used is a row of the tables.
 * @param rate learning rate at the share (0 … 1) of the piece that is done.
 */
export function descendText(
  tables: SkipGramTables,
  ids: Int32Array,
  sampling: SkipGramSampling,
  random: RandomStream,
  rate: (share: number) => number,
  scratch: SkipGramScratch,
): SkipGramLoss {
  const { window, negatives, keep, noise, boundary } = sampling;
  const { kept, targets, sum } = scratch;
  let loss = 0;
  let pairs = 0;
  let begin = 0;
  while (begin < ids.length) {
    let end = begin;
    let length = 0;
    for (let last = false; !last && end < ids.length; end++) {
      const id = ids[end] as number;
      last = id === boundary;
      if (random.uniform() < (keep[id] as number)) kept[length++] = id;
    }
    for (let centre = 0; centre < length; centre++) {
      const speed = rate((begin + ((end - begin) * centre) / length) / ids.length);
      const reach = 1 + Math.floor(random.uniform() * window);
      const output = kept[centre] as number;
      targets[0] = output;
      const to = Math.min(length - 1, centre + reach);
      for (let near = Math.max(0, centre - reach); near <= to; near++) {
        if (near === centre) continue;
        let count = 1;
        for (let k = 0; k < negatives; k++) {
          const word = drawAlias(noise, random);
          if (word !== output) targets[count++] = word;
        }
        loss += descendPair(tables, kept[near] as number, targets, count, speed, sum);
        pairs++;
      }
    }
    begin = end;
  }
  return { loss, pairs };
}
