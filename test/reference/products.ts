import { broadcastShapes, staticShape } from '../../src/core/shape.ts';
import { atBroadcast, generate, item, type EvaluateTable, type NdArray } from './array.ts';

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

export const products: EvaluateTable<'MatMul' | 'Gemm' | 'FusedMatMul'> = {
  MatMul: ({ input }) => [product(input(0), input(1), false, false, 1)],
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
};
