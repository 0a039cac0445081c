import { inputError } from '../core/errors.ts';
import { median } from '../core/statistics.ts';

/** What a probe says of some images. */
export interface Probed {
  readonly count: number;
  /** `[count, N]` rows of length 1. */
  readonly features: Float32Array;
  /** `[count]` the largest logit of the classes that there are. */
  readonly best: Float32Array;
  /** `[count]` 1 where that is the image's own class. */
  readonly correct: Uint8Array;
}

/** A bias and what it reaches on the images that it was chosen by. */
export interface BiasChoice {
  readonly bias: number;
  /** Share of the new class's images that it wins, 0 … 1. */
  readonly recall: number;
  /** Share of the old images that stay right, 0 … 1; `undefined` without old images. */
  readonly kept: number | undefined;
}

/** How far the score of a vector, without a bias, is below the best of the old classes: the new class wins where its bias is more than this. */
export function marginsOf({ count, features, best }: Probed, vector: Float32Array, scale: number): Float64Array {
  const size = vector.length;
  const margins = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    let product = 0;
    for (let k = 0; k < size; k++) product += (features[index * size + k] ?? 0) * (vector[k] ?? 0);
    margins[index] = (best[index] ?? 0) - scale * product;
  }
  return margins;
}

/** Of ascending numbers, how many are below x. */
function below(sorted: Float64Array, x: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What is reached with a given bias. */
export function reachedWith(bias: number, margins: Float64Array, old?: OldMargins): BiasChoice {
  const won = below(margins, bias);
  const kept = old === undefined ? undefined : (old.margins.length - below(old.margins, bias)) / old.count;
  return { bias, recall: won / margins.length, kept };
}

/** Margins of the old images that are right, ascending, and how many old images there are in all. */
export interface OldMargins {
  readonly margins: Float64Array;
  readonly count: number;
}

/**
 * The bias of a new class. With old images the one of greatest (recall + kept)/2, where recall is the share of new images that the class
 * wins and kept the share of old ones that stay right; in the middle of the widest interval of equal values. Without them the median
 * margin of the new images: half of them are won.
 *
 * @param margins of the new class's images, ascending
 */
export function chooseBias(margins: Float64Array, old?: OldMargins): BiasChoice {
  if (old === undefined) {
    const bias = median([...margins]);
    return { bias, recall: below(margins, bias) / margins.length, kept: undefined };
  }
  const points = Float64Array.from(new Set([...margins, ...old.margins])).sort();
  const first = points[0] ?? 0;
  const last = points.at(-1) ?? 0;
  let chosen: BiasChoice | undefined;
  let [value, width] = [-1, 0];
  // Between two margins nothing changes; a bias on the upper one still leaves that image to its old class.
  for (let place = 0; place <= points.length; place++) {
    const low = place === 0 ? first - 1 : (points[place - 1] ?? 0);
    const high = place === points.length ? last + 1 : (points[place] ?? 0);
    const reached = reachedWith((low + high) / 2, margins, old);
    const sum = reached.recall + (reached.kept ?? 0);
    if (sum > value || (sum === value && high - low > width)) {
      chosen = reached;
      [value, width] = [sum, high - low];
    }
  }
  return chosen ?? { bias: 0, recall: 0, kept: undefined };
}

/** The margins of images in which something can be lost: those that are right. */
export function oldMargins(probed: Probed, vector: Float32Array, scale: number): OldMargins {
  const margins = marginsOf(probed, vector, scale).filter((_, index) => probed.correct[index] === 1);
  return { margins: margins.sort(), count: probed.count };
}

/** The mean of unit features, `[N]`, in float64 before it is rounded. @throws an input error where there is nothing but zeros, or no number. */
export function meanFeature({ features, count }: Probed, dimension: number): Float32Array {
  const sum = new Float64Array(dimension);
  for (let index = 0; index < count; index++) {
    for (let k = 0; k < dimension; k++) sum[k] = (sum[k] ?? 0) + (features[index * dimension + k] ?? 0) / count;
  }
  const length = Math.hypot(...sum.map((x) => (Number.isFinite(x) ? x : Infinity)));
  if (!Number.isFinite(length)) {
    throw inputError('the model gives features that are no numbers for images of the new class', {
      hint: 'its training has probably diverged: look at its loss',
    });
  }
  if (length === 0) {
    throw inputError('the model gives no features for images of the new class: all are 0', {
      hint: 'fixhead inspect shows what is wrong with it',
    });
  }
  return Float32Array.from(sum);
}

/** The `most` slots of greatest value among `slots`, the greatest first; of equal values the lower slot. */
export function topSlots(slots: Uint32Array, values: ArrayLike<number>, most: number): readonly number[] {
  const chosen: number[] = [];
  const before = (a: number, b: number): boolean => {
    const difference = (values[a] ?? 0) - (values[b] ?? 0);
    return difference > 0 || (difference === 0 && a < b);
  };
  for (const slot of slots) {
    const worst = chosen.at(-1);
    if (chosen.length === most && worst !== undefined && !before(slot, worst)) continue;
    const place = chosen.findIndex((each) => before(slot, each));
    chosen.splice(place < 0 ? chosen.length : place, 0, slot);
    if (chosen.length > most) chosen.pop();
  }
  return chosen;
}

/** A slot for a new class, with its bias. */
export interface SlotChoice extends BiasChoice {
  readonly slot: number;
  /** Mean cosine of the new class's images with the vector. */
  readonly cosine: number;
}

/** Slots that are tried on the images, of those nearest to the new class and of those that tell it best from the old ones. */
const TRIED = 16;

/**
 * The unused vector of a new class, and its bias. Tried are the vectors of greatest mean cosine with its images and, with old images,
 * those whose mean cosine with new ones exceeds that with old ones most; of these the one that reaches most, (recall + kept)/2, with its
 * best bias, and without old images the nearest.
 *
 * @param cosines mean cosines `[S]` of the new images, and of the old ones, with all vectors of the pool
 */
export function chooseSlot(
  unused: Uint32Array,
  { scale, biased, vector }: { scale: number; biased: boolean; vector: (slot: number) => Float32Array },
  fresh: { readonly probed: Probed; readonly cosines: Float32Array },
  old: { readonly probed: Probed; readonly cosines: Float32Array } | undefined,
): SlotChoice {
  const near = topSlots(unused, fresh.cosines, old === undefined ? 1 : TRIED);
  const apart =
    old === undefined
      ? []
      : topSlots(
          unused,
          fresh.cosines.map((x, slot) => x - (old.cosines[slot] ?? 0)),
          TRIED,
        );
  let best: SlotChoice | undefined;
  for (const slot of new Set([...near, ...apart])) {
    const row = vector(slot);
    const margins = marginsOf(fresh.probed, row, scale).sort();
    const others = old === undefined ? undefined : oldMargins(old.probed, row, scale);
    const reached = biased ? chooseBias(margins, others) : reachedWith(0, margins, others);
    const sum = reached.recall + (reached.kept ?? 0);
    if (best === undefined || sum > best.recall + (best.kept ?? 0)) {
      best = { ...reached, slot, cosine: fresh.cosines[slot] ?? 0 };
    }
  }
  if (best === undefined) throw inputError('no class vector is unused');
  return best;
}
