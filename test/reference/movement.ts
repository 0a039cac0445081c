import { internalError } from '../../src/core/errors.ts';
import { normalizeAxis, sizeOf } from '../../src/core/shape.ts';
import { broadcastShape } from './maps.ts';
import type { movementOps } from '../../src/graph/ops/movement.ts';
import { at, atBroadcast, generate, item, zeros, type EvaluateTable, type NdArray } from './array.ts';
import { indexing } from './movement-indexing.ts';

const withEntry = (index: readonly number[], axis: number, value: number): number[] =>
  index.map((entry, k) => (k === axis ? value : entry));

const axisOf = (axis: number, x: NdArray): number => normalizeAxis(axis, x.shape.length, 'reference');

/** The part of x of size `size` that begins at `start` along an axis. */
function part(x: NdArray, axis: number, start: number, size: number): NdArray {
  return generate(withEntry(x.shape, axis, size), (index) => at(x, withEntry(index, axis, item(index, axis) + start)));
}

/** Where each index of a padded axis lies in the axis itself, `undefined` where a value was put. */
function paddedPlace(entry: number, before: number, size: number, mode: string): number | undefined {
  const place = entry - before;
  if (place >= 0 && place < size) return place;
  switch (mode) {
    case 'constant':
      return undefined;
    case 'edge':
      return place < 0 ? 0 : size - 1;
    case 'reflect':
      return place < 0 ? -place : 2 * (size - 1) - place;
    default:
      throw internalError(`Pad has no mode ${mode}`);
  }
}

export const movement: EvaluateTable<keyof typeof movementOps> = {
  ...indexing,
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
    // The indices that Python's x[start:end:step] takes.
    const taken = x.shape.map((size) => Array.from({ length: size }, (_, index) => index));
    axes.forEach((given, k) => {
      const axis = axisOf(given, x);
      const extent = item(x.shape, axis);
      const step = item(steps, k);
      const fromFront = (bound: number): number => (bound < 0 ? bound + extent : bound);
      const [start, end] = [fromFront(item(starts, k)), fromFront(item(ends, k))];
      const list: number[] = [];
      if (step > 0) for (let i = Math.max(start, 0); i < Math.min(end, extent); i += step) list.push(i);
      else for (let i = Math.min(start, extent - 1); i > Math.max(end, -1); i += step) list.push(i);
      taken[axis] = list;
    });
    return [
      generate(
        taken.map((list) => list.length),
        (index) =>
          at(
            x,
            taken.map((list, axis) => item(list, item(index, axis))),
          ),
      ),
    ];
  },
  Pad: ({ input, inputs, attributes: { pads, mode } }) => {
    const x = input(0);
    const value = inputs[1] === undefined ? 0 : item(inputs[1].data, 0);
    const rank = x.shape.length;
    // Negative pads crop first; the rest pads what is left.
    const first = x.shape.map((_, axis) => Math.max(-item(pads, axis), 0));
    const left = x.shape.map(
      (size, axis) => size + Math.min(item(pads, axis), 0) + Math.min(item(pads, axis + rank), 0),
    );
    const shape = x.shape.map((size, axis) => size + item(pads, axis) + item(pads, axis + rank));
    return [
      generate(shape, (index) => {
        const places = index.map((entry, axis) =>
          paddedPlace(entry, Math.max(item(pads, axis), 0), item(left, axis), mode),
        );
        const source = places.flatMap((place, axis) => (place === undefined ? [] : [place + item(first, axis)]));
        return source.length === rank ? at(x, source) : value;
      }),
    ];
  },
  Squeeze: ({ input, attributes }) => {
    const { shape, data } = input(0);
    const axes = attributes.axes.map((axis) => axisOf(axis, input(0)));
    return [{ shape: shape.filter((_, axis) => !axes.includes(axis)), data }];
  },
  Unsqueeze: ({ input, attributes }) => {
    const { shape, data } = input(0);
    const rank = shape.length + attributes.axes.length;
    const axes = attributes.axes.map((axis) => normalizeAxis(axis, rank, 'reference')).sort((a, b) => a - b);
    return [{ shape: axes.reduce<readonly number[]>((sizes, axis) => sizes.toSpliced(axis, 0, 1), shape), data }];
  },
  Tile: ({ input, attributes: { repeats } }) => {
    const x = input(0);
    return [
      generate(
        x.shape.map((size, axis) => size * item(repeats, axis)),
        (index) =>
          at(
            x,
            x.shape.map((size, axis) => item(index, axis) % size),
          ),
      ),
    ];
  },
  DepthToSpace: ({ input, attributes: { blocksize: block, mode } }) => {
    const x = input(0);
    const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
    const depth = channels / block ** 2;
    return [
      generate([batch, depth, height * block, width * block], ([n = 0, c = 0, row = 0, column = 0]) => {
        // The place inside its block, and the block.
        const inside = (row % block) * block + (column % block);
        const channel = mode === 'DCR' ? inside * depth + c : c * block ** 2 + inside;
        return at(x, [n, channel, Math.floor(row / block), Math.floor(column / block)]);
      }),
    ];
  },
  SpaceToDepth: ({ input, attributes: { blocksize: block } }) => {
    const x = input(0);
    const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
    return [
      generate([batch, channels * block ** 2, height / block, width / block], ([n = 0, c = 0, row = 0, column = 0]) => {
        const inside = Math.floor(c / channels);
        return at(x, [n, c % channels, row * block + Math.floor(inside / block), column * block + (inside % block)]);
      }),
    ];
  },
  Trilu: ({ input, attributes: { k, upper } }) => {
    const x = input(0);
    return [
      generate(x.shape, (index) => {
        const above = item(index, index.length - 1) - item(index, index.length - 2) - item(k, 0);
        return (upper === 1 ? above >= 0 : above <= 0) ? at(x, index) : 0;
      }),
    ];
  },
  Shape: ({ input, attributes: { start, end } }) => {
    const sizes = input(0).shape.slice(start, end);
    return [{ shape: [sizes.length], data: Float64Array.from(sizes) }];
  },
  Size: ({ input }) => [{ shape: [], data: Float64Array.of(sizeOf(input(0).shape)) }],
};
