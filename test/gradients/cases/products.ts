import type { StaticShape } from '../../../src/core/shape.ts';
import { any, type CaseTable } from '../case.ts';

const matmul = (name: string, a: StaticShape, b: StaticShape) => ({ name, inputs: [any(a), any(b)], attributes: {} });

const flags = [0, 1].flatMap((transA) => [0, 1].map((transB) => ({ transA, transB })));
const shape = (rows: number, columns: number, trans: number): StaticShape =>
  trans === 1 ? [columns, rows] : [rows, columns];

const gemm = (name: string, c: StaticShape | undefined, attributes: { alpha: number; beta: number }) =>
  flags.map(({ transA, transB }) => ({
    name: `${name}, transA ${transA}, transB ${transB}`,
    inputs: [any(shape(2, 3, transA)), any(shape(3, 4, transB)), ...(c === undefined ? [] : [any(c)])],
    attributes: { ...attributes, transA, transB },
  }));

export const productCases: CaseTable<'MatMul' | 'Gemm' | 'FusedMatMul'> = {
  MatMul: [
    matmul('matrices', [2, 3], [3, 4]),
    matmul('row times column', [1, 3], [3, 1]),
    matmul('batch times matrix', [2, 3, 4], [4, 5]),
    matmul('matrix times batch', [3, 4], [2, 4, 5]),
    matmul('two batches', [2, 3, 4], [2, 4, 5]),
    matmul('batch of one repeats', [1, 3, 4], [2, 4, 5]),
    matmul('two batch axes broadcast', [2, 1, 3, 4], [3, 4, 2]),
  ],
  Gemm: [
    ...gemm('no bias', undefined, { alpha: 1, beta: 1 }),
    ...gemm('row bias', [4], { alpha: 1, beta: 1 }),
    ...gemm('scaled, column bias', [2, 1], { alpha: 0.5, beta: 2 }),
    ...gemm('scaled, scalar bias', [], { alpha: -1.5, beta: 0.25 }),
    ...gemm('full bias', [2, 4], { alpha: 2, beta: 1 }),
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
