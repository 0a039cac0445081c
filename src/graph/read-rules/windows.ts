import type { Context, Value, Values } from './rule.ts';

/** What a file may say about padding instead of `pads`, and how `explicitPads` understands it. */
export const padding = {
  auto_pad: (value: Value) => ['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'].includes(String(value)),
};
export const poolPadding = { ...padding, ceil_mode: (value: Value) => value === 0 || value === 1 };

const listOf = (stated: Values, name: string): readonly number[] => {
  const value = stated[name];
  return Array.isArray(value) ? (value as readonly number[]) : [];
};

interface Axis {
  /** Extent of the input, where it is known. */
  readonly size: number | undefined;
  readonly kernel: number;
  readonly stride: number;
  /** Elements from the first to the last one that a window reads. */
  readonly reach: number;
  /** Zeros that the file asks for at the end of a transposed convolution. */
  readonly extra: number;
  readonly pads: readonly [before: number, after: number];
}

function axesOf({ inputs, stated }: Context): readonly Axis[] {
  const extents = inputs[0]?.shape.slice(2) ?? [];
  const [kernels, strides, dilations] = ['kernel_shape', 'strides', 'dilations'].map((name) => listOf(stated, name));
  const [pads, extras] = ['pads', 'output_padding'].map((name) => listOf(stated, name));
  return extents.map((size, axis) => {
    const kernel = kernels?.[axis] ?? 1;
    return {
      size: typeof size === 'number' ? size : undefined,
      kernel,
      stride: strides?.[axis] ?? 1,
      reach: (dilations?.[axis] ?? 1) * (kernel - 1) + 1,
      extra: extras?.[axis] ?? 0,
      pads: [pads?.[axis] ?? 0, pads?.[axis + extents.length] ?? 0],
    };
  });
}

const halves = (total: number, larger: 'first' | 'last'): readonly [number, number] => {
  const smaller = Math.floor(total / 2);
  return larger === 'last' ? [smaller, total - smaller] : [total - smaller, smaller];
};

type Pads = readonly [before: number, after: number];

const stated = (pads: readonly (Pads | undefined)[]): Values | undefined => {
  const known = pads.filter((each) => each !== undefined);
  if (known.length < pads.length) return undefined;
  return { pads: [...known.map(([before]) => before), ...known.map(([, after]) => after)] };
};

/** Padding that gives ⌈size/stride⌉ outputs; at stride 1 it does not depend on the size. */
function samePads({ size, stride, reach }: Axis, mode: Value): Pads | undefined {
  if (stride !== 1 && size === undefined) return undefined;
  const total =
    stride === 1 || size === undefined
      ? reach - 1
      : Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
  return halves(total, mode === 'SAME_UPPER' ? 'last' : 'first');
}

function windowPads(axis: Axis, mode: Value): Pads | undefined {
  if (mode === 'NOTSET') return axis.pads;
  return mode === 'VALID' ? [0, 0] : samePads(axis, mode);
}

/** `auto_pad` of a convolution as explicit pads; `undefined` where they depend on an unknown size. */
export function explicitPads(context: Context): Values | undefined {
  const mode = context.stated['auto_pad'] ?? 'NOTSET';
  return stated(axesOf(context).map((axis) => windowPads(axis, mode)));
}

/**
 * With `ceil_mode` a last window may reach beyond the padded input, if it starts inside the input or in the padding
 * before it: that is as many zeros more at the end. ONNX Runtime refuses pads as large as the kernel.
 */
function ceiledPads(axis: Axis, [before, after]: Pads): Pads | undefined {
  const { size, kernel, stride, reach } = axis;
  if (stride === 1) return [before, after];
  if (size === undefined) return undefined;
  const last = Math.ceil((size + before + after - reach) / stride) * stride;
  const start = last >= size + before ? last - stride : last;
  const needed = Math.max(after, start + reach - size - before);
  return needed > after && needed >= kernel ? undefined : [before, needed];
}

/** `auto_pad` and `ceil_mode` of pooling as explicit pads; `undefined` where the table cannot say it. */
export function explicitPoolPads(context: Context): Values | undefined {
  const { stated: given } = context;
  const mode = given['auto_pad'] ?? 'NOTSET';
  const axes = axesOf(context);
  const plain = axes.map((axis) => windowPads(axis, mode));
  if (given['ceil_mode'] !== 1 || mode === 'SAME_UPPER' || mode === 'SAME_LOWER') return stated(plain);
  const ceiled = axes.map((axis, index) => {
    const pads = plain[index];
    return pads === undefined ? undefined : ceiledPads(axis, pads);
  });
  const overhangs = ceiled.some((pads, index) => pads?.[1] !== plain[index]?.[1]);
  if (overhangs && mode === 'VALID') return undefined;
  if (!overhangs || given['count_include_pad'] !== 1) return stated(ceiled);
  // What hangs over is never counted; without pads of its own the average counts no padding at all.
  const pads = stated(ceiled);
  const bare = plain.every((each) => each?.every((amount) => amount === 0) === true);
  return bare && pads !== undefined ? { ...pads, count_include_pad: 0 } : undefined;
}

/**
 * `auto_pad` and `output_shape` of a transposed convolution as explicit pads: the output is cropped to stride·size, or to
 * the shape, and the odd element goes to the end for SAME_UPPER, to the beginning otherwise.
 */
export function transposedPads(context: Context): Values | undefined {
  const mode = context.stated['auto_pad'] ?? 'NOTSET';
  const shape = listOf(context.stated, 'output_shape');
  const axes = axesOf(context);
  const larger = mode === 'SAME_UPPER' ? 'last' : 'first';
  if (shape.length > 0) {
    const targets = shape.slice(-axes.length);
    return stated(
      axes.map(({ size, stride, reach, extra }, index) => {
        const target = targets[index];
        if (size === undefined || target === undefined) return undefined;
        const total = stride * (size - 1) + extra + reach - target;
        return total < 0 ? undefined : halves(total, larger);
      }),
    );
  }
  return stated(
    axes.map(({ pads, stride, reach, extra }) => {
      if (mode === 'NOTSET') return pads;
      return mode === 'VALID' ? [0, 0] : halves(Math.max(0, extra + reach - stride), larger);
    }),
  );
}
