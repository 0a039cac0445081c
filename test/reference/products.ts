import { broadcastShapes, staticShape } from '../../src/core/shape.ts';
import { parseEinsum } from '../../src/graph/einsum.ts';
import type { productsOps } from '../../src/graph/ops/products.ts';
import { atBroadcast, generate, indicesOf, item, type EvaluateTable, type NdArray } from './array.ts';

/** alpha · op(a) · op(b) over the last two axes; leading axes broadcast. */
function product(a: NdArray, b: NdArray, transA: boolean, transB: boolean, alpha: number): NdArray {
  const rows = item(a.shape, a.shape.length - (transA ? 1 : 2));
  const inner = item(a.shape, a.shape.length - (transA ? 2 : 1));
  const columns = item(b.shape, b.shape.length - (transB ? 2 : 1));
  const batch = staticShape(broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2), 'product'), 'product');
  return generate([...batch, rows, columns], (index) => {
    const outer = index.slice(0, -2);
    const [i, j] = [item(index, index.length - 2), item(index, index.length - 1)];
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      const left = atBroadcast(a, [...outer, ...(transA ? [k, i] : [i, k])]);
      sum += left * atBroadcast(b, [...outer, ...(transB ? [j, k] : [k, j])]);
    }
    return alpha * sum;
  });
}

/** As numpy.matmul: a vector is a row on the left and a column on the right, without that axis in the result. */
function matmul(a: NdArray, b: NdArray): NdArray {
  const [row, column] = [a.shape.length === 1, b.shape.length === 1];
  const left = row ? { ...a, shape: [1, ...a.shape] } : a;
  const right = column ? { ...b, shape: [...b.shape, 1] } : b;
  const { shape, data } = product(left, right, false, false, 1);
  const rank = shape.length;
  return { shape: shape.filter((_, axis) => !((row && axis === rank - 2) || (column && axis === rank - 1))), data };
}

/** Σ over the labels that the output lacks of the product of the operands' elements. */
function einsum(equation: string, operands: readonly NdArray[]): NdArray {
  const terms = parseEinsum(
    equation,
    operands.map(({ shape }) => shape.length),
    'reference',
  );
  const labels = [...new Set(terms.inputs.flat())];
  const extents = labels.map((label) =>
    Math.max(...operands.map(({ shape }, k) => shape[terms.inputs[k]?.indexOf(label) ?? -1] ?? 1)),
  );
  const summed = labels.filter((label) => !terms.output.includes(label));
  const extentOf = (label: string): number => item(extents, labels.indexOf(label));
  return generate(terms.output.map(extentOf), (index) => {
    let total = 0;
    for (const inner of indicesOf(summed.map(extentOf))) {
      const place = (label: string): number =>
        summed.includes(label) ? item(inner, summed.indexOf(label)) : item(index, terms.output.indexOf(label));
      total += operands.reduce((factor, x, k) => factor * atBroadcast(x, (terms.inputs[k] ?? []).map(place)), 1);
    }
    return total;
  });
}

export const products: EvaluateTable<keyof typeof productsOps | 'FusedMatMul'> = {
  MatMul: ({ input }) => [matmul(input(0), input(1))],
  FusedMatMul: ({ input, attributes: { alpha, transA, transB } }) => [
    product(input(0), input(1), transA === 1, transB === 1, alpha),
  ],
  // y = alpha·a′·b′ + beta·c
  Gemm: ({ input, inputs, attributes: { alpha, beta, transA, transB } }) => {
    const ab = product(input(0), input(1), transA === 1, transB === 1, alpha);
    const c = inputs[2];
    if (c === undefined) return [ab];
    return [generate(ab.shape, (index) => atBroadcast(ab, index) + beta * atBroadcast(c, index))];
  },
  Einsum: ({ inputs, attributes: { equation } }) => [
    einsum(
      equation,
      inputs.filter((operand) => operand !== undefined),
    ),
  ],
};
