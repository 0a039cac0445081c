import { inputError } from '../../core/errors.ts';
import { normalizeAxis, sizeOf } from '../../core/shape.ts';
import { int64 } from '../../core/tensor.ts';
import { staticShapeOf, type Value } from '../../graph/builder.ts';
import { concat, expand, reshape, scalar } from '../../graph/functions.ts';
import { when, type GradientContext, type GradientRules } from '../rule.ts';

type IndexOp = 'Gather' | 'GatherElements' | 'GatherND' | 'ScatterElements' | 'ScatterND' | 'OneHot';
type Scatter = GradientContext<'ScatterElements' | 'ScatterND'>;

const zeros = (c: GradientContext, shape: readonly number[]): Value => expand(c.b, scalar(c.b, 0), shape);

/**
 * Gradients of data and updates where updates replace elements or are added to them. Of several updates to one element that
 * replace it, ONNX does not say which stays; all get its gradient.
 */
function scattered(
  c: Scatter,
  { replace, gather }: { readonly replace: (zeros: Value) => Value; readonly gather: () => Value },
): readonly (Value | undefined)[] {
  const { reduction } = c.attributes;
  if (reduction !== 'none' && reduction !== 'add') {
    throw inputError(`no gradient through a scatter with reduction ${reduction}`, {
      where: c.where,
      hint: 'which of several updates to one element counts depends on their values; none and add have gradients',
    });
  }
  return [
    when(c, 0, () => (reduction === 'add' ? c.grad() : replace(zeros(c, staticShapeOf(c.input(2)))))),
    undefined,
    when(c, 2, gather),
  ];
}

/** Indices into axes behind `batch` ones as indices into all axes. */
function withBatch(c: GradientContext<'GatherND'>, batch: number): Value {
  const indices = c.input(1);
  const shape = staticShapeOf(indices);
  const outer = shape.slice(0, -1);
  const [batches, inner] = [outer.slice(0, batch), sizeOf(outer.slice(batch))];
  if (batch === 0) return indices;
  const coordinates: number[] = [];
  for (let index = 0; index < sizeOf(batches); index++) {
    let rest = index;
    const coordinate = batches.toReversed().map((size) => {
      const here = rest % size;
      rest = Math.floor(rest / size);
      return here;
    });
    for (let repeat = 0; repeat < inner; repeat++) coordinates.push(...coordinate.toReversed());
  }
  return concat(c.b, [c.b.constant(int64([...outer, batch], coordinates), 'batch'), indices], shape.length - 1);
}

export const indexingRules: GradientRules<IndexOp> = {
  // Adds each gathered row's gradient to its source; repeated indices accumulate.
  Gather: (c) => {
    const shape = staticShapeOf(c.input(0));
    const axis = normalizeAxis(c.attributes.axis, shape.length, c.where);
    const indices = c.input(1);
    const count = sizeOf(staticShapeOf(indices));
    const gathered = shape.map((dim, k) => (k === axis ? count : dim));
    const updates = reshape(c.b, c.grad(), gathered);
    const aligned = reshape(
      c.b,
      indices,
      shape.map((_, k) => (k === axis ? count : 1)),
    );
    return [
      c.b.op('ScatterElements', [zeros(c, shape), expand(c.b, aligned, gathered), updates], { axis, reduction: 'add' }),
      undefined,
    ];
  },
  GatherElements: (c) => {
    const nowhere = zeros(c, staticShapeOf(c.input(0)));
    const { axis } = c.attributes;
    return [c.b.op('ScatterElements', [nowhere, c.input(1), c.grad()], { axis, reduction: 'add' }), undefined];
  },
  GatherND: (c) => {
    const nowhere = zeros(c, staticShapeOf(c.input(0)));
    const indices = withBatch(c, c.attributes.batch_dims);
    return [c.b.op('ScatterND', [nowhere, indices, c.grad()], { reduction: 'add' }), undefined];
  },
  ScatterElements: (c) => {
    const { axis } = c.attributes;
    return scattered(c, {
      replace: (nothing) => c.b.op('ScatterElements', [c.grad(), c.input(1), nothing], { axis, reduction: 'none' }),
      gather: () => c.b.op('GatherElements', [c.grad(), c.input(1)], { axis }),
    });
  },
  ScatterND: (c) =>
    scattered(c, {
      replace: (nothing) => c.b.op('ScatterND', [c.grad(), c.input(1), nothing], { reduction: 'none' }),
      gather: () => c.b.op('GatherND', [c.grad(), c.input(1)], { batch_dims: 0 }),
    }),
  OneHot: { noGradient: 'its operands are indices and two constants' },
};
