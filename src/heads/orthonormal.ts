import { usageError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { float32 } from '../core/tensor.ts';
import { matmul } from '../graph/functions.ts';
import { orthogonalCapacity, type Geometry, type GeometryRequest } from './geometry.ts';

/**
 * `count` random orthonormal vectors of R^N, `[count, N]`: Gaussian vectors made orthonormal one after the other (modified
 * Gram–Schmidt in float64), which is the uniform (Haar) distribution because the diagonal of its R is positive. Gaussian
 * matrices are well conditioned, so one pass is orthogonal far below float32 rounding. With `balanced`, every vector is also
 * orthogonal to the constant direction.
 */
function randomOrthonormal(features: number, count: number, balanced: boolean, seed: number): readonly Float64Array[] {
  const random = randomStream(seed, 'orthonormal', features, count);
  const constant = new Float64Array(features).fill(1 / Math.sqrt(features));
  const vectors: Float64Array[] = [];
  for (let index = 0; index < count; index++) {
    const vector = new Float64Array(features).map(() => random.normal());
    for (const earlier of balanced ? [constant, ...vectors] : vectors) {
      const projection = dot(vector, earlier);
      for (let k = 0; k < features; k++) vector[k] = (vector[k] ?? 0) - projection * (earlier[k] ?? 0);
    }
    const norm = Math.sqrt(dot(vector, vector));
    vectors.push(vector.map((entry) => entry / norm));
  }
  return vectors;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] ?? 0) * (b[k] ?? 0);
  return sum;
}

/**
 * Columns of a seeded random orthonormal matrix Q `[N, C]`: one stored, untrained matrix.
 *
 * Where the features are non-negative the columns are also orthogonal to (1, …, 1), so no class is favoured; that leaves
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
    throw usageError('more classes than orthonormal vectors', {
      expected: `at most ${capacity} classes for ${features} ${sign} features`,
      received: `${classes} classes`,
      hint: `a learned head takes any number of classes; an orthonormal head needs a backbone with at least ${classes + features - capacity} features`,
    });
  }
  const balanced = classes < features;
  const vectors = randomOrthonormal(features, classes, balanced, seed);
  const columns = float32(
    [features, classes],
    Float32Array.from(
      { length: features * classes },
      (_, index) => vectors[index % classes]?.[Math.floor(index / classes)] ?? 0,
    ),
  );
  return Object.freeze({
    kind: 'orthonormal',
    features,
    classes,
    capacity,
    coherence: 0,
    balanced,
    cost: { multiplyAdds: features * classes, constantBytes: columns.data.byteLength },
    fixedParameters: features * classes,
    product: (c, x) => matmul(c.b, x, c.fixed('vectors', columns)),
    vectors: () =>
      Float32Array.from(
        { length: classes * features },
        (_, index) => vectors[Math.floor(index / features)]?.[index % features] ?? 0,
      ),
  } satisfies Geometry);
}
