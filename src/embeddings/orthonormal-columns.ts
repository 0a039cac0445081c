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

/**
 * An orthonormal basis of the columns of a row-major Y `[rows, width]`: `basis` `[rows, rank]` with QᵀQ = I, `rank` ≤ `width`.
 *
 * Q = Y·E·D^(−½) with YᵀY = E·D·Eᵀ (Stathopoulos & Wu, "A block orthogonalization procedure with constant synchronization requirements",
 * 2002). Nearly all of the work is two dense products. One pass leaves QᵀQ − I at ε·D₁/D_rank, which keeps a subspace iteration from
 * collapsing; where it has to be `exact`, a second pass brings it to rounding unless it is there.
 */
export function orthonormalColumns(
  dense: Float64Array,
  width: number,
  { exact }: { readonly exact: boolean },
): { readonly basis: Float64Array; readonly rank: number } {
  const { values, vectors } = gramSpectrum(dense, width);
  const rank = values.length;
  const inverse = values.map((value) => 1 / Math.sqrt(value));
  const basis = denseProduct(dense, width, scaledColumns(vectors, inverse), rank);
  const conditioned = (values[0] ?? 0) < WELL_CONDITIONED * (values[rank - 1] ?? 0);
  return exact && !conditioned ? orthonormalColumns(basis, rank, { exact: false }) : { basis, rank };
}

/** Column j of a row-major matrix times `factors[j]`. */
export function scaledColumns(dense: Float64Array, factors: Float64Array): Float64Array {
  return dense.map((value, index) => value * (factors[index % factors.length] ?? 0));
}

/** YᵀY `[width, width]` of a row-major Y `[rows, width]`, four rows at a time as in the other products. */
function gram(dense: Float64Array, width: number): Float64Array {
  const product = new Float64Array(width * width);
  for (let row = 0; row < dense.length; row += 4 * width) {
    for (let i = 0; i < width; i++) {
      // Rows past the end read as 0.
      const a = dense[row + i] ?? 0;
      const b = dense[row + width + i] ?? 0;
      const c = dense[row + 2 * width + i] ?? 0;
      const d = dense[row + 3 * width + i] ?? 0;
      for (let j = i; j < width; j++) {
        product[i * width + j] =
          (product[i * width + j] ?? 0) +
          a * (dense[row + j] ?? 0) +
          b * (dense[row + width + j] ?? 0) +
          c * (dense[row + 2 * width + j] ?? 0) +
          d * (dense[row + 3 * width + j] ?? 0);
      }
    }
  }
  for (let i = 1; i < width; i++) for (let j = 0; j < i; j++) product[i * width + j] = product[j * width + i] ?? 0;
  return product;
}

/** Y·T `[rows, columns]` of row-major Y `[rows, width]` and T `[width, columns]`, four rows of T at a time. */
export function denseProduct(dense: Float64Array, width: number, right: Float64Array, columns: number): Float64Array {
  const rows = dense.length / width;
  const product = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const out = row * columns;
    for (let i = 0; i < width; i += 4) {
      const from = row * width + i;
      const a = dense[from] ?? 0;
      const b = i + 1 < width ? (dense[from + 1] ?? 0) : 0;
      const c = i + 2 < width ? (dense[from + 2] ?? 0) : 0;
      const d = i + 3 < width ? (dense[from + 3] ?? 0) : 0;
      const ofA = i * columns;
      const ofB = ofA + columns;
      const ofC = ofB + columns;
      const ofD = ofC + columns;
      for (let j = 0; j < columns; j++) {
        product[out + j] =
          (product[out + j] ?? 0) +
          a * (right[ofA + j] ?? 0) +
          b * (right[ofB + j] ?? 0) +
          c * (right[ofC + j] ?? 0) +
          d * (right[ofD + j] ?? 0);
      }
    }
  }
  return product;
}
