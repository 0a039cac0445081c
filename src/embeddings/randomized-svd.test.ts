import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../core/random.ts';
import { randomizedSvd, type SvdOptions, type TruncatedSvd } from './randomized-svd.ts';
import { timesDense, transposed, type SparseMatrix } from './sparse.ts';

const asked: SvdOptions = { rank: 12, seed: 7, oversampling: 10, iterations: 6 };

/** About `share` of the entries, Gaussian, column c times `scale(c)`: singular values that fall with the scale. */
function randomSparse(rows: number, columns: number, share: number, scale: (column: number) => number): SparseMatrix {
  const { uniform, normal } = randomStream(11, 'sparse test', rows, columns);
  const starts = new Float64Array(rows + 1);
  const columnOf: number[] = [];
  const values: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (uniform() >= share) continue;
      columnOf.push(column);
      values.push(normal() * scale(column));
    }
    starts[row + 1] = values.length;
  }
  return { rows, columns, starts, columnOf: Int32Array.from(columnOf), values: Float32Array.from(values) };
}

function dense(matrix: SparseMatrix): Matrix {
  const { rows, columns, starts, columnOf, values } = matrix;
  const out = Matrix.zeros(rows, columns);
  for (let row = 0; row < rows; row++) {
    for (let entry = starts[row] ?? 0; entry < (starts[row + 1] ?? 0); entry++) {
      out.set(row, columnOf[entry] ?? 0, values[entry] ?? 0);
    }
  }
  return out;
}

const columnsOf = (vectors: Float64Array, rank: number): Matrix =>
  Matrix.from1DArray(vectors.length / rank, rank, vectors);

function expectOrthonormal(vectors: Float64Array, rank: number, within: number): void {
  const q = columnsOf(vectors, rank);
  expect(Matrix.sub(q.transpose().mmul(q), Matrix.eye(rank)).norm('max')).toBeLessThan(within);
}

/** The cosine of the largest angle between the space of the columns of both. */
function leastCosine(a: Matrix, b: Matrix): number {
  return Math.min(...new SingularValueDecomposition(a.transpose().mmul(b)).diagonal);
}

function reconstructed({ left, right, values, rank }: TruncatedSvd): Matrix {
  return columnsOf(left, rank)
    .mmul(Matrix.diag([...values]))
    .mmul(columnsOf(right, rank).transpose());
}

const sparse = randomSparse(150, 110, 0.15, (column) => 0.85 ** column);

describe('sparse products', () => {
  it('are those of the dense matrix, rows of any number of entries', () => {
    const x = new Float64Array(110 * 5).map((_, index) => Math.sin(index));
    const product = columnsOf(timesDense(sparse, x, 5), 5);
    expect(Matrix.sub(product, dense(sparse).mmul(columnsOf(x, 5))).norm('max')).toBeLessThan(1e-14);
  });

  it('transpose', () => {
    const back = transposed(sparse);
    expect(dense(back)).toEqual(dense(sparse).transpose());
    expect(transposed(back)).toEqual(sparse);
  });
});

describe('randomizedSvd', () => {
  it('has the singular values, the spaces and the approximation of a dense decomposition', async () => {
    const reference = new SingularValueDecomposition(dense(sparse), { autoTranspose: true });
    const svd = await randomizedSvd(sparse, asked);
    expect(svd.rank).toBe(12);
    svd.values.forEach((value, k) => {
      expect(Math.abs(value / (reference.diagonal[k] ?? 0) - 1)).toBeLessThan(1e-6);
    });
    const first = (vectors: Matrix): Matrix => vectors.subMatrix(0, vectors.rows - 1, 0, 11);
    expect(leastCosine(columnsOf(svd.left, 12), first(reference.leftSingularVectors))).toBeGreaterThan(1 - 1e-6);
    expect(leastCosine(columnsOf(svd.right, 12), first(reference.rightSingularVectors))).toBeGreaterThan(1 - 1e-6);
    // Eckart & Young: the squared error of the best approximation of rank r is the sum of the other squared singular values.
    const error = Matrix.sub(dense(sparse), reconstructed(svd)).norm('frobenius');
    const least = Math.hypot(...reference.diagonal.slice(12));
    expect(error / least).toBeLessThan(1 + 1e-6);
    expectOrthonormal(svd.left, 12, 1e-13);
    expectOrthonormal(svd.right, 12, 1e-12);
  });

  it('finds a flat spectrum from below, and better with more iterations', async () => {
    const flat = randomSparse(200, 200, 0.1, () => 1);
    const { diagonal } = new SingularValueDecomposition(dense(flat));
    const error = async (iterations: number): Promise<number> => {
      const { values } = await randomizedSvd(flat, { ...asked, iterations });
      values.forEach((value, k) => {
        expect(value).toBeLessThan((diagonal[k] ?? 0) * (1 + 1e-12));
      });
      return 1 - (values[11] ?? 0) / (diagonal[11] ?? 1);
    };
    const [none, few, many] = [await error(0), await error(2), await error(8)];
    expect(none).toBeGreaterThan(3 * few);
    expect(few).toBeGreaterThan(3 * many);
  });

  it('returns as many singular values as the matrix has', async () => {
    const tall = randomSparse(60, 5, 0.5, () => 1);
    const svd = await randomizedSvd(tall, asked);
    expect(svd.rank).toBe(5);
    expect(Matrix.sub(dense(tall), reconstructed(svd)).norm('max')).toBeLessThan(1e-12);
    const empty = randomSparse(6, 4, 0, () => 1);
    expect((await randomizedSvd(empty, asked)).rank).toBe(0);
  });

  it('makes the entry of largest magnitude of each left vector positive', async () => {
    const { left, rank } = await randomizedSvd(sparse, asked);
    for (let k = 0; k < rank; k++) {
      const column = columnsOf(left, rank).getColumn(k);
      expect(Math.max(...column)).toBe(Math.max(...column.map(Math.abs)));
    }
  });

  it('is a function of the matrix and the seed, and counts its products', async () => {
    const seen: string[] = [];
    const onProgress = (done: number, total: number): void => void seen.push(`${done}/${total}`);
    const once = await randomizedSvd(sparse, { ...asked, iterations: 1, onProgress });
    expect(await randomizedSvd(sparse, { ...asked, iterations: 1 })).toEqual(once);
    expect((await randomizedSvd(sparse, { ...asked, iterations: 1, seed: 8 })).values).not.toEqual(once.values);
    expect(seen).toEqual(['1/4', '2/4', '3/4', '4/4']);
  });

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(randomizedSvd(sparse, { ...asked, signal })).rejects.toThrow('enough');
  });
});
