import { inputError, usageError } from '../../core/errors.ts';

/** Gathers the mean direction of every class's features, batch by batch. */
export interface ClassMeans {
  /**
   * Adds features `[batch, N]` row-major with their labels `[batch]` in 0 … C − 1.
   *
   * @throws an input error that names the class where a feature is NaN or infinite; a usage error where the lengths do not
   * match or a label is outside 0 … C − 1. Nothing of a refused batch is added.
   */
  readonly add: (features: Float32Array, labels: ArrayLike<number>) => void;
  /** Samples added for each class, `[C]`. */
  readonly counts: () => Uint32Array;
  /**
   * The direction of every class, `[C, N]` row-major: mᵢ = mean of x/‖x‖ over the samples x of class i; with `centred`
   * less the mean of all mᵢ (classes without samples left out); then mᵢ/‖mᵢ‖. A row of zeros where there is no direction: a
   * class without samples, or one whose mean does not differ from what is subtracted by more than float32 rounding. Such
   * a class gets whichever class vector is left.
   */
  readonly means: (options: { readonly centred: boolean }) => Float32Array;
}

/** Below this length a mean of unit vectors is rounding: float32 has 24 bits. */
const NO_DIRECTION = 2 ** -22;

/** An empty accumulator for C classes and N features. Sums are float64: 8·C·N bytes, and 4·C·N more for a result. */
export function createClassMeans(classes: number, features: number): ClassMeans {
  for (const [name, value] of [
    ['classes', classes],
    ['features', features],
  ] as const)
    if (!Number.isSafeInteger(value) || value < 1)
      throw usageError(`the number of ${name} must be a positive integer`, { where: name, received: String(value) });
  const sums = new Float64Array(classes * features);
  const counts = new Uint32Array(classes);

  const add = (batch: Float32Array, labels: ArrayLike<number>): void => {
    if (batch.length !== labels.length * features)
      throw usageError('features and labels do not match', {
        expected: `${labels.length} labels × ${features} features = ${labels.length * features} numbers`,
        received: `${batch.length}`,
      });
    const scales = new Float64Array(labels.length);
    for (let sample = 0; sample < labels.length; sample++) {
      const label = checkedLabel(labels[sample], classes);
      const length = lengthOf(batch, sample * features, features);
      if (!Number.isFinite(length))
        throw inputError(`a feature of a sample of class ${label} is not a finite number`, {
          hint: 'training has probably diverged: look at its loss, and try a smaller learning rate',
        });
      scales[sample] = length === 0 ? 0 : 1 / length;
    }
    for (let sample = 0; sample < labels.length; sample++) {
      const label = labels[sample] ?? 0;
      const scale = scales[sample] ?? 0;
      for (let k = 0; k < features; k++) {
        const at = label * features + k;
        sums[at] = (sums[at] ?? 0) + scale * (batch[sample * features + k] ?? 0);
      }
      counts[label] = (counts[label] ?? 0) + 1;
    }
  };

  const means = ({ centred }: { readonly centred: boolean }): Float32Array => {
    const centre = centred ? centreOf(sums, counts, features) : new Float64Array(features);
    const result = new Float32Array(classes * features);
    const mean = new Float64Array(features);
    for (let i = 0; i < classes; i++) {
      const count = counts[i] ?? 0;
      if (count === 0) continue;
      for (let k = 0; k < features; k++) mean[k] = (sums[i * features + k] ?? 0) / count - (centre[k] ?? 0);
      const length = lengthOf(mean, 0, features);
      if (length <= NO_DIRECTION) continue;
      for (let k = 0; k < features; k++) result[i * features + k] = (mean[k] ?? 0) / length;
    }
    return result;
  };

  return Object.freeze({ add, counts: () => counts.slice(), means });
}

/** The mean over the classes that have samples of their mean features. */
function centreOf(sums: Float64Array, counts: Uint32Array, features: number): Float64Array {
  const centre = new Float64Array(features);
  const present = counts.reduce((number, count) => number + (count > 0 ? 1 : 0), 0);
  for (const [i, count] of counts.entries()) {
    if (count === 0) continue;
    for (let k = 0; k < features; k++) centre[k] = (centre[k] ?? 0) + (sums[i * features + k] ?? 0) / (count * present);
  }
  return centre;
}

/** Euclidean length; squares of float32 numbers neither overflow nor vanish in float64. */
function lengthOf(values: Float32Array | Float64Array, from: number, count: number): number {
  let square = 0;
  for (let k = from; k < from + count; k++) square += (values[k] ?? 0) ** 2;
  return Math.sqrt(square);
}

function checkedLabel(label: number | undefined, classes: number): number {
  if (label !== undefined && Number.isInteger(label) && label >= 0 && label < classes) return label;
  throw usageError('a label is outside the classes', {
    expected: `an integer from 0 to ${classes - 1}`,
    received: String(label),
  });
}
