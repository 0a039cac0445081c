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
  // Y = α·A′·B′ + β·C with A′ = A or Aᵀ: dA′ = α·dY·B′ᵀ, dB′ = α·A′ᵀ·dY, dC = β·dY
  Gemm: (c) => {
    const { alpha, beta, transA, transB } = c.attributes;
    const flip = (x: Value, yes: boolean): Value => (yes ? transposed(c, x) : x);
    return [
      when(c, 0, () => flip(scaled(c, matmul(c.b, c.grad(), flip(c.input(1), transB === 0)), alpha), transA === 1)),
      when(c, 1, () => flip(scaled(c, matmul(c.b, flip(c.input(0), transA === 0), c.grad()), alpha), transB === 1)),
      ...(c.count > 2 ? [when(c, 2, () => scaled(c, c.grad(), beta))] : []),
    ];
  },
  FusedMatMul: { noGradient: 'it is made by a lowering, after differentiation' },
};
