import { setImmediate } from 'node:timers/promises';
import { internalError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { denseProduct, gramSpectrum, orthonormalColumns, scaledColumns, type Basis } from './orthonormal-columns.ts';
import { timesDense, transposed, type SparseMatrix } from './sparse.ts';

/** How a truncated singular value decomposition is found. */
export interface SvdOptions {
  /** How many singular values are wanted. */
  readonly rank: number;
  readonly seed: number;
  /** How many more directions are carried along than are wanted. */
  readonly oversampling: number;
  /** q ≥ 0: how often the subspace is multiplied by M·Mᵀ. More find the directions of close singular values better. */
  readonly iterations: number;
  readonly signal?: AbortSignal;
  /** Called after each product with the matrix. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** M ≈ U·Σ·Vᵀ, the best approximation of its rank. */
export interface TruncatedSvd {
  /** r ≤ the wanted rank: fewer where the matrix has no more. */
  readonly rank: number;
  /** Σ `[r]`, largest first. */
  readonly values: Float64Array;
  /** U, row-major `[rows, r]`, orthonormal columns. */
  readonly left: Float64Array;
  /** V, row-major `[columns, r]`, orthonormal columns. */
  readonly right: Float64Array;
}

/**
 * The largest singular values and vectors of a sparse matrix M `[rows, columns]` by a randomised range finder with power iterations
 * (Halko, Martinsson & Tropp, "Finding structure with randomness", SIAM Review 2011, algorithms 4.4 and 5.1).
 *
 * A Gaussian Ω `[columns, l]`, l = rank + oversampling, gives Q = orth(M·Ω); each iteration replaces it by orth((M·Mᵀ − α·I)·Q). Then
 * Z = Mᵀ·Q = V·Σ·Eᵀ, and M ≈ Q·Zᵀ = (Q·E)·Σ·Vᵀ.
 *
 * The shift α grows towards σ_l²/2 as the iterations learn what σ_l is (Feng, Yu, Xie & Tang, "Faster randomized SVD with dynamic shifts",
 * arXiv 2404.09276, 2024): unwanted directions, of σ < σ_l, then fade about twice as fast, which the slowly
 * falling spectrum of word co-occurrences needs.
 *
 * Singular values come out at most as large as they are. Those below 3·10⁻⁴·σ₁ may be missing (10⁻⁷·σ₁ without iterations). The sign of each pair of vectors is the one
 * that makes the entry of u of largest magnitude positive (the first of equals), so the result is a function of the matrix and the seed.
 */
export async function randomizedSvd(matrix: SparseMatrix, options: SvdOptions): Promise<TruncatedSvd> {
  const { seed, signal, onProgress } = options;
  const width = Math.min(options.rank + options.oversampling, matrix.rows, matrix.columns);
  // A basis of the whole space has nothing to gain.
  const iterations = width === Math.min(matrix.rows, matrix.columns) ? 0 : options.iterations;
  const back = transposed(matrix);
  const total = 2 * iterations + 2;
  let done = 0;
  const times = async (by: SparseMatrix, dense: Float64Array, width: number): Promise<Float64Array> => {
    const product = timesDense(by, dense, width);
    onProgress?.(++done, total);
    await setImmediate();
    signal?.throwIfAborted();
    return product;
  };
  const { normal } = randomStream(seed, 'randomized svd', matrix.rows, matrix.columns, width);
  const gaussian = new Float64Array(matrix.columns * width).map(() => normal());
  let range = orthonormalColumns(await times(matrix, gaussian, width), width, { exact: iterations === 0 });
  let shift = 0;
  for (let iteration = 1; iteration <= iterations; iteration++) {
    const product = await times(matrix, await times(back, range.vectors, range.rank), range.rank);
    for (let k = 0; k < product.length; k++) product[k] = (product[k] ?? 0) - shift * (range.vectors[k] ?? 0);
    // Only the last basis has to be orthonormal to rounding.
    range = orthonormalColumns(product, range.rank, { exact: iteration === iterations });
    // The least singular value of (M·Mᵀ − α·I)·Q is at most σ_l² − α, so α stays at or below σ_l²/2.
    if (range.least > shift) shift = (shift + range.least) / 2;
  }
  return decomposed(await times(back, range.vectors, range.rank), range, options.rank);
}

/** The decomposition of M ≈ Q·Zᵀ from Z `[columns, l]` and the orthonormal Q `[rows, l]`. */
function decomposed(projected: Float64Array, range: Basis, wanted: number): TruncatedSvd {
  const spectrum = gramSpectrum(projected, range.rank);
  const all = spectrum.values.map(Math.sqrt);
  const rank = Math.min(wanted, all.length);
  const values = all.slice(0, rank);
  const rotation = new Float64Array(range.rank * rank);
  for (let i = 0; i < range.rank; i++) {
    rotation.set(spectrum.vectors.subarray(i * all.length, i * all.length + rank), i * rank);
  }
  const left = denseProduct(range.vectors, range.rank, rotation, rank);
  const signs = signsOf(left, rank);
  const right = denseProduct(projected, range.rank, rotation, rank);
  return Object.freeze({
    rank,
    values,
    left: scaledColumns(left, signs),
    right: scaledColumns(
      right,
      signs.map((sign, k) => sign / (values[k] ?? 1)),
    ),
  });
}

/** ±1 for each column: the sign of its entry of largest magnitude. */
function signsOf(dense: Float64Array, width: number): Float64Array {
  const largest = new Float64Array(width);
  dense.forEach((value, index) => {
    if (Math.abs(value) > Math.abs(largest[index % width] ?? 0)) largest[index % width] = value;
  });
  if (largest.includes(0)) throw internalError('a singular vector is zero');
  return largest.map(Math.sign);
}
