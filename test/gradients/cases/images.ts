import type { StaticShape } from '../../../src/core/shape.ts';
import type { imagesOps } from '../../../src/graph/ops/images.ts';
import { any, distinct, repeated, type CaseInput, type CaseTable } from '../case.ts';
import { resizeCases } from './resize.ts';

type Numbers = readonly number[];

interface Shared {
  readonly kernel: Numbers;
  /** All begins, then all ends; default none. */
  readonly pads?: Numbers;
  readonly strides?: Numbers;
}

const windowOf = ({ kernel, pads, strides }: Shared) => ({
  kernel_shape: kernel,
  pads: pads ?? kernel.flatMap(() => [0, 0]),
  strides: strides ?? kernel.map(() => 1),
});

interface ConvCase extends Partial<Shared> {
  readonly x: StaticShape;
  readonly w: StaticShape;
  readonly bias?: boolean;
  readonly dilations?: Numbers;
  readonly group?: number;
}

const conv = (name: string, { x, w, bias = false, dilations, group = 1, ...shared }: ConvCase) => {
  const kernel = w.slice(2);
  return {
    name,
    inputs: [any(x), any(w), ...(bias ? [any([w[0] ?? 1])] : [])],
    attributes: { ...windowOf({ kernel, ...shared }), dilations: dilations ?? kernel.map(() => 1), group },
  };
};

const transposed = (
  name: string,
  { output_padding, bias = false, ...given }: ConvCase & { readonly output_padding?: Numbers },
) => {
  const { inputs, attributes } = conv(name, given);
  const channels = (given.w[1] ?? 1) * (given.group ?? 1);
  return {
    name,
    inputs: bias ? [...inputs, any([channels])] : inputs,
    attributes: { ...attributes, output_padding: output_padding ?? attributes.kernel_shape.map(() => 0) },
  };
};

const one: Numbers = [1, 1, 1, 1];
const two: Numbers = [2, 2];

const pools: readonly (readonly [name: string, shape: StaticShape, window: Shared])[] = [
  ['2×2, stride 2', [2, 3, 4, 6], { kernel: [2, 2], strides: two }],
  ['3×3, stride 2, padded', [1, 2, 5, 6], { kernel: [3, 3], strides: two, pads: one }],
  ['3×3, stride 1: windows overlap', [1, 2, 4, 5], { kernel: [3, 3] }],
  ['pixels left over', [1, 1, 5, 7], { kernel: [2, 2], strides: two }],
  ['stride larger than the window', [1, 2, 7, 5], { kernel: [2, 1], strides: [3, 2] }],
  ['asymmetric', [2, 1, 4, 5], { kernel: [2, 3], strides: [1, 2], pads: [1, 0, 0, 2] }],
  ['whole image', [2, 3, 3, 4], { kernel: [3, 4] }],
  ['one extent', [2, 2, 7], { kernel: [3], strides: [2], pads: [1, 1] }],
  ['three extents', [1, 2, 4, 3, 5], { kernel: [2, 3, 2], strides: [2, 1, 2], pads: [0, 1, 1, 0, 1, 0] }],
  // What rounding sizes up means: the last window hangs over.
  ['hanging over at the end', [1, 2, 6, 7], { kernel: [3, 2], strides: two, pads: [0, 0, 1, 1] }],
];

const pool = (draw: (shape: StaticShape) => CaseInput) =>
  pools.map(([name, shape, window]) => ({ name, inputs: [draw(shape)], attributes: windowOf(window) }));

/** MaxPool also takes dilations. */
const dilated = (name: string, shape: StaticShape, window: Shared, dilations: Numbers) => ({
  name,
  inputs: [distinct(shape)],
  attributes: { ...windowOf(window), dilations },
});

export const imageCases: CaseTable<keyof typeof imagesOps> = {
  Conv: [
    conv('3×3, same size', { x: [2, 3, 4, 5], w: [4, 3, 3, 3], pads: one }),
    conv('3×3 with bias, no padding', { x: [2, 2, 4, 5], w: [3, 2, 3, 3], bias: true }),
    conv('3×3, stride 2, even size', { x: [2, 2, 6, 4], w: [3, 2, 3, 3], pads: one, strides: two }),
    conv('3×3, stride 2, odd size', { x: [1, 2, 5, 7], w: [3, 2, 3, 3], pads: one, strides: two }),
    conv('1×1', { x: [2, 3, 3, 2], w: [4, 3, 1, 1] }),
    conv('1×1, stride 2, even size', { x: [2, 3, 4, 4], w: [2, 3, 1, 1], strides: two }),
    conv('1×1, stride 2, odd size', { x: [1, 2, 5, 3], w: [2, 2, 1, 1], strides: two, bias: true }),
    conv('5×5, padded by 2', { x: [1, 2, 5, 6], w: [2, 2, 5, 5], pads: [2, 2, 2, 2] }),
    conv('7×7, stride 2, padded by 3', { x: [1, 1, 8, 7], w: [2, 1, 7, 7], pads: [3, 3, 3, 3], strides: two }),
    conv('two groups', { x: [2, 4, 4, 3], w: [6, 2, 3, 3], pads: one, group: 2 }),
    conv('depthwise', { x: [2, 3, 4, 4], w: [3, 1, 3, 3], pads: one, group: 3 }),
    conv('depthwise, stride 2', { x: [1, 3, 5, 4], w: [3, 1, 3, 3], pads: one, group: 3, strides: two }),
    conv('depthwise, two filters a channel', { x: [1, 3, 4, 4], w: [6, 1, 3, 3], pads: one, group: 3, bias: true }),
    conv('dilated', { x: [1, 2, 6, 7], w: [3, 2, 3, 3], pads: [2, 2, 2, 2], dilations: [2, 2] }),
    conv('dilated and strided', { x: [1, 2, 7, 8], w: [2, 2, 3, 2], pads: one, dilations: [2, 3], strides: two }),
    conv('asymmetric', { x: [2, 2, 4, 5], w: [3, 2, 2, 3], pads: [1, 0, 2, 1], strides: [2, 1], bias: true }),
    conv('stride larger than the kernel', { x: [1, 2, 8, 7], w: [2, 2, 2, 2], strides: [3, 3] }),
    conv('kernel as large as the image', { x: [3, 2, 3, 4], w: [4, 2, 3, 4] }),
    conv('depthwise, 5×5, stride 2, odd size', {
      x: [2, 2, 7, 5],
      w: [2, 1, 5, 5],
      pads: [2, 2, 2, 2],
      group: 2,
      strides: two,
    }),
    conv('depthwise, dilated and asymmetric', {
      x: [2, 3, 6, 7],
      w: [3, 1, 3, 2],
      pads: [1, 0, 3, 2],
      strides: [1, 2],
      dilations: [2, 3],
      group: 3,
    }),
    conv('depthwise, pixels left over', { x: [2, 2, 7, 8], w: [2, 1, 2, 2], group: 2, strides: [3, 4] }),
    conv('depthwise, four filters a channel', { x: [2, 2, 4, 3], w: [8, 1, 3, 3], pads: one, group: 2 }),
    conv('channels in groups of three, five filters each', { x: [1, 6, 4, 3], w: [10, 3, 3, 3], pads: one, group: 2 }),
    conv('row of taps, padded on one side', { x: [2, 2, 3, 6], w: [3, 2, 1, 4], pads: [0, 3, 0, 0] }),
    conv('more padding than the filter reaches', { x: [1, 2, 3, 4], w: [2, 2, 2, 3], pads: [2, 1, 3, 4] }),
    conv('one extent', { x: [2, 3, 7], w: [4, 3, 3], pads: [1, 1], bias: true }),
    conv('one extent, stride 2, dilated, groups', {
      x: [2, 4, 9],
      w: [6, 2, 3],
      pads: [2, 1],
      strides: [2],
      dilations: [2],
      group: 2,
    }),
    conv('one extent, depthwise', { x: [3, 4, 6], w: [4, 1, 3], pads: [2, 0], group: 4 }),
    conv('three extents', { x: [1, 2, 3, 4, 3], w: [3, 2, 2, 3, 2], pads: [1, 1, 0, 0, 1, 1], bias: true }),
    conv('three extents, stride 2, depthwise', {
      x: [2, 2, 4, 5, 3],
      w: [2, 1, 3, 3, 3],
      pads: [1, 1, 1, 1, 1, 1],
      strides: [2, 2, 1],
      group: 2,
    }),
    conv('three extents, groups, strides', {
      x: [1, 4, 3, 4, 5],
      w: [4, 2, 2, 3, 2],
      pads: [1, 1, 0, 0, 1, 1],
      strides: [1, 2, 2],
      group: 2,
    }),
    conv('groups, stride, dilation and bias', {
      x: [2, 4, 7, 6],
      w: [4, 2, 3, 3],
      pads: one,
      dilations: [2, 1],
      strides: [1, 2],
      group: 2,
      bias: true,
    }),
  ],
  ConvTranspose: [
    transposed('stride 1', { x: [2, 3, 3, 4], w: [3, 2, 3, 3], pads: one }),
    transposed('stride 2 with bias', { x: [2, 3, 3, 4], w: [3, 2, 3, 3], pads: one, strides: two, bias: true }),
    transposed('2×2, stride 2: every element becomes a tile', { x: [2, 3, 2, 3], w: [3, 2, 2, 2], strides: two }),
    transposed('output padding', { x: [1, 2, 3, 3], w: [2, 4, 3, 3], pads: one, strides: two, output_padding: [1, 1] }),
    transposed('depthwise', { x: [2, 3, 3, 2], w: [3, 1, 4, 4], pads: one, strides: two, group: 3, bias: true }),
    transposed('groups, dilation, asymmetric pads', {
      x: [1, 4, 3, 4],
      w: [4, 3, 2, 3],
      pads: [1, 0, 0, 2],
      strides: [2, 1],
      dilations: [2, 2],
      group: 2,
    }),
    transposed('one extent', { x: [2, 3, 4], w: [3, 2, 3], strides: [2], pads: [1, 0], output_padding: [1] }),
    transposed('three extents', { x: [1, 2, 2, 3, 2], w: [2, 2, 2, 3, 2], strides: [2, 1, 1], bias: true }),
    transposed('three extents, groups, dilation, padding', {
      x: [1, 4, 2, 3, 2],
      w: [4, 1, 2, 2, 3],
      pads: [1, 0, 1, 0, 2, 1],
      strides: [1, 2, 3],
      dilations: [2, 1, 1],
      output_padding: [0, 1, 0],
      group: 2,
    }),
  ],
  MaxPool: [
    ...pool((shape) => distinct(shape)).map((each) => ({
      ...each,
      attributes: { ...each.attributes, dilations: each.attributes.kernel_shape.map(() => 1) },
    })),
    dilated('dilated', [1, 2, 7, 6], { kernel: [3, 2], pads: one }, [2, 3]),
    dilated('dilated and strided', [2, 1, 9, 8], { kernel: [3, 3], strides: [2, 3] }, [3, 2]),
  ],
  AveragePool: [0, 1].flatMap((count_include_pad) =>
    pool(any).map((each) => ({
      ...each,
      name: `${each.name}, count_include_pad ${count_include_pad}`,
      attributes: { ...each.attributes, count_include_pad },
    })),
  ),
  GlobalMaxPool: [
    { name: 'image', inputs: [distinct([2, 3, 3, 4])], attributes: {} },
    { name: 'one pixel', inputs: [any([2, 3, 1, 1])], attributes: {} },
    { name: 'one extent', inputs: [distinct([2, 3, 5])], attributes: {} },
    { name: 'several largest', inputs: [repeated([2, 3, 3, 3])], attributes: {}, forwardOnly: true },
  ],
  GlobalAveragePool: [
    { name: 'one extent', inputs: [any([2, 3, 5])], attributes: {} },
    { name: 'three extents', inputs: [any([2, 1, 2, 3, 2])], attributes: {} },
    { name: 'image', inputs: [any([2, 3, 3, 4])], attributes: {} },
    { name: 'one pixel', inputs: [any([2, 3, 1, 1])], attributes: {} },
  ],
  Resize: resizeCases,
};
