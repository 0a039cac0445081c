import { isStatic } from '../../core/shape.ts';
import type { movementOps } from '../ops/movement.ts';
import { plain, rankOf, type Context, type ReadRules, type Value, type Values } from './rule.ts';

/** Equal parts, the last one smaller if need be, where `split` is absent. */
function splitDefaults({ inputs, outputCount, stated }: Context): Values {
  const shape = inputs[0]?.shape ?? [];
  const axis = typeof stated['axis'] === 'number' ? stated['axis'] : 0;
  const size = shape.at(axis);
  if (typeof size !== 'number') return { axis };
  const part = Math.ceil(size / outputCount);
  return { axis, split: Array.from({ length: outputCount }, (_, k) => Math.min(part, size - part * k)) };
}

/** All axes of size 1 where `axes` is absent; with a symbolic dimension nobody knows which those are. */
function squeezeDefaults({ inputs }: Context): Values {
  const shape = inputs[0]?.shape;
  if (shape === undefined || !isStatic(shape)) return {};
  return { axes: shape.flatMap((dim, axis) => (dim === 1 ? [axis] : [])) };
}

const isList = (value: Value | undefined): value is readonly number[] => Array.isArray(value);

/** Pads of chosen axes, all begins then all ends, as pads of all axes. */
function padsOfAllAxes(context: Context): Values {
  const { pads, axes } = context.stated;
  if (!isList(pads) || !isList(axes)) return {};
  const rank = rankOf(context);
  const spread = new Array<number>(2 * rank).fill(0);
  axes.forEach((given, index) => {
    const axis = given < 0 ? given + rank : given;
    spread[axis] = pads[index] ?? NaN;
    spread[axis + rank] = pads[index + axes.length] ?? NaN;
  });
  return { pads: spread };
}

export const movementReadRules: ReadRules<typeof movementOps> = {
  Transpose: {
    defaults: (context) => ({ perm: Array.from({ length: rankOf(context) }, (_, axis) => rankOf(context) - 1 - axis) }),
  },
  Reshape: {
    // Zeros mean "copy this dimension" unless allowzero is set; without zeros both say the same.
    assumed: {
      allowzero: (value, { stated }) => value === 0 || (Array.isArray(stated['shape']) && !stated['shape'].includes(0)),
    },
  },
  Flatten: { defaults: () => ({ axis: 1 }) },
  Squeeze: { defaults: squeezeDefaults },
  Unsqueeze: plain,
  Expand: plain,
  Tile: plain,
  Concat: plain,
  Split: { defaults: splitDefaults, assumed: { num_outputs: (value, { outputCount }) => value === outputCount } },
  Slice: {
    defaults: ({ stated: { starts = [] } }) => {
      const count = Array.isArray(starts) ? starts.length : 0;
      return { axes: Array.from({ length: count }, (_, axis) => axis), steps: new Array<number>(count).fill(1) };
    },
  },
  Pad: { defaults: () => ({ mode: 'constant' }), operands: { axes: 3 }, restated: padsOfAllAxes },
  Gather: { defaults: () => ({ axis: 0 }) },
  GatherElements: { defaults: () => ({ axis: 0 }) },
  GatherND: { defaults: () => ({ batch_dims: 0 }) },
  ScatterElements: { defaults: () => ({ axis: 0, reduction: 'none' }) },
  ScatterND: { defaults: () => ({ reduction: 'none' }) },
  DepthToSpace: { defaults: () => ({ mode: 'DCR' }) },
  SpaceToDepth: plain,
  Trilu: { defaults: () => ({ k: [0], upper: 1 }) },
  OneHot: { defaults: () => ({ axis: -1 }) },
  Shape: { defaults: (context) => ({ start: 0, end: rankOf(context) }) },
  Size: plain,
};
