import { usageError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { checkStorable, storedProducts } from './dense.ts';
import { orthogonalCapacity, type Geometry, type GeometryRequest } from './geometry.ts';

/**
 * `count` random orthonormal vectors of R^N, `[count, N]`: Gaussian vectors made orthonormal one after the other (modified
 * Gram–Schmidt in float64), which is the uniform (Haar) distribution because the diagonal of its R is positive. Gaussian
 * matrices are well conditioned, so one pass is orthogonal far below float32 rounding. With `balanced`, every vector is also
 * orthogonal to the constant direction.
 */
function randomOrthonormal(features: number, count: number, balanced: boolean, seed: number): Float32Array {
  const random = randomStream(seed, 'orthonormal', features, count);
  const earlier = balanced ? [new Float64Array(features).fill(1 / Math.sqrt(features))] : [];
  const rounded = new Float32Array(count * features);
  for (let index = 0; index < count; index++) {
    const vector = new Float64Array(features).map(() => random.normal());
    for (const other of earlier) {
      const projection = dot(vector, other);
      for (let k = 0; k < features; k++) vector[k] = (vector[k] ?? 0) - projection * (other[k] ?? 0);
    }
    const norm = Math.sqrt(dot(vector, vector));
    const unit = vector.map((entry) => entry / norm);
    earlier.push(unit);
    rounded.set(unit, index * features);
  }
  return rounded;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] ?? 0) * (b[k] ?? 0);
  return sum;
}

/**
 * The matrices made last. The factorisation takes C²·N multiply-adds, seconds for thousands of classes, and one run asks for the same
 * matrix several times: to check, to train, to evaluate, to export. A comparison has few of them.
 */
const recent = new Map<string, HostTensor<'float32'>>();
const KEPT = 4;

function orthonormalMatrix(features: number, count: number, balanced: boolean, seed: number): HostTensor<'float32'> {
  const key = [features, count, balanced, seed].join();
  const matrix = recent.get(key) ?? float32([count, features], randomOrthonormal(features, count, balanced, seed));
  // Behind the others again: a Map keeps the order of insertion.
  recent.delete(key);
  recent.set(key, matrix);
  for (const oldest of [...recent.keys()].slice(0, -KEPT)) recent.delete(oldest);
  return matrix;
}

/**
 * Seeded random orthonormal class vectors: one stored, untrained matrix `[C, N]`.
 *
 * Where the features are non-negative the vectors are also orthogonal to (1, …, 1), so no class is favoured; that leaves
 * N − 1 of them. Signed features may use all N.
 *
 * @throws a usage error where C exceeds that capacity.
 */
export function orthonormalGeometry({
  classes,
  features,
  sign,
  seed,
}: GeometryRequest & { readonly seed: number }): Geometry {
  const capacity = orthogonalCapacity(features, sign);
  if (classes > capacity) {
    const centred = classes === features ? 'with center=bn there is room; ' : '';
    throw usageError('more classes than orthonormal vectors', {
      expected: `at most ${capacity} classes for ${features} ${sign} features`,
      received: `${classes} classes`,
      hint: `${centred}a hadamard, coset or random head takes more classes than features; an orthonormal head needs a backbone with at least ${classes + features - capacity} features`,
    });
  }
  checkStorable('orthonormal', classes, features, 'float32');
  const balanced = classes < features;
  return Object.freeze({
    ...storedProducts({ matrix: orthonormalMatrix(features, classes, balanced, seed), factor: 1 }),
    kind: 'orthonormal',
    construction: `random orthonormal vectors, seed ${seed}`,
    bases: 1,
    antipodal: false,
    capacity,
    coherence: 0,
    balanced,
  } satisfies Geometry);
}
