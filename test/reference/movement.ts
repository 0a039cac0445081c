import { internalError } from '../../src/core/errors.ts';
import { normalizeAxis, sizeOf } from '../../src/core/shape.ts';
import { broadcastShape } from './elementwise.ts';
import {
  at,
  atBroadcast,
  generate,
  indicesOf,
  item,
  offsetOf,
  zeros,
  type EvaluateTable,
  type NdArray,
} from './array.ts';

const withEntry = (index: readonly number[], axis: number, value: number): number[] =>
  index.map((entry, k) => (k === axis ? value : entry));

const axisOf = (axis: number, x: NdArray): number => normalizeAxis(axis, x.shape.length, 'reference');

/** The part of x of size `size` that begins at `start` along an axis. */
function part(x: NdArray, axis: number, start: number, size: number): NdArray {
  return generate(withEntry(x.shape, axis, size), (index) => at(x, withEntry(index, axis, item(index, axis) + start)));
}

function combine(reduction: string, old: number, update: number): number {
  switch (reduction) {
    case 'none':
      return update;
    case 'add':
      return old + update;
    case 'mul':
      return old * update;
    case 'max':
      return Math.max(old, update);
    case 'min':
      return Math.min(old, update);
    default:
      throw internalError(`ScatterElements has no reduction ${reduction}`);
  }
}

export const movement: EvaluateTable<
  'Transpose' | 'Reshape' | 'Flatten' | 'Expand' | 'Concat' | 'Split' | 'Slice' | 'Pad' | 'Gather' | 'ScatterElements'
> = {
  Transpose: ({ input, attributes: { perm } }) => {
    const x = input(0);
    // Output axis k is input axis perm[k].
    return [
      generate(
        perm.map((axis) => item(x.shape, axis)),
        (index) =>
          at(
            x,
            x.shape.map((_, axis) => item(index, perm.indexOf(axis))),
          ),
      ),
    ];
  },
  Reshape: ({ input, attributes }) => {
    const x = input(0);
    const copied = attributes.shape.map((dim, axis) => (dim === 0 ? item(x.shape, axis) : dim));
    const rest = sizeOf(x.shape) / sizeOf(copied.filter((dim) => dim !== -1));
    return [{ shape: copied.map((dim) => (dim === -1 ? rest : dim)), data: x.data }];
  },
  Flatten: ({ input, attributes: { axis } }) => {
    const { shape, data } = input(0);
    return [{ shape: [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))], data }];
  },
  Expand: ({ input, attributes }) => {
    const x = input(0);
    const shape = broadcastShape(x, zeros(attributes.shape));
    return [generate(shape, (index) => atBroadcast(x, index))];
  },
  Concat: ({ input, inputs, attributes }) => {
    const parts = inputs.map((_, index) => input(index));
    const axis = axisOf(attributes.axis, input(0));
    const owners = parts.flatMap((x) => Array.from({ length: item(x.shape, axis) }, (_, k) => ({ x, k })));
    return [
      generate(withEntry(input(0).shape, axis, owners.length), (index) => {
        const owner = owners[item(index, axis)];
        if (owner === undefined) throw internalError('Concat index out of range');
        return at(owner.x, withEntry(index, axis, owner.k));
      }),
    ];
  },
  Split: ({ input, attributes }) => {
    const x = input(0);
    const axis = axisOf(attributes.axis, x);
    let start = 0;
    return attributes.split.map((size) => {
      const piece = part(x, axis, start, size);
      start += size;
      return piece;
    });
  },
  Slice: ({ input, attributes: { starts, ends, axes, steps } }) => {
    const x = input(0);
    const [first, step, size] = [x.shape.map(() => 0), x.shape.map(() => 1), [...x.shape]];
    axes.forEach((given, k) => {
      const axis = axisOf(given, x);
      const extent = item(x.shape, axis);
      const clamp = (bound: number): number => Math.min(Math.max(bound < 0 ? bound + extent : bound, 0), extent);
      const [begin, end] = [clamp(item(starts, k)), clamp(item(ends, k))];
      first[axis] = begin;
      step[axis] = item(steps, k);
      size[axis] = Math.max(0, Math.ceil((end - begin) / item(steps, k)));
    });
    return [
      generate(size, (index) =>
        at(
          x,
          index.map((entry, axis) => item(first, axis) + entry * item(step, axis)),
        ),
      ),
    ];
  },
  Pad: ({ input, attributes: { pads } }) => {
    const x = input(0);
    const rank = x.shape.length;
    const shape = x.shape.map((size, axis) => size + item(pads, axis) + item(pads, axis + rank));
    return [
      generate(shape, (index) => {
        const source = index.map((entry, axis) => entry - item(pads, axis));
        return source.every((entry, axis) => entry >= 0 && entry < item(x.shape, axis)) ? at(x, source) : 0;
      }),
    ];
  },
  Gather: ({ input, attributes }) => {
    const [x, indices] = [input(0), input(1)];
    const axis = axisOf(attributes.axis, x);
    const extent = item(x.shape, axis);
    const rank = indices.shape.length;
    return [
      generate([...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], (index) => {
        const chosen = at(indices, index.slice(axis, axis + rank));
        return at(x, [...index.slice(0, axis), chosen < 0 ? chosen + extent : chosen, ...index.slice(axis + rank)]);
      }),
    ];
  },
  ScatterElements: ({ input, attributes }) => {
    const [x, indices, updates] = [input(0), input(1), input(2)];
    const axis = axisOf(attributes.axis, x);
    const result = { shape: x.shape, data: x.data.slice() };
    for (const index of indicesOf(indices.shape)) {
      const chosen = at(indices, index);
      const target = withEntry(index, axis, chosen < 0 ? chosen + item(x.shape, axis) : chosen);
      const offset = offsetOf(x.shape, target);
      result.data[offset] = combine(attributes.reduction, item(result.data, offset), at(updates, index));
    }
    return [result];
  },
};
