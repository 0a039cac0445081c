import { usageError } from '../core/errors.ts';
import { float32 } from '../core/tensor.ts';
import { matmul, reshape, slice } from '../graph/functions.ts';
import { orthogonalCapacity, type Geometry, type GeometryRequest } from './geometry.ts';

/** Entry of Sylvester's Hadamard matrix: (−1)^(number of ones in row AND column). */
function sylvester(row: number, column: number): 1 | -1 {
  let bits = row & column;
  let sign: 1 | -1 = 1;
  for (; bits !== 0; bits &= bits - 1) sign = sign === 1 ? -1 : 1;
  return sign;
}

const isPowerOfTwo = (n: number): boolean => Number.isInteger(Math.log2(n));

/** Rows `[rows, order]` of Sylvester's matrix times `factor`. */
function factorMatrix(rows: number, order: number, factor: number): Float32Array {
  return Float32Array.from(
    { length: rows * order },
    (_, index) => factor * sylvester(Math.floor(index / order), index % order),
  );
}

/**
 * Rows of Sylvester's Hadamard matrix H of order N = 2^k, divided by √N: orthonormal, nothing stored.
 *
 * The product is a fast transform in ordinary operators: H = H_a ⊗ H_b with N = a·b, so with x as a matrix X `[a, b]`,
 * H·x = H_a·X·H_bᵀ: two small products instead of C·N multiply-adds.
 *
 * Row 0 of H is constant. Where the features are non-negative it would have a large product with every image, so classes take
 * rows 1 … C, all of which are orthogonal to it; only signed features may use all N rows.
 *
 * @throws a usage error where N is not a power of two or C exceeds the capacity N − 1 (N for signed features).
 */
export function hadamardGeometry({ classes, features, sign }: GeometryRequest): Geometry {
  if (!isPowerOfTwo(features) || features < 2) {
    throw usageError('a hadamard head needs a power of two of features', {
      received: `${features} features`,
      hint: 'an orthonormal or a learned head takes any number of features',
    });
  }
  const capacity = orthogonalCapacity(features, sign);
  if (classes > capacity) {
    throw usageError('more classes than a hadamard head has rows', {
      expected: `at most ${capacity} classes for ${features} ${sign} features`,
      received: `${classes} classes`,
      hint: `a learned head takes any number of classes; a hadamard head needs a backbone with at least ${2 ** Math.ceil(Math.log2(classes + features - capacity))} features`,
    });
  }
  const firstRow = classes < features ? 1 : 0;
  const lastRow = firstRow + classes;
  const inner = 2 ** Math.ceil(Math.log2(features) / 2);
  const outer = features / inner;
  // Rows beyond the last class are not computed: H_a needs only its first `blocks` rows.
  const blocks = Math.ceil(lastRow / inner);
  const outerFactor = float32([blocks, outer], factorMatrix(blocks, outer, 1 / Math.sqrt(features)));
  const innerFactor = float32([inner, inner], factorMatrix(inner, inner, 1));
  return Object.freeze({
    kind: 'hadamard',
    features,
    classes,
    capacity,
    coherence: 0,
    balanced: firstRow === 1,
    cost: {
      multiplyAdds: outer * inner * inner + blocks * outer * inner,
      constantBytes: outerFactor.data.byteLength + innerFactor.data.byteLength,
    },
    fixedParameters: 0,
    product: (c, x) => {
      const grid = reshape(c.b, x, [-1, outer, inner]);
      const transformed = matmul(
        c.b,
        c.b.constant(outerFactor, 'H_outer'),
        matmul(c.b, grid, c.b.constant(innerFactor, 'H_inner')),
      );
      return slice(c.b, reshape(c.b, transformed, [-1, blocks * inner]), 1, firstRow, lastRow);
    },
    vectors: () =>
      Float32Array.from(
        { length: classes * features },
        (_, index) => sylvester(firstRow + Math.floor(index / features), index % features) / Math.sqrt(features),
      ),
  } satisfies Geometry);
}
