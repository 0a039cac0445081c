import type { movementOps } from '../ops/movement.ts';
import { is, plain, rankOf, type ReadRules, type Context, type Values } from './rule.ts';

/** Equal parts, the last one smaller if need be, where `split` is absent. */
function splitDefaults({ inputs, outputCount, stated }: Context): Values {
  const shape = inputs[0]?.shape ?? [];
  const axis = typeof stated['axis'] === 'number' ? stated['axis'] : 0;
  const size = shape.at(axis);
  if (typeof size !== 'number') return { axis };
  const part = Math.ceil(size / outputCount);
  return { axis, split: Array.from({ length: outputCount }, (_, k) => Math.min(part, size - part * k)) };
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
  Expand: plain,
  Concat: plain,
  Split: { defaults: splitDefaults, assumed: { num_outputs: (value, { outputCount }) => value === outputCount } },
  Slice: {
    defaults: ({ stated: { starts = [] } }) => {
      const count = Array.isArray(starts) ? starts.length : 0;
      return { axes: Array.from({ length: count }, (_, axis) => axis), steps: new Array<number>(count).fill(1) };
    },
  },
  Pad: { assumed: { mode: is('constant') } },
  Gather: { defaults: () => ({ axis: 0 }) },
  ScatterElements: { defaults: () => ({ axis: 0, reduction: 'none' }) },
};
