import { internalError } from '../../src/core/errors.ts';
import { normalizeAxis } from '../../src/core/shape.ts';
import { at, generate, indicesOf, item, offsetOf, type EvaluateTable, type NdArray } from './array.ts';

const withEntry = (index: readonly number[], axis: number, value: number): number[] =>
  index.map((entry, k) => (k === axis ? value : entry));

const axisOf = (axis: number, x: NdArray): number => normalizeAxis(axis, x.shape.length, 'reference');

/** An index that may count from the end. */
const fromFront = (index: number, size: number): number => (index < 0 ? index + size : index);

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
      throw internalError(`a scatter has no reduction ${reduction}`);
  }
}

/** The entry of the last axis of `indices` under `index`, as an index into the axes of x from `axis` on. */
function tupleAt(indices: NdArray, index: readonly number[], x: NdArray, axis = 0): readonly number[] {
  const depth = item(indices.shape, indices.shape.length - 1);
  return Array.from({ length: depth }, (_, k) => fromFront(at(indices, [...index, k]), item(x.shape, axis + k)));
}

export const indexing: EvaluateTable<
  'Gather' | 'GatherElements' | 'GatherND' | 'ScatterElements' | 'ScatterND' | 'OneHot'
> = {
  Gather: ({ input, attributes }) => {
    const [x, indices] = [input(0), input(1)];
    const axis = axisOf(attributes.axis, x);
    const rank = indices.shape.length;
    return [
      generate([...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], (index) => {
        const chosen = fromFront(at(indices, index.slice(axis, axis + rank)), item(x.shape, axis));
        return at(x, [...index.slice(0, axis), chosen, ...index.slice(axis + rank)]);
      }),
    ];
  },
  GatherElements: ({ input, attributes }) => {
    const [x, indices] = [input(0), input(1)];
    const axis = axisOf(attributes.axis, x);
    return [
      generate(indices.shape, (index) =>
        at(x, withEntry(index, axis, fromFront(at(indices, index), item(x.shape, axis)))),
      ),
    ];
  },
  GatherND: ({ input, attributes: { batch_dims: batch } }) => {
    const [x, indices] = [input(0), input(1)];
    const outer = indices.shape.slice(0, -1);
    const depth = item(indices.shape, outer.length);
    return [
      generate([...outer, ...x.shape.slice(batch + depth)], (index) => {
        const tuple = tupleAt(indices, index.slice(0, outer.length), x, batch);
        return at(x, [...index.slice(0, batch), ...tuple, ...index.slice(outer.length)]);
      }),
    ];
  },
  ScatterElements: ({ input, attributes }) => {
    const [x, indices, updates] = [input(0), input(1), input(2)];
    const axis = axisOf(attributes.axis, x);
    const result = { shape: x.shape, data: x.data.slice() };
    for (const index of indicesOf(indices.shape)) {
      const target = withEntry(index, axis, fromFront(at(indices, index), item(x.shape, axis)));
      const offset = offsetOf(x.shape, target);
      result.data[offset] = combine(attributes.reduction, item(result.data, offset), at(updates, index));
    }
    return [result];
  },
  ScatterND: ({ input, attributes }) => {
    const [x, indices, updates] = [input(0), input(1), input(2)];
    const outer = indices.shape.length - 1;
    const result = { shape: x.shape, data: x.data.slice() };
    for (const index of indicesOf(updates.shape)) {
      const target = [...tupleAt(indices, index.slice(0, outer), x), ...index.slice(outer)];
      const offset = offsetOf(x.shape, target);
      result.data[offset] = combine(attributes.reduction, item(result.data, offset), at(updates, index));
    }
    return [result];
  },
  OneHot: ({ input, attributes: { depth, axis: given } }) => {
    const [indices, values] = [input(0), input(1)];
    const axis = normalizeAxis(given, indices.shape.length + 1, 'reference');
    const size = item(depth, 0);
    return [
      generate(indices.shape.toSpliced(axis, 0, size), (index) => {
        const on = fromFront(at(indices, index.toSpliced(axis, 1)), size) === item(index, axis);
        return item(values.data, on ? 1 : 0);
      }),
    ];
  },
};
