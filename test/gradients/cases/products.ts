import type { StaticShape } from '../../../src/core/shape.ts';
import type { productsOps } from '../../../src/graph/ops/products.ts';
import { any, type CaseTable } from '../case.ts';

const matmul = (name: string, a: StaticShape, b: StaticShape) => ({ name, inputs: [any(a), any(b)], attributes: {} });

const einsum = (equation: string, ...given: readonly (StaticShape | string)[]) => {
  const shapes = given.filter((each) => typeof each !== 'string');
  const note = given.find((each) => typeof each === 'string');
  return {
    name: note === undefined ? equation : `${equation}, ${note}`,
    inputs: shapes.map(any),
    attributes: { equation },
  };
};

const flags = [0, 1].flatMap((transA) => [0, 1].map((transB) => ({ transA, transB })));
const shape = (rows: number, columns: number, trans: number): StaticShape =>
  trans === 1 ? [columns, rows] : [rows, columns];

const gemm = (name: string, c: StaticShape | undefined, attributes: { alpha: number; beta: number }) =>
  flags.map(({ transA, transB }) => ({
    name: `${name}, transA ${transA}, transB ${transB}`,
    inputs: [any(shape(2, 3, transA)), any(shape(3, 4, transB)), ...(c === undefined ? [] : [any(c)])],
    attributes: { ...attributes, transA, transB },
  }));

export const productCases: CaseTable<keyof typeof productsOps | 'FusedMatMul'> = {
  MatMul: [
    matmul('matrices', [2, 3], [3, 4]),
    matmul('row times column', [1, 3], [3, 1]),
    matmul('batch times matrix', [2, 3, 4], [4, 5]),
    matmul('matrix times batch', [3, 4], [2, 4, 5]),
    matmul('two batches', [2, 3, 4], [2, 4, 5]),
    matmul('batch of one repeats', [1, 3, 4], [2, 4, 5]),
    matmul('two batch axes broadcast', [2, 1, 3, 4], [3, 4, 2]),
    matmul('vector times vector', [4], [4]),
    matmul('vector times matrix', [3], [3, 4]),
    matmul('matrix times vector', [2, 3], [3]),
    matmul('vector times batch', [3], [2, 3, 4]),
    matmul('batch times vector', [2, 3, 4], [4]),
    matmul('vector times two batch axes', [3], [2, 2, 3, 1]),
  ],
  Gemm: [
    ...gemm('no bias', undefined, { alpha: 1, beta: 1 }),
    ...gemm('row bias', [4], { alpha: 1, beta: 1 }),
    ...gemm('scaled, column bias', [2, 1], { alpha: 0.5, beta: 2 }),
    ...gemm('scaled, scalar bias', [], { alpha: -1.5, beta: 0.25 }),
    ...gemm('full bias', [2, 4], { alpha: 2, beta: 1 }),
  ],
  Einsum: [
    einsum('ij,jk->ik', [2, 3], [3, 4]),
    einsum('bij, bjk -> bik', [2, 3, 4], [2, 4, 2]),
    einsum('ij,kj', [2, 3], [4, 3]),
    einsum('ji', [2, 3]),
    einsum('ij->', [2, 3]),
    einsum('ij->j', [2, 3]),
    einsum('ijk->ki', [2, 3, 2]),
    einsum('i,j->ij', [2], [3]),
    einsum('i,i->', [3], [3]),
    einsum('ij,ij->ij', [2, 3], [2, 3]),
    einsum('ij,jk,kl->il', [2, 3], [3, 2], [2, 4]),
    einsum('ijk,jl->il', [2, 3, 2], [3, 4]),
    einsum('bhqd,bhkd->bhqk', [2, 2, 3, 2], [2, 2, 4, 2]),
    einsum('bqhd,bkhd->bhqk', [1, 3, 2, 2], [1, 4, 2, 2]),
    einsum('...ij,...jk->...ik', [2, 2, 3], [2, 3, 2]),
    einsum('...ij,...jk->...ik', [2, 3], [3, 2], 'an ellipsis that covers nothing'),
    einsum('...ij,jk->...ik', [2, 2, 2, 3], [3, 2]),
    einsum('...i,...i->...', [2, 1, 3], [1, 4, 3]),
    einsum('i...,j...', [2, 3], [4, 3]),
    einsum('ij,ij->ij', [2, 1], [2, 3], 'an extent of 1 repeats'),
    einsum('ij,jk->ik', [2, 3], [1, 4], 'a summed extent of 1 repeats'),
  ],
  FusedMatMul: {
    noGradient: 'made by a lowering, after differentiation',
    forward: flags.map(({ transA, transB }) => ({
      name: `transA ${transA}, transB ${transB}`,
      inputs: [any([2, ...shape(2, 3, transA)]), any([2, ...shape(3, 4, transB)])],
      attributes: { alpha: 0.5, transA, transB },
    })),
  },
};
