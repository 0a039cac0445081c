import { usageError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { orthonormalColumns } from './orthonormal-columns.ts';

/**
 * A random table of word vectors with orthonormal columns, row-major `[V, N]`, then each row scaled to unit length.
 *
 * A Gaussian matrix G `[V, N]` is made Q with QᵀQ = I, uniform over all such matrices; where V ≤ N the rows are made orthonormal
 * instead (QQᵀ = I) and have unit length already. For V > N the rows of Q have squared lengths near N/V, so scaling them leaves QᵀQ near (V/N)·I,
 * no longer equal to it.
 *
 * For V ≫ N orthonormal columns hardly constrain the rows: two of them have a cosine of mean square 1/N·(1 − (N − 1)/(V − 1)), nearly that of
 * independent random directions, 1/N, and the coherence (largest |cos|) is near √(1 − V^(−4/N)), 0.37 for 16,000 words of 256 numbers.
 *
 * @throws a usage error for sizes that are not whole numbers ≥ 1.
 */
export function orthonormalTable(words: number, size: number, seed: number): Float32Array {
  for (const [what, value] of [
    ['words', words],
    ['numbers a vector', size],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw usageError(`wrong number of ${what} of an orthonormal table`, {
        expected: 'a whole number ≥ 1',
        received: String(value),
      });
    }
  }
  const [long, short] = words >= size ? [words, size] : [size, words];
  const basis = orthonormalBasis(long, short, seed);
  const table = new Float32Array(words * size);
  if (words < size) {
    for (let k = 0; k < size; k++)
      for (let word = 0; word < words; word++) table[word * size + k] = basis[k * words + word] ?? 0;
    return table;
  }
  for (let word = 0; word < words; word++) {
    const row = basis.subarray(word * size, (word + 1) * size);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let k = 0; k < size; k++) table[word * size + k] = (row[k] ?? 0) / length;
  }
  return table;
}

/** A uniformly random `[rows, width]` matrix with orthonormal columns, `width` ≤ `rows`. */
function orthonormalBasis(rows: number, width: number, seed: number): Float64Array {
  // A square Gaussian matrix is, once in many thousand times, too near a singular one; then another is drawn.
  for (let attempt = 0; ; attempt++) {
    const { normal } = randomStream(seed, 'orthonormal table', rows, width, attempt);
    const gaussian = new Float64Array(rows * width).map(() => normal());
    const { vectors, rank } = orthonormalColumns(gaussian, width, { exact: true });
    if (rank === width) return vectors;
  }
}
