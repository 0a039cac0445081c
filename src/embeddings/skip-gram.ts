import type { RandomStream } from '../core/random.ts';
import { drawAlias, type AliasTable } from './alias-table.ts';

/**
 * One step of stochastic gradient descent on the loss of one pair of words (Mikolov et al. 2013b, equation 4):
 *
 *     ℓ = −log σ(⟨u_o, v_i⟩) − Σ_{k=1…K} log σ(−⟨u_{n_k}, v_i⟩),   σ(x) = 1 / (1 + e⁻ˣ)
 *     ∂ℓ/∂u_t = −(y_t − σ(⟨u_t, v_i⟩)) · v_i        for each target t: y = 1 for o, 0 for a noise word n_k
 *     ∂ℓ/∂v_i = −Σ_t (y_t − σ(⟨u_t, v_i⟩)) · u_t    with the u_t from before the step
 *
 * i is the input word with the input vector v_i, o the word seen beside it, n_k a noise word, u_t the output vector of a
 * word t. Both tables change in place by −`rate` times the gradient. A noise word that was drawn twice is used one draw
 * after the other.
 */
export interface PairDescent {
  /** `[1 + K]` where the caller writes o, then the noise words. */
  readonly targets: Int32Array;
  /** One step with the first `count` targets; returns ℓ before it. */
  readonly descend: (input: number, count: number, rate: number) => number;
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

/**
 * Trains on one piece of text, sentence after sentence, word after word.
 *
 * Frequent words are left out first (each occurrence of w stays with the probability `keep[w]`), which also brings the
 * words around them nearer. Then every word that stayed is the output word o of pairs with the words at a distance of at
 * most b, b uniform in 1 … c for each o: nearer words count more. The other word of the pair is the input word i.
 * A noise word equal to o is dropped, not drawn again (as the authors' program does).
 *
 * @param ids words of the text; every one is a row of the tables.
 * @param kept memory for as many words.
 * @param rate learning rate at the share (0 … 1) of the piece that is done.
 */
export function descendText(
  { targets, descend }: PairDescent,
  ids: Int32Array,
  sampling: SkipGramSampling,
  random: RandomStream,
  rate: (share: number) => number,
  kept: Int32Array,
): SkipGramLoss {
  const { window, negatives, keep, noise, boundary } = sampling;
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
        loss += descend(kept[near] as number, count, speed);
        pairs++;
      }
    }
    begin = end;
  }
  return { loss, pairs };
}
