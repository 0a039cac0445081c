import { usageError } from '../core/errors.ts';
import { permutation, randomStream } from '../core/random.ts';
import { float32, tensor } from '../core/tensor.ts';
import { checkStorable, storedProducts } from './dense.ts';
import type { Geometry, GeometryRequest } from './geometry.ts';
import { measuredOnce } from './measured.ts';
import { distinctRows } from './distinct-rows.ts';
import type { Directions } from './spec.ts';

/** The promise beyond measurement is kept by all but one in a million seeds. */
const BROKEN_PROMISES = 1e-6;

/**
 * A bound on the coherence of C independent random directions of R^N that holds with probability 1 − δ, δ = 10⁻⁶:
 * √(2·ln(C(C − 1)/δ)/N), by a union bound over C(C − 1)/2 pairs.
 *
 * For one pair P(|cos| ≥ t) ≤ 2·exp(−N·t²/2): for signs by Hoeffding's inequality (1963), for directions uniform on the sphere by the
 * bound on spherical caps (K. Ball, "An elementary introduction to modern convex geometry", 1997, lemma 2.2).
 */
export function randomCoherenceBound(classes: number, features: number): number {
  return Math.min(1, Math.sqrt((2 * Math.log((classes * (classes - 1)) / BROKEN_PROMISES)) / features));
}

/** Up to this many features all sign patterns are dealt in random order, beyond they are drawn until a new one comes. */
const DEALT = 16;

/** Different random sign vectors, `[count, features]` of ±1. */
function signVectors(features: number, count: number, seed: number): { rows: Int8Array; antipodal: boolean } {
  const random = randomStream(seed, 'random signs', features);
  const rows = new Int8Array(count * features);
  const seen = distinctRows(rows, features);
  const dealt = features <= DEALT ? permutation(2 ** features, random) : undefined;
  for (let index = 0; index < count; index++) {
    do {
      let bits = 0;
      for (let k = 0; k < features; k++) {
        if (k % 32 === 0) bits = dealt?.[index] ?? Math.floor(random.uniform() * 2 ** 32);
        rows[index * features + k] = (bits >>> (k % 32)) & 1 ? -1 : 1;
      }
    } while (seen.add(index) !== undefined);
  }
  return { rows, antipodal: seen.hasNegatives() };
}

/** Different directions, uniform on the sphere: Gaussian vectors scaled to unit length in float64, `[count, features]`. */
function gaussianVectors(features: number, count: number, seed: number): { rows: Float32Array; antipodal: boolean } {
  const random = randomStream(seed, 'random directions', features);
  const rows = new Float32Array(count * features);
  const seen = distinctRows(rows, features);
  const vector = new Float64Array(features);
  for (let index = 0; index < count; index++) {
    do {
      let squares = 0;
      for (let k = 0; k < features; k++) {
        const entry = random.normal();
        vector[k] = entry;
        squares += entry * entry;
      }
      const norm = Math.sqrt(squares);
      for (let k = 0; k < features; k++) rows[index * features + k] = (vector[k] ?? 0) / norm;
    } while (seen.add(index) !== undefined);
  }
  return { rows, antipodal: seen.hasNegatives() };
}

/** What `randomGeometry` needs besides the place. */
export interface RandomRequest extends GeometryRequest {
  readonly seed: number;
  readonly directions: Directions;
}

/**
 * Independent random class vectors, all different: entries ±1/√N with equal probability (`signs`), or directions uniform on the sphere
 * (`gaussian`). A stored matrix, one byte a sign or four a number. The first vectors are the same however many are asked for.
 *
 * Its coherence is measured where that takes no longer than a moment, else {@link randomCoherenceBound}.
 *
 * @throws a usage error where there are not so many sign vectors, or the matrix would be too large for a model.
 */
export function randomGeometry({ classes, features, seed, directions }: RandomRequest): Geometry {
  const signs = directions === 'signs';
  const capacity = signs ? 2 ** features : Infinity;
  if (classes > capacity) {
    throw usageError('more classes than sign vectors', {
      expected: `at most 2^${features} = ${capacity} classes for ${features} features`,
      received: `${classes} classes`,
      hint: `directions=gaussian takes any number of classes; signs need at least ${Math.ceil(Math.log2(classes))} features`,
    });
  }
  checkStorable('random', classes, features, signs ? 'int8' : 'float32');
  const shape = [classes, features];
  const made = signs ? signVectors(features, classes, seed) : gaussianVectors(features, classes, seed);
  const { rows, antipodal } = made;
  const stored =
    rows instanceof Int8Array
      ? storedProducts({ matrix: tensor('int8', shape, rows), factor: 1 / Math.sqrt(features) })
      : storedProducts({ matrix: float32(shape, rows), factor: 1 });
  const coherence = measuredOnce(stored, () => randomCoherenceBound(classes, features));
  return Object.freeze({
    ...stored,
    kind: 'random',
    construction: `random ${signs ? 'signs' : 'directions'}, seed ${seed}`,
    bases: 0,
    antipodal,
    capacity,
    get coherence(): number {
      return coherence();
    },
    balanced: false,
  } satisfies Geometry);
}
