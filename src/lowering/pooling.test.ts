import { describe, expect, test } from 'vitest';
import type { NdArray } from '../../test/reference/array.ts';
import { defined } from '../core/errors.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { float32 } from '../core/tensor.ts';
import { countOperators } from '../graph/graph.ts';
import { conv, expand, globalAveragePool, mul } from '../graph/functions.ts';
import { blockedTargets, build, expectLowered, normalFeeds, portable } from '../../test/support/lowering.ts';

const targets = [portable, ...(await blockedTargets())];

interface Case {
  readonly shape: readonly [number, number, number, number];
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
}

const cases: readonly Case[] = [
  { shape: [3, 16, 6, 6], kernel: [2, 2], strides: [2, 2] },
  { shape: [2, 16, 7, 5], kernel: [2, 2], strides: [2, 2] },
  { shape: [2, 32, 8, 8], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { shape: [2, 16, 7, 7], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { shape: [17, 3, 5, 5], kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] },
  { shape: [1, 8, 7, 6], kernel: [3, 2], strides: [2, 3], pads: [1, 0, 0, 1] },
  { shape: [1, 16, 9, 9], kernel: [2, 2], strides: [3, 3] },
  { shape: [2, 16, 4, 4], kernel: [4, 4], strides: [4, 4] },
  { shape: [1, 16, 16, 16], kernel: [1, 1], strides: [8, 8] },
];
const rows = cases.map((each) => [JSON.stringify(each).replaceAll('"', ''), each] as const);

/** Few different values, negative and zero among them: most windows have several maxima. */
const ties = ({ shape, data }: NdArray): NdArray => ({ shape, data: data.map((value) => Math.round(value) * 0.5) });

/** x itself, from a convolution: where channels allow, it arrives in the blocked layout. */
function passedOn(b: Builder, x: Value): Value {
  const channels = staticShapeOf(x)[1] ?? 0;
  const identity = Float32Array.from({ length: channels ** 2 }, (_, at) => (at % (channels + 1) === 0 ? 1 : 0));
  return conv(b, x, b.constant(float32([channels, channels, 1, 1], identity)));
}

describe('pooling and its gradients', () => {
  test.each(rows)('MaxPoolGrad gives to the first maximum: %s', async (_, { shape, kernel, strides, pads }) => {
    const attributes = { kernel_shape: kernel, strides, pads: pads ?? [0, 0, 0, 0], dilations: [1, 1] };
    const graph = build((b) => {
      const x = passedOn(b, b.input('x', 'float32', shape));
      const y = b.op('MaxPool', [x], attributes);
      const gy = b.input('gy', 'float32', y.type.shape);
      return [y, b.op('MaxPoolGrad', [gy, x, y], attributes)];
    });
    const feeds = new Map(normalFeeds(graph));
    await expectLowered(graph, targets, { length: 9, feeds });
    feeds.set('x', ties(defined(feeds.get('x'), 'x')));
    await expectLowered(graph, targets, { length: 9, feeds });
  });

  test.each(rows.flatMap(([name, each]) => [0, 1].map((include) => [include, name, each] as const)))(
    'AveragePoolGrad with count_include_pad %i: %s',
    async (include, _, { shape, kernel, strides, pads }) => {
      const attributes = {
        kernel_shape: kernel,
        strides,
        pads: pads ?? [0, 0, 0, 0],
        count_include_pad: include,
      };
      const graph = build((b) => {
        const y = b.op('AveragePool', [passedOn(b, b.input('x', 'float32', shape))], attributes);
        const gy = passedOn(b, b.input('gy', 'float32', y.type.shape));
        return [y, b.op('AveragePoolGrad', [gy], { ...attributes, input_shape: shape })];
      });
      await expectLowered(graph, targets, { length: 9 });
    },
  );

  test.each([
    [3, 16, 5, 5],
    [2, 20, 4, 3],
    [4, 32, 1, 1],
  ])('GlobalAveragePool and its gradient through a ReLU: %i×%i×%i×%i', async (...shape) => {
    const graph = build((b) => {
      const y = b.op('Relu', [passedOn(b, b.input('x', 'float32', shape))], {});
      const gy = mul(b, b.input('gy', 'float32', [shape[0], shape[1], 1, 1]), 1 / 7);
      const spread = expand(b, gy, shape);
      return [globalAveragePool(b, y), b.op('ReluGrad', [spread, y], {}), b.op('Neg', [spread], {}), spread];
    });
    await expectLowered(graph, targets, { length: 25 });
  });
});

test.skipIf(targets.length === 1)('pooling of blocked values stays blocked', async () => {
  const attributes = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1] };
  const mean = { kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], count_include_pad: 0 };
  const graph = build((b) => {
    const x = passedOn(b, b.input('x', 'float32', [2, 32, 8, 8]));
    const y = b.op('MaxPool', [x], attributes);
    const z = b.op('AveragePool', [y], mean);
    const gy = b.op('AveragePoolGrad', [z], { ...mean, input_shape: y.type.shape.map(Number) });
    return [b.op('MaxPoolGrad', [gy, x, y], attributes)];
  });
  for (const lowered of await expectLowered(graph, targets.slice(1), { length: 9 })) {
    const counts = countOperators(lowered);
    // The image and the filter of the convolution before it go in, the gradient comes out.
    expect([counts.get('nchwc.ReorderInput'), counts.get('nchwc.ReorderOutput')]).toEqual([2, 1]);
    expect([counts.get('MaxPool'), counts.get('AveragePool')]).toEqual([undefined, undefined]);
  }
});
