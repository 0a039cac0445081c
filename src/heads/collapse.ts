/**
 * Neural collapse: late in training the features of a class gather around their mean, and the class means around the class vectors
 * (Papyan, Han & Donoho, "Prevalence of neural collapse during the terminal phase of deep learning training", PNAS 2020).
 */

/** Features of some images with their classes. */
export interface ClassFeatures {
  /** N, numbers of one feature vector. */
  readonly features: number;
  readonly classes: number;
  /** `[count, N]` */
  readonly values: Float32Array;
  /** `[count]` */
  readonly labels: Int32Array;
}

/** See {@link collapseOf}. */
export interface Collapse {
  /** Classes that have an image. */
  readonly present: number;
  /** tr Σ_W / tr Σ_B; `null` where all class means are one. */
  readonly variabilityRatio: number | null;
  /** `[classes]` cosine of each class mean with its class vector; NaN for a class without an image. */
  readonly cosines: Float64Array;
  /** The same with the mean of the class means subtracted from each. */
  readonly centredCosines: Float64Array;
}

/**
 * How far features have collapsed. With features h of class c, their mean μ_c and the mean μ of all μ_c:
 *
 * - variability: tr Σ_W / tr Σ_B = mean over images of ‖h − μ_c‖² / mean over classes of ‖μ_c − μ‖², the ratio of traces in place of
 *   Papyan, Han & Donoho's tr(Σ_W Σ_B⁺)/C: 0 where every image of a class has the same features, large where classes overlap.
 *   It needs no inverse, so it is defined for any number of images and classes.
 * - alignment: cos(μ_c, q_c), and cos(μ_c − μ, q_c): 1 where a class points along its class vector q_c.
 *
 * Few images of a class make both look better than they are: with one, its own variability is 0.
 *
 * @param vector the class vector of a class, `[N]`, of any length
 */
export function collapseOf(
  { features, classes, values, labels }: ClassFeatures,
  vector: (index: number) => Float32Array,
): Collapse {
  const counts = new Float64Array(classes);
  const means = new Float64Array(classes * features);
  labels.forEach((label, image) => {
    counts[label] = (counts[label] ?? 0) + 1;
    for (let k = 0; k < features; k++) {
      means[label * features + k] = (means[label * features + k] ?? 0) + (values[image * features + k] ?? 0);
    }
  });
  const overall = new Float64Array(features);
  let present = 0;
  for (let index = 0; index < classes; index++) {
    const count = counts[index] ?? 0;
    if (count === 0) continue;
    present++;
    for (let k = 0; k < features; k++) {
      const mean = (means[index * features + k] ?? 0) / count;
      means[index * features + k] = mean;
      overall[k] = (overall[k] ?? 0) + mean;
    }
  }
  for (let k = 0; k < features; k++) overall[k] = (overall[k] ?? 0) / Math.max(1, present);

  let within = 0;
  labels.forEach((label, image) => {
    for (let k = 0; k < features; k++) {
      within += ((values[image * features + k] ?? 0) - (means[label * features + k] ?? 0)) ** 2;
    }
  });
  let between = 0;
  const cosines = new Float64Array(classes).fill(Number.NaN);
  const centredCosines = new Float64Array(classes).fill(Number.NaN);
  for (let index = 0; index < classes; index++) {
    if (counts[index] === 0) continue;
    const mean = means.subarray(index * features, (index + 1) * features);
    const centred = mean.map((entry, k) => entry - (overall[k] ?? 0));
    between += dot(centred, centred);
    const own = vector(index);
    cosines[index] = cosine(mean, own);
    centredCosines[index] = cosine(centred, own);
  }
  const scatter = between / Math.max(1, present);
  return Object.freeze({
    present,
    variabilityRatio: scatter > 0 ? within / Math.max(1, labels.length) / scatter : null,
    cosines,
    centredCosines,
  });
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] ?? 0) * (b[k] ?? 0);
  return sum;
}

/** 0 where one of the two has no length. */
function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const lengths = Math.sqrt(dot(a, a) * dot(b, b));
  return lengths > 0 ? dot(a, b) / lengths : 0;
}
