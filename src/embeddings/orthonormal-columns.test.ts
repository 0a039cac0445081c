import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../core/random.ts';
import { denseProduct, gramSpectrum, orthonormalColumns } from './orthonormal-columns.ts';

/** Gaussian columns, column k times `scale(k)`. */
function gaussian(rows: number, width: number, scale: (k: number) => number = () => 1): Float64Array {
  const { normal } = randomStream(3, 'orthonormal columns test');
  return new Float64Array(rows * width).map((_, index) => normal() * scale(index % width));
}

function library(dense: Float64Array, width: number): Matrix {
  return Matrix.from1DArray(dense.length / width, width, dense);
}

function distanceFromIdentity(basis: Float64Array, rank: number): number {
  const q = library(basis, rank);
  return Matrix.sub(q.transpose().mmul(q), Matrix.eye(rank)).norm('max');
}

describe('denseProduct', () => {
  it('is the product of the matrices for sizes off its steps', () => {
    for (const [rows, width, columns] of [
      [1, 1, 1],
      [5, 4, 3],
      [7, 6, 9],
      [8, 3, 2],
    ] as const) {
      const [y, t] = [gaussian(rows, width), gaussian(width, columns)];
      const product = library(denseProduct(y, width, t, columns), columns);
      expect(Matrix.sub(product, library(y, width).mmul(library(t, columns))).norm('max')).toBeLessThan(1e-14);
    }
  });
});

describe('gramSpectrum', () => {
  it('has the singular values of a dense decomposition, as far down as it promises', () => {
    const y = gaussian(61, 9, (k) => 10 ** -(k / 2));
    const { diagonal } = new SingularValueDecomposition(library(y, 9));
    const { values } = gramSpectrum(y, 9);
    expect(values).toHaveLength(9);
    values.forEach((squared, k) => {
      const relative = Math.abs(Math.sqrt(squared) / (diagonal[k] ?? 0) - 1);
      expect(relative).toBeLessThan(1e-14 * ((diagonal[0] ?? 0) / (diagonal[k] ?? 1)) ** 2);
    });
  });
});

describe('orthonormalColumns', () => {
  it('spans the columns with orthonormal ones', () => {
    const y = gaussian(203, 17);
    const { vectors: basis, rank } = orthonormalColumns(y, 17, { exact: true });
    expect(rank).toBe(17);
    expect(distanceFromIdentity(basis, 17)).toBeLessThan(1e-13);
    const q = library(basis, 17);
    const rest = Matrix.sub(library(y, 17), q.mmul(q.transpose().mmul(library(y, 17))));
    expect(rest.norm('max')).toBeLessThan(1e-12);
  });

  it('needs its second pass for columns of very different lengths, and is exact with it', () => {
    const y = gaussian(120, 12, (k) => 10 ** (-k / 2));
    const once = orthonormalColumns(y, 12, { exact: false });
    const twice = orthonormalColumns(y, 12, { exact: true });
    expect(distanceFromIdentity(once.vectors, once.rank)).toBeGreaterThan(1e-12);
    expect(distanceFromIdentity(twice.vectors, twice.rank)).toBeLessThan(1e-13);
  });

  it('leaves out columns that depend on others', () => {
    const y = gaussian(40, 6);
    for (let row = 0; row < 40; row++) y[row * 6 + 5] = (y[row * 6] ?? 0) - 2 * (y[row * 6 + 1] ?? 0);
    const { vectors: basis, rank } = orthonormalColumns(y, 6, { exact: true });
    expect(rank).toBe(5);
    expect(distanceFromIdentity(basis, 5)).toBeLessThan(1e-13);
  });

  it('has nothing to say about zeros', () => {
    expect(orthonormalColumns(new Float64Array(12), 3, { exact: true }).rank).toBe(0);
  });
});
