import type { CosineBins } from './cosines.ts';

/** The loss that a scale must let a perfect sample reach: probability 0.905 for its class. */
export const REACHABLE_LOSS = 0.1;

/** Beyond this no scale is sought: exp(−α(1 − cos)) of any two directions that a float32 tells apart is small by then. */
const LARGEST_SCALE = 1e7;

const CURVE_POINTS = 61;

/** What a scale α does to the logits of C classes on N features, and how large it has to become. */
export interface ScaleAdvice {
  /** α at the start, or the α that stays. */
  readonly start: number;
  readonly learned: boolean;
  /** Standard deviation α/√N of the logits of random features: a direction at random has cosines of sd 1/√N with unit vectors. */
  readonly logitDeviation: number;
  /** α(1 − mean cos): how far features that point along a class vector lift its logit above the mean of the others. */
  readonly logitSpan: number;
  /** log(C − 1): how far it has to be lifted for the class to get probability ½ against C − 1 others that are equal. */
  readonly logOthers: number;
  /** Cross-entropy in nats of features that point along their class vector, at the start's α. */
  readonly alignedLoss: number;
  /** The smallest α at which that loss is at most {@link REACHABLE_LOSS}; `null` where no α reaches it (equal class vectors). */
  readonly needed: number | null;
  /** The loss by α, from 0 to well beyond what is needed: what a chart draws. */
  readonly losses: readonly { readonly scale: number; readonly loss: number }[];
}

/**
 * Cross-entropy of features that point exactly along their class vector, without biases:
 * log(1 + Σ_{j ≠ t} exp(α(cos_tj − 1))), the sum taken as C − 1 times the mean over the pairs that were measured. It is the floor of
 * what training can reach with this α wherever all class vectors are alike (and near it elsewhere).
 *
 * @param bins cosines of pairs of different class vectors
 */
export function alignedLoss({ counts, sums }: CosineBins, classes: number, scale: number): number {
  let [pairs, total] = [0, 0];
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin] ?? 0;
    if (count === 0) continue;
    pairs += count;
    total += count * Math.exp(scale * ((sums[bin] ?? 0) / count - 1));
  }
  return pairs === 0 ? 0 : Math.log1p(((classes - 1) * total) / pairs);
}

/** The smallest scale at which {@link alignedLoss} is at most `loss`, to four digits; `null` where there is none. */
export function scaleReaching(bins: CosineBins, classes: number, loss: number): number | null {
  if (alignedLoss(bins, classes, LARGEST_SCALE) > loss) return null;
  // The loss falls with the scale, because no cosine exceeds 1.
  let [low, high] = [0, 1];
  while (alignedLoss(bins, classes, high) > loss) [low, high] = [high, 2 * high];
  while (high - low > 1e-5 * high) {
    const middle = (low + high) / 2;
    if (alignedLoss(bins, classes, middle) > loss) low = middle;
    else high = middle;
  }
  return high;
}

/** What to expect of α. `mean` is the mean cosine of different class vectors. */
export function scaleAdvice(
  options: { readonly classes: number; readonly features: number; readonly start: number; readonly learned: boolean },
  cosines: { readonly mean: number; readonly bins: CosineBins },
): ScaleAdvice {
  const { classes, features, start, learned } = options;
  const needed = scaleReaching(cosines.bins, classes, REACHABLE_LOSS);
  const end = 1.5 * Math.max(start, needed ?? 0);
  return Object.freeze({
    start,
    learned,
    logitDeviation: start / Math.sqrt(features),
    logitSpan: start * (1 - cosines.mean),
    logOthers: Math.log(classes - 1),
    alignedLoss: alignedLoss(cosines.bins, classes, start),
    needed,
    losses: Array.from({ length: CURVE_POINTS }, (_, place) => {
      const scale = (end * place) / (CURVE_POINTS - 1);
      return { scale, loss: alignedLoss(cosines.bins, classes, scale) };
    }),
  });
}
