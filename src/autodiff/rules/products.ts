import { sameShape } from '../../core/shape.ts';
import { staticShapeOf, type Value } from '../../graph/builder.ts';
import { parseEinsum } from '../../graph/einsum.ts';
import { einsum, expand, matmul, mul, reshape, transpose } from '../../graph/functions.ts';
import type { productsOps } from '../../graph/ops/products.ts';
import { when, type GradientContext, type GradientRules } from '../rule.ts';

/** The value with its last two axes exchanged. */
function transposed(c: GradientContext<'MatMul' | 'Gemm'>, x: Value): Value {
  const rank = staticShapeOf(x).length;
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  return transpose(c.b, x, [...perm.slice(0, rank - 2), rank - 1, rank - 2]);
}

const scaled = (c: GradientContext<'Gemm'>, x: Value, factor: number): Value =>
  factor === 1 ? x : mul(c.b, x, factor);

/**
 * C = A·B: dA = dC·Bᵀ, dB = Aᵀ·dC. A vector on the left is a row `[1, k]`, on the right a column `[k, 1]`, and the product
 * without those axes of 1.
 */
function matmulGradient(c: GradientContext<'MatMul'>): readonly (Value | undefined)[] {
  const [a, b] = [c.input(0), c.input(1)];
  const [left, right] = [staticShapeOf(a), staticShapeOf(b)];
  const [isRow, isColumn] = [left.length === 1, right.length === 1];
  const shape = staticShapeOf(c.output(0));
  const batch = shape.slice(0, shape.length - (isRow ? 0 : 1) - (isColumn ? 0 : 1));
  const rows = isRow ? 1 : (left.at(-2) ?? 1);
  const columns = isColumn ? 1 : (right.at(-1) ?? 1);
  const g = (): Value => reshape(c.b, c.grad(), [...batch, rows, columns]);
  return [
    when(c, 0, () => {
      const product = matmul(c.b, g(), isColumn ? reshape(c.b, b, [1, ...right]) : transposed(c, b));
      return isRow ? withoutAxis(c, product, -2) : product;
    }),
    when(c, 1, () => {
      const product = matmul(c.b, isRow ? reshape(c.b, a, [...left, 1]) : transposed(c, a), g());
      return isColumn ? withoutAxis(c, product, -1) : product;
    }),
  ];
}

/** The value without an axis of 1, counted from the end. */
function withoutAxis(c: GradientContext, x: Value, axis: -1 | -2): Value {
  const shape = staticShapeOf(x);
  return reshape(c.b, x, [...shape.slice(0, axis), ...(axis === -1 ? [] : shape.slice(-1))]);
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * The gradient of an operand is the Einsum of the output's gradient with the other operands, onto the operand's labels. Labels
 * that only it has were summed over, so their gradient repeats.
 */
function einsumGradient(c: GradientContext<'Einsum'>): readonly (Value | undefined)[] {
  const inputs = Array.from({ length: c.count }, (_, index) => c.input(index));
  const shapes = inputs.map(staticShapeOf);
  const terms = parseEinsum(
    c.attributes.equation,
    shapes.map((shape) => shape.length),
    c.where,
  );
  const labels = [...new Set(terms.inputs.flat())];
  // Axes under an ellipsis get letters of their own.
  const used = new Set(labels);
  const free = Array.from(LETTERS).filter((letter) => !used.has(letter));
  const letters = new Map(labels.map((label) => [label, label.startsWith('…') ? (free.shift() ?? label) : label]));
  const write = (term: readonly string[]): string => term.map((label) => letters.get(label) ?? label).join('');

  return inputs.map((_, index) =>
    when(c, index, () => {
      const own = terms.inputs[index] ?? [];
      // A scalar multiplies the whole product: runtimes need not know empty terms.
      const factors = [
        { value: c.grad(), term: terms.output },
        ...inputs.map((value, other) => ({ value, term: terms.inputs[other] ?? [] })).filter((_, k) => k !== index),
      ];
      const tensors = factors.filter(({ term }) => term.length > 0);
      const scalars = factors.filter(({ term }) => term.length === 0).map(({ value }) => value);
      const full = shapes[index] ?? [];
      // Labels that repeat this operand are summed over.
      const shared = own.filter((label, axis) => full[axis] !== 1 && tensors.some(({ term }) => term.includes(label)));
      const product =
        tensors.length === 0
          ? []
          : [
              einsum(
                c.b,
                `${tensors.map(({ term }) => write(term)).join()}->${write(shared)}`,
                ...tensors.map(({ value }) => value),
              ),
            ];
      const [first = c.grad(), ...rest] = [...product, ...scalars];
      const gradient = rest.reduce((left, right) => mul(c.b, left, right), first);
      // A label of extent 1 in all other factors may still be longer in the operand.
      const present = staticShapeOf(gradient);
      const aligned = own.map((label) => (shared.includes(label) ? (present[shared.indexOf(label)] ?? 1) : 1));
      const placed = reshape(c.b, gradient, aligned);
      return sameShape(aligned, full) ? placed : expand(c.b, placed, full);
    }),
  );
}

export const productRules: GradientRules<keyof typeof productsOps | 'FusedMatMul'> = {
  MatMul: matmulGradient,
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
  Einsum: einsumGradient,
  FusedMatMul: { noGradient: 'it is made by a lowering, after differentiation' },
};
