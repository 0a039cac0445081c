import { isStatic, normalizeAxis } from '../core/shape.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { abs, add, clip, exp, log, mul, reduceMax, reduceSum, reshape, sub } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import type { Operands, Pass } from './pass.ts';

/** What a reduction makes of a single element. */
const ofOne = {
  ReduceL1: abs,
  ReduceL2: abs,
  ReduceSumSquare: (b: Builder, x: Value) => mul(b, x, x),
  ReduceLogSum: log,
} as const;

/**
 * Reductions over no axes, which ONNX Runtime's WebGPU provider takes for the identity; of a scalar, nothing else is left of a
 * reduction either.
 */
export function overNoAxes(
  { builder: b }: Pass,
  node: OpNode<keyof typeof ofOne>,
  { input }: Operands,
): readonly Value[] | undefined {
  return node.attributes.axes.length > 0 ? undefined : [ofOne[node.op](b, input(0))];
}

/** Largest finite float32. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

/**
 * log Σeˣ = m + log Σe^(x − m) with m = max x, which overflows for no x: ONNX Runtime's WebGPU provider does not subtract m.
 * An infinite m is replaced by the largest number, so that the result is m and not ∞ − ∞.
 */
export function logSumExp(
  { builder: b }: Pass,
  node: OpNode<'ReduceLogSumExp'>,
  { input }: Operands,
): readonly Value[] | undefined {
  const x = input(0);
  const { shape, dtype } = x.type;
  const axes = node.attributes.axes.map((axis) => normalizeAxis(axis, shape.length, node.name));
  if (axes.length === 0) return [x];
  if (dtype !== 'float32' || !isStatic(shape)) return undefined;
  const most = clip(b, reduceMax(b, x, axes, { keepdims: true }), -LARGEST, LARGEST);
  const y = add(b, most, log(b, reduceSum(b, exp(b, sub(b, x, most)), axes, { keepdims: true })));
  if (node.attributes.keepdims === 1) return [y];
  return [
    reshape(
      b,
      y,
      staticShapeOf(y).filter((_, axis) => !axes.includes(axis)),
    ),
  ];
}
