import type { StaticShape } from '../../../src/core/shape.ts';
import { any, distinct, positive, type CaseInput, type CaseTable } from '../case.ts';

interface Shared {
  readonly kernel: readonly [number, number];
  /** All begins, then all ends; default none. */
  readonly pads?: readonly [number, number, number, number];
  readonly strides?: readonly [number, number];
}

const windowOf = ({ kernel, pads = [0, 0, 0, 0], strides = [1, 1] }: Shared) => ({
  kernel_shape: kernel,
  pads,
  strides,
});

interface ConvCase extends Partial<Shared> {
  readonly x: StaticShape;
  readonly w: StaticShape;
  readonly bias?: boolean;
  readonly dilations?: readonly [number, number];
  readonly group?: number;
}

const kernelOf = (w: StaticShape): readonly [number, number] => [w[2] ?? 1, w[3] ?? 1];

const conv = (name: string, { x, w, bias = false, dilations = [1, 1], group = 1, ...shared }: ConvCase) => ({
  name,
  inputs: [any(x), any(w), ...(bias ? [any([w[0] ?? 1])] : [])],
  attributes: { ...windowOf({ kernel: kernelOf(w), ...shared }), dilations, group },
});

const transposed = (
  name: string,
  { output_padding = [0, 0], ...given }: ConvCase & { output_padding?: readonly [number, number] },
) => {
  const { inputs, attributes } = conv(name, given);
  return { name, inputs, attributes: { ...attributes, output_padding } };
};

const one: Shared['pads'] = [1, 1, 1, 1];
const two: Shared['strides'] = [2, 2];

const pools: readonly (readonly [name: string, shape: StaticShape, window: Shared])[] = [
  ['2×2, stride 2', [2, 3, 4, 6], { kernel: [2, 2], strides: two }],
  ['3×3, stride 2, padded', [1, 2, 5, 6], { kernel: [3, 3], strides: two, pads: one }],
  ['3×3, stride 1: windows overlap', [1, 2, 4, 5], { kernel: [3, 3] }],
  ['pixels left over', [1, 1, 5, 7], { kernel: [2, 2], strides: two }],
  ['stride larger than the window', [1, 2, 7, 5], { kernel: [2, 1], strides: [3, 2] }],
  ['asymmetric', [2, 1, 4, 5], { kernel: [2, 3], strides: [1, 2], pads: [1, 0, 0, 2] }],
  ['whole image', [2, 3, 3, 4], { kernel: [3, 4] }],
];

const pool = (draw: (shape: StaticShape) => CaseInput) =>
  pools.map(([name, shape, window]) => ({ name, inputs: [draw(shape)], attributes: windowOf(window) }));

const gradient = 'a gradient itself';
const blocked = { noGradient: 'made by a lowering, after differentiation', forward: [] } as const;
const convolution = { ...windowOf({ kernel: [3, 3], pads: one }), dilations: [1, 1], group: 1 };
const halves = windowOf({ kernel: [2, 2], strides: two });

export const imageCases: CaseTable<
  | 'Conv'
  | 'ConvTranspose'
  | 'MaxPool'
  | 'AveragePool'
  | 'GlobalAveragePool'
  | 'BatchNormalization'
  | 'BatchNormTraining'
  | 'BatchNormGrad'
  | 'ConvInputGrad'
  | 'ConvWeightGrad'
  | 'MaxPoolGrad'
  | 'AveragePoolGrad'
  | 'nchwc.ReorderInput'
  | 'nchwc.ReorderOutput'
  | 'nchwc.Conv'
  | 'nchwc.MaxPool'
  | 'nchwc.GlobalAveragePool'
> = {
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
  ConvTranspose: {
    noGradient: 'emitted by lowerings only',
    forward: [
      transposed('stride 1', { x: [2, 3, 3, 4], w: [3, 2, 3, 3], pads: one }),
      transposed('stride 2', { x: [2, 3, 3, 4], w: [3, 2, 3, 3], pads: one, strides: two }),
      transposed('output padding', {
        x: [1, 2, 3, 3],
        w: [2, 4, 3, 3],
        pads: one,
        strides: two,
        output_padding: [1, 1],
      }),
      transposed('groups, dilation, asymmetric pads', {
        x: [1, 4, 3, 4],
        w: [4, 3, 2, 3],
        pads: [1, 0, 0, 2],
        strides: [2, 1],
        dilations: [2, 2],
        group: 2,
      }),
    ],
  },
  MaxPool: pool((shape) => distinct(shape)),
  AveragePool: [0, 1].flatMap((count_include_pad) =>
    pool(any).map((each) => ({
      ...each,
      name: `${each.name}, count_include_pad ${count_include_pad}`,
      attributes: { ...each.attributes, count_include_pad },
    })),
  ),
  GlobalAveragePool: [
    { name: 'image', inputs: [any([2, 3, 3, 4])], attributes: {} },
    { name: 'one pixel', inputs: [any([2, 3, 1, 1])], attributes: {} },
  ],
  // Gradients of x, scale and bias; the running statistics are constants of an evaluation graph.
  BatchNormalization: [
    {
      name: 'image',
      inputs: [
        any([2, 3, 2, 4]),
        any([3]),
        any([3]),
        { ...any([3]), constant: true },
        { ...positive([3]), constant: true },
      ],
      attributes: { epsilon: 1e-5 },
    },
  ],
  BatchNormTraining: [
    {
      name: 'image',
      inputs: [any([3, 2, 2, 3]), any([2]), any([2])],
      attributes: { epsilon: 1e-5, relu: 0 },
      outputs: 1,
    },
    {
      name: 'large epsilon, one pixel',
      inputs: [any([5, 3, 1, 1]), any([3]), any([3])],
      attributes: { epsilon: 0.1, relu: 0 },
      outputs: 1,
    },
  ],
  BatchNormGrad: {
    noGradient: gradient,
    forward: [
      {
        name: 'image',
        inputs: [any([2, 3, 2, 2]), any([2, 3, 2, 2]), any([3]), any([3]), positive([3])],
        attributes: { epsilon: 1e-5 },
      },
    ],
  },
  ConvInputGrad: {
    noGradient: gradient,
    forward: [
      {
        name: '3×3',
        inputs: [any([2, 4, 3, 5]), any([4, 2, 3, 3])],
        attributes: { ...convolution, input_shape: [2, 2, 3, 5] },
      },
    ],
  },
  ConvWeightGrad: {
    noGradient: gradient,
    forward: [{ name: '3×3', inputs: [any([2, 2, 3, 5]), any([2, 4, 3, 5])], attributes: convolution }],
  },
  MaxPoolGrad: {
    noGradient: gradient,
    forward: [{ name: '2×2', inputs: [any([1, 2, 2, 2]), any([1, 2, 4, 4]), any([1, 2, 2, 2])], attributes: halves }],
  },
  AveragePoolGrad: {
    noGradient: gradient,
    forward: [
      {
        name: '2×2',
        inputs: [any([1, 2, 2, 2])],
        attributes: { ...halves, count_include_pad: 0, input_shape: [1, 2, 4, 4] },
      },
    ],
  },
  'nchwc.ReorderInput': blocked,
  'nchwc.ReorderOutput': blocked,
  'nchwc.Conv': blocked,
  'nchwc.MaxPool': blocked,
  'nchwc.GlobalAveragePool': blocked,
};
