import { inputError } from '../../core/errors.ts';
import { formatShape, normalizeAxis, type Dim } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';
import type { imagesOps } from '../ops/images.ts';
import { at, dimOf, exactly, numberOf, of, sameDtype, type ShapeContext, type ShapeRules } from './context.ts';
import { convolved, expectFilter, expectVector, globallyPooled, pooled } from './window.ts';

function transposed(c: ShapeContext<'ConvTranspose'>): TensorType {
  const { where, attributes } = c;
  const [x, w] = [c.input(0), c.input(1)];
  const rank = x.shape.length - 2;
  expectFilter(x, w, attributes.kernel_shape, where);
  exactly(2 * rank, attributes.pads, 'pads', where);
  exactly(rank, attributes.strides, 'strides', where);
  exactly(rank, attributes.dilations, 'dilations', where);
  exactly(rank, attributes.output_padding, 'output_padding', where);
  if (
    dimOf(x.shape, 1, where) !== numberOf(w.shape, 0, where) ||
    numberOf(w.shape, 0, where) % attributes.group !== 0
  ) {
    throw inputError('convolution channels do not fit', {
      where,
      received: `input ${formatShape(x.shape)}, filter ${formatShape(w.shape)}, ${attributes.group} groups`,
    });
  }
  const channels = numberOf(w.shape, 1, where) * attributes.group;
  const bias = c.optional(2);
  if (bias !== undefined) expectVector(bias, channels, 'bias', where);
  const spatial = x.shape.slice(2).map((_, axis) => {
    const [before, after] = [at(attributes.pads, axis, 'pads', where), at(attributes.pads, axis + rank, 'pads', where)];
    const kernel = at(attributes.kernel_shape, axis, 'kernel_shape', where);
    const reach = at(attributes.dilations, axis, 'dilations', where) * (kernel - 1) + 1;
    const stride = at(attributes.strides, axis, 'strides', where);
    const extra = at(attributes.output_padding, axis, 'output_padding', where);
    // No window of the convolution ends in more than that, and ONNX Runtime refuses it.
    if (extra >= stride)
      throw inputError('output padding must be smaller than the stride', {
        where,
        expected: `at most ${stride - 1}`,
        received: String(extra),
      });
    return stride * (numberOf(x.shape, axis + 2, where) - 1) + extra + reach - before - after;
  });
  return of(sameDtype(c, x, w), [dimOf(x.shape, 0, where), channels, ...spatial]);
}

function resized(c: ShapeContext<'Resize'>): TensorType {
  const { where } = c;
  const { dtype, shape } = c.input(0);
  const { axes, scales, sizes } = c.attributes;
  if ((scales.length === 0) === (sizes.length === 0)) {
    throw inputError('Resize takes scales or sizes', {
      where,
      received: `scales [${scales.join(', ')}] and sizes [${sizes.join(', ')}]`,
    });
  }
  const wanted = sizes.length > 0 ? sizes : scales;
  if (wanted.length !== axes.length) {
    throw inputError('Resize needs one scale or size for each axis', {
      where,
      expected: `${axes.length}, for the axes [${axes.join(', ')}]`,
      received: `[${wanted.join(', ')}]`,
    });
  }
  const dims: Dim[] = [...shape];
  axes.forEach((given, index) => {
    const axis = normalizeAxis(given, shape.length, where);
    const amount = at(wanted, index, 'scales or sizes', where);
    if (!(amount > 0)) throw inputError('scales and sizes must be positive', { where, received: String(amount) });
    if (sizes.length > 0) dims[axis] = amount;
    // The runtime multiplies in float32. A scale of 1 leaves a symbolic dimension as it is.
    else if (amount !== 1) dims[axis] = Math.floor(Math.fround(Math.fround(amount) * numberOf(shape, axis, where)));
  });
  return of(dtype, dims);
}

export const imageShapes: ShapeRules<keyof typeof imagesOps> = {
  Conv: (c) => [convolved(c)],
  ConvTranspose: (c) => [transposed(c)],
  MaxPool: pooled,
  AveragePool: pooled,
  GlobalMaxPool: globallyPooled,
  GlobalAveragePool: globallyPooled,
  Resize: (c) => [resized(c)],
};
