import { staticShapeOf, type Value } from '../../graph/builder.ts';
import { matmul, mul, transpose } from '../../graph/functions.ts';
import { when, type GradientContext, type GradientRules } from '../rule.ts';

/** The value with its last two axes exchanged. */
function transposed(c: GradientContext<'MatMul' | 'Gemm'>, x: Value): Value {
  const rank = staticShapeOf(x).length;
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  return transpose(c.b, x, [...perm.slice(0, rank - 2), rank - 1, rank - 2]);
}

const scaled = (c: GradientContext<'Gemm'>, x: Value, factor: number): Value =>
  factor === 1 ? x : mul(c.b, x, factor);

export const productRules: GradientRules<'MatMul' | 'Gemm' | 'FusedMatMul'> = {
  // C = A·B: dA = dC·Bᵀ, dB = Aᵀ·dC
  MatMul: (c) => [
    when(c, 0, () => matmul(c.b, c.grad(), transposed(c, c.input(1)))),
    when(c, 1, () => matmul(c.b, transposed(c, c.input(0)), c.grad())),
  ],
  // Y = α·A′·B′ + β·C with A′ = A or Aᵀ, B′ = B or Bᵀ. dA′ = α·dY·B′ᵀ, dB′ = α·A′ᵀ·dY, dC = β·dY; the gradient of a
  // transposed operand is written as the transposed product, so that only products and transposes of inputs appear.
  Gemm: (c) => {
    const { alpha, beta, transA, transB } = c.attributes;
    const [g, a, b] = [c.grad(), c.input(0), c.input(1)];
    const left = (): Value => (transA === 1 ? transposed(c, a) : a);
    const right = (): Value => (transB === 1 ? transposed(c, b) : b);
    const rightTransposed = (): Value => (transB === 1 ? b : transposed(c, b));
    const leftTransposed = (): Value => (transA === 1 ? a : transposed(c, a));
    const gradA = (): Value =>
      transA === 1 ? matmul(c.b, right(), transposed(c, g)) : matmul(c.b, g, rightTransposed());
    const gradB = (): Value =>
      transB === 1 ? matmul(c.b, transposed(c, g), left()) : matmul(c.b, leftTransposed(), g);
    return [
      when(c, 0, () => scaled(c, gradA(), alpha)),
      when(c, 1, () => scaled(c, gradB(), alpha)),
      ...(c.count > 2 ? [when(c, 2, () => scaled(c, g, beta))] : []),
    ];
  },
  FusedMatMul: { noGradient: 'it is made by a lowering, after differentiation' },
};
