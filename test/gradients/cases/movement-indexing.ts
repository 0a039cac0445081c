import type { StaticShape } from '../../../src/core/shape.ts';
import { any, integers, type CaseTable } from '../case.ts';

const gather = (
  name: string,
  shape: StaticShape,
  axis: number,
  indexShape: StaticShape,
  indices: readonly number[],
) => ({ name, inputs: [any(shape), integers(indexShape, indices)], attributes: { axis } });

type IndexOp = 'Gather' | 'GatherElements' | 'GatherND' | 'ScatterElements' | 'ScatterND' | 'OneHot';

const gatherND = (
  name: string,
  shape: StaticShape,
  indexShape: StaticShape,
  indices: readonly number[],
  batch = 0,
) => ({
  name,
  inputs: [any(shape), integers(indexShape, indices)],
  attributes: { batch_dims: batch },
});

/** Indices that replace must be different; those that add may repeat. */
const scatterCases = (reduction: 'none' | 'add') => ({
  rows: {
    name: `${reduction}: rows`,
    inputs: [any([3, 3]), integers([2, 2], reduction === 'none' ? [0, 2, 1, -3] : [0, -1, 0, 2]), any([2, 2])],
    attributes: { axis: 0, reduction },
  },
  columns: {
    name: `${reduction}: last axis`,
    inputs: [
      any([2, 4]),
      integers([2, 3], reduction === 'none' ? [1, 0, -1, 0, 3, 2] : [1, 1, 1, 0, 3, 0]),
      any([2, 3]),
    ],
    attributes: { axis: -1, reduction },
  },
  slices: {
    name: `${reduction}: slices`,
    inputs: [any([4, 2]), integers([3, 1], reduction === 'none' ? [2, 0, -1] : [1, 1, -4]), any([3, 2])],
    attributes: { reduction },
  },
  elements: {
    name: `${reduction}: elements`,
    inputs: [
      any([3, 2, 2]),
      integers([1, 2, 3], reduction === 'none' ? [0, 1, 1, -1, 0, 1] : [2, -2, 0, 2, 0, 0]),
      any([1, 2]),
    ],
    attributes: { reduction },
  },
});
const [replacing, adding] = [scatterCases('none'), scatterCases('add')];

export const indexingCases: CaseTable<IndexOp> = {
  Gather: [
    gather('embedding with repeated indices', [4, 3], 0, [5], [2, 0, 2, 2, 3]),
    gather('sequence of sentences', [4, 3], 0, [2, 3], [1, 1, 0, 3, 1, 0]),
    gather('scalar index', [4, 3], 0, [], [2]),
    gather('columns', [2, 4], 1, [3], [3, 3, 0]),
    gather('middle axis', [2, 3, 2], 1, [2, 2], [0, 2, 2, 2]),
    gather('last axis, negative', [2, 3], -1, [2], [1, 0]),
    gather('negative indices', [4, 2], 0, [3], [-1, 3, -4]),
  ],
  GatherElements: [
    gather('columns of each row', [2, 4], 1, [2, 3], [3, 3, 0, -1, 2, 0]),
    gather('fewer columns than there are', [3, 4], 0, [2, 2], [2, 0, 2, -3]),
    gather('middle axis', [2, 3, 2], -2, [2, 1, 2], [0, 2, 1, 1]),
  ],
  GatherND: [
    gatherND('elements', [3, 4], [2, 2], [0, 1, -1, 3]),
    gatherND('rows, repeated', [3, 4], [2, 2, 1], [2, 0, 2, -3]),
    gatherND('behind a batch axis', [2, 3, 2], [2, 2, 1], [1, 1, -1, 0], 1),
    gatherND('behind two batch axes', [2, 2, 3], [2, 2, 1], [0, 2, -2, 0], 2),
    gatherND('one element behind a batch axis', [2, 3, 2], [2, 2], [1, 1, -1, 0], 1),
  ],
  ScatterElements: [
    replacing.rows,
    replacing.columns,
    adding.rows,
    adding.columns,
    { ...adding.columns, name: 'max', attributes: { axis: -1, reduction: 'max' }, forwardOnly: true },
    { ...adding.columns, name: 'mul', attributes: { axis: -1, reduction: 'mul' }, forwardOnly: true },
  ],
  ScatterND: [
    replacing.slices,
    replacing.elements,
    adding.slices,
    adding.elements,
    { ...adding.slices, name: 'min', attributes: { reduction: 'min' }, forwardOnly: true },
  ],
  OneHot: {
    noGradient: 'of indices and two constants',
    forward: [
      { name: 'last axis', inputs: [integers([3], [0, 2, -1]), any([2])], attributes: { depth: [4], axis: -1 } },
      { name: 'first axis', inputs: [integers([2, 2], [1, 0, 2, 5]), any([2])], attributes: { depth: [3], axis: 0 } },
    ],
  },
};
