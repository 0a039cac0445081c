import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** A direction whose share of the largest is below this, in a Gram matrix of float64 sums, is made of rounding errors. */
const ROUNDING = 1e-14;

/** With eigenvalues of YᵀY no further apart than this factor, one pass is orthonormal to some 10⁻¹³. */
const WELL_CONDITIONED = 1e3;

/** The eigenvalues of YᵀY above rounding, largest first, and their unit eigenvectors. */
export interface GramSpectrum {
  /** `[rank]`: the squared singular values of Y. */
  readonly values: Float64Array;
  /** Row-major `[width, rank]`: the right singular vectors of Y, as columns. */
  readonly vectors: Float64Array;
}

/**
 * The singular values (squared) and right singular vectors of a row-major Y `[rows, width]` from its Gram matrix YᵀY, `width` ≪ `rows`.
 * A singular value σ has the relative error ε·(σ₁/σ)², ε ≈ 10⁻¹⁶; what is below 10⁻⁷·σ₁ is left out.
 */
export function gramSpectrum(dense: Float64Array, width: number): GramSpectrum {
  if (width === 0) return { values: new Float64Array(), vectors: new Float64Array() };
  const sums = gram(dense, width);
  const matrix = new Matrix(Array.from({ length: width }, (_, i) => sums.subarray(i * width, (i + 1) * width)));
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const falling = realEigenvalues.map((value, index) => ({ value, index })).sort((a, b) => b.value - a.value);
  const least = ROUNDING * (falling[0]?.value ?? 0);
  const kept = falling.filter(({ value }) => value > 0 && value > least);
  const vectors = new Float64Array(width * kept.length);
  for (let i = 0; i < width; i++) {
    kept.forEach(({ index }, j) => (vectors[i * kept.length + j] = eigenvectorMatrix.get(i, index)));
  }
  return { values: Float64Array.from(kept, ({ value }) => value), vectors };
}

/** An orthonormal basis of a space of columns. */
export interface Basis {
  /** Row-major `[rows, rank]`: QᵀQ = I. */
  readonly vectors: Float64Array;
  readonly rank: number;
  /** The least singular value above rounding of the columns that it was made from; 0 where some are below. */
  readonly least: number;
}

/**
 * An orthonormal basis of the columns of a row-major Y `[rows, width]`, of rank ≤ `width`.
 *
 * Q = Y·E·D^(−½) with YᵀY = E·D·Eᵀ (Stathopoulos & Wu, "A block orthogonalization procedure with constant synchronization requirements",
 * 2002). Nearly all of the work is two dense products. One pass leaves QᵀQ − I at ε·D₁/D_rank, which keeps a subspace iteration from
 * collapsing; where it has to be `exact`, a second pass brings it to rounding unless it is there.
 */
export function orthonormalColumns(dense: Float64Array, width: number, { exact }: { readonly exact: boolean }): Basis {
  const { values, vectors } = gramSpectrum(dense, width);
  const rank = values.length;
  const inverse = values.map((value) => 1 / Math.sqrt(value));
  const basis = denseProduct(dense, width, scaledColumns(vectors, inverse), rank);
  const [largest = 0, smallest = 0] = [values[0], values[rank - 1]];
  const least = rank < width ? 0 : Math.sqrt(smallest);
  if (!exact || largest < WELL_CONDITIONED * smallest || rank === 0) return { vectors: basis, rank, least };
  const again = orthonormalColumns(basis, rank, { exact: false });
  return { ...again, least };
}

/** Column j of a row-major matrix times `factors[j]`. */
export function scaledColumns(dense: Float64Array, factors: Float64Array): Float64Array {
  return dense.map((value, index) => value * (factors[index % factors.length] ?? 0));
}

/**
 * YᵀY `[width, width]` of a row-major Y `[rows, width]`. Four rows and two columns at a time: eight products for six reads and two writes, where
 * one product at a time needs three reads and a write.
 */
function gram(dense: Float64Array, width: number): Float64Array {
  const product = new Float64Array(width * width);
  for (let row = 0; row < dense.length; row += 4 * width) {
    // Rows past the end read as 0; a column past the end writes past the end, which is nowhere.
    const [r0, r1, r2, r3] = [row, row + width, row + 2 * width, row + 3 * width];
    for (let i = 0; i < width; i += 2) {
      const a0 = dense[r0 + i] ?? 0;
      const a1 = dense[r1 + i] ?? 0;
      const a2 = dense[r2 + i] ?? 0;
      const a3 = dense[r3 + i] ?? 0;
      const b0 = dense[r0 + i + 1] ?? 0;
      const b1 = dense[r1 + i + 1] ?? 0;
      const b2 = dense[r2 + i + 1] ?? 0;
      const b3 = dense[r3 + i + 1] ?? 0;
      const outA = i * width;
      const outB = outA + width;
      for (let j = i; j < width; j++) {
        const c0 = dense[r0 + j] ?? 0;
        const c1 = dense[r1 + j] ?? 0;
        const c2 = dense[r2 + j] ?? 0;
        const c3 = dense[r3 + j] ?? 0;
        product[outA + j] = (product[outA + j] ?? 0) + a0 * c0 + a1 * c1 + a2 * c2 + a3 * c3;
        product[outB + j] = (product[outB + j] ?? 0) + b0 * c0 + b1 * c1 + b2 * c2 + b3 * c3;
      }
    }
  }
  for (let i = 1; i < width; i++) for (let j = 0; j < i; j++) product[i * width + j] = product[j * width + i] ?? 0;
  return product;
}

/** Y·T `[rows, columns]` of row-major Y `[rows, width]` and T `[width, columns]`: two rows of Y and four of T at a time. */
export function denseProduct(dense: Float64Array, width: number, right: Float64Array, columns: number): Float64Array {
  const rows = dense.length / width;
  const product = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row += 2) {
    const outA = row * columns;
    const outB = outA + columns;
    for (let i = 0; i < width; i += 4) {
      // Rows of T past the end read as 0.
      const a = row * width + i;
      const b = a + width;
      const a0 = dense[a] ?? 0;
      const a1 = dense[a + 1] ?? 0;
      const a2 = dense[a + 2] ?? 0;
      const a3 = dense[a + 3] ?? 0;
      const b0 = dense[b] ?? 0;
      const b1 = dense[b + 1] ?? 0;
      const b2 = dense[b + 2] ?? 0;
      const b3 = dense[b + 3] ?? 0;
      const [t0, t1, t2, t3] = [i * columns, (i + 1) * columns, (i + 2) * columns, (i + 3) * columns];
      for (let j = 0; j < columns; j++) {
        const c0 = right[t0 + j] ?? 0;
        const c1 = right[t1 + j] ?? 0;
        const c2 = right[t2 + j] ?? 0;
        const c3 = right[t3 + j] ?? 0;
        product[outA + j] = (product[outA + j] ?? 0) + a0 * c0 + a1 * c1 + a2 * c2 + a3 * c3;
        product[outB + j] = (product[outB + j] ?? 0) + b0 * c0 + b1 * c1 + b2 * c2 + b3 * c3;
      }
    }
  }
  return product;
}
