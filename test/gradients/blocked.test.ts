import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.ts';
import { defined } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import type { StaticShape } from '../../src/core/shape.ts';
import { createBuilder, type Value } from '../../src/graph/builder.ts';
import {
  add,
  averagePool,
  clip,
  concat,
  conv,
  flatten,
  globalAveragePool,
  logSoftmax,
  matmul,
  maxPool,
  mul,
  neg,
  reduceMean,
  reduceSum,
  relu,
  relu6,
  sigmoid,
  transpose,
  type ConvOptions,
} from '../../src/graph/functions.ts';
import { countOperators, type Graph } from '../../src/graph/graph.ts';
import { lower } from '../../src/lowering/lower.ts';
import { generate, type NdArray } from '../reference/array.ts';
import { projectionLoss } from './check.ts';
import { loweringTargets } from '../support/lowerings.ts';
import { expectSameOnOnnx } from './on-onnx.ts';

/**
 * Channel counts of whole blocks (16 and 32), which the blocked lowering treats its own way: too many elements for finite
 * differences, so the float64 reference, which those have checked, is the measure here.
 */
interface Subject {
  readonly name: string;
  readonly graph: Graph;
  readonly feeds: ReadonlyMap<string, NdArray>;
}

type Draw = (name: string, shape: StaticShape, low?: number, high?: number) => Value;

function subject(
  name: string,
  body: (b: ReturnType<typeof createBuilder>, draw: Draw) => readonly Value[],
  isLoss = false,
): Subject {
  const b = createBuilder(name);
  const feeds = new Map<string, NdArray>();
  const wrt: string[] = [];
  const draw: Draw = (input, shape, low = -1, high = 1) => {
    const random = randomStream(5, name, input);
    feeds.set(
      input,
      generate(shape, () => Math.fround(low + (high - low) * random.uniform())),
    );
    wrt.push(input);
    return b.input(input, 'float32', shape);
  };
  const values = body(b, draw);
  const loss = isLoss ? defined(values[0], 'loss') : projectionLoss(b, values, feeds, 5, name);
  values.forEach((value, index) => {
    b.output(value, `y${index}`);
  });
  const result = gradients(b.build(), { loss: loss.name, wrt });
  const complete = createBuilder(name, result.graph);
  for (const [input, gradient] of result.gradients) complete.output(complete.value(gradient), `g:${input}`);
  return { name, graph: complete.build(), feeds };
}

function convolution(name: string, x: StaticShape, w: StaticShape, options: ConvOptions = {}, bias = false): Subject {
  return subject(`Conv: ${name}`, (b, draw) => [
    conv(b, draw('x', x), draw('w', w), { ...options, ...(bias ? { bias: draw('b', [w[0] ?? 1]) } : {}) }),
  ]);
}

/** conv → BatchNorm, as a training graph writes it. */
function convNorm(
  b: ReturnType<typeof createBuilder>,
  draw: Draw,
  name: string,
  x: Value,
  w: StaticShape,
  stride = 1,
): Value {
  const channels = w[0] ?? 1;
  const spread = 1 / Math.sqrt((w[1] ?? 1) * (w[2] ?? 1) * (w[3] ?? 1));
  const y = conv(b, x, draw(`${name}.w`, w, -spread, spread), { stride });
  const [scale, bias] = [draw(`${name}.scale`, [channels], 0.5, 1.5), draw(`${name}.bias`, [channels], -0.2, 0.2)];
  const [normalized] = b.node('BatchNormTraining', [y, scale, bias], { epsilon: 1e-5, relu: 0 });
  return normalized;
}

function residualNetwork(name: string, batch: number, size: number): Subject {
  return subject(
    name,
    (b, draw) => {
      const stem = relu(b, convNorm(b, draw, 'stem', draw('x', [batch, 3, size, size]), [16, 3, 3, 3]));
      const inner = relu(b, convNorm(b, draw, 'a1', stem, [16, 16, 3, 3]));
      const first = relu(b, add(b, convNorm(b, draw, 'a2', inner, [16, 16, 3, 3]), stem));
      const halved = relu(b, convNorm(b, draw, 'b1', first, [32, 16, 3, 3], 2));
      const shortcut = convNorm(b, draw, 'b0', first, [32, 16, 1, 1], 2);
      const second = relu(b, add(b, convNorm(b, draw, 'b2', halved, [32, 32, 3, 3]), shortcut));
      const logits = add(
        b,
        matmul(b, flatten(b, globalAveragePool(b, second)), draw('head', [32, 10])),
        draw('bias', [10]),
      );
      const weighted = reduceSum(b, mul(b, draw('target', [batch, 10], 0, 0.2), logSoftmax(b, logits)), [1]);
      return [neg(b, reduceMean(b, weighted, [0]))];
    },
    true,
  );
}

const subjects: readonly Subject[] = [
  convolution('3×3', [3, 16, 5, 6], [32, 16, 3, 3]),
  convolution('3×3 with bias', [2, 32, 4, 4], [16, 32, 3, 3], {}, true),
  convolution('3×3, stride 2, even size', [2, 16, 6, 8], [32, 16, 3, 3], { stride: 2 }),
  convolution('3×3, stride 2, odd size', [2, 16, 7, 5], [32, 16, 3, 3], { stride: 2 }),
  convolution('3×3, no padding', [2, 16, 5, 5], [16, 16, 3, 3], { padding: 0 }),
  convolution('3×3, dilated', [2, 16, 7, 6], [16, 16, 3, 3], { dilation: 2, padding: 2 }),
  convolution('5×5', [2, 16, 6, 5], [16, 16, 5, 5]),
  convolution('1×1', [5, 16, 3, 4], [32, 16, 1, 1]),
  convolution('1×1, stride 2, even size', [2, 16, 6, 4], [32, 16, 1, 1], { stride: 2 }),
  convolution('1×1, stride 2, odd size', [2, 16, 5, 7], [32, 16, 1, 1], { stride: 2 }),
  convolution('first layer', [3, 3, 6, 6], [16, 3, 3, 3]),
  convolution('first layer, stride 2', [2, 3, 8, 8], [16, 3, 3, 3], { stride: 2 }),
  convolution('first layer, 7×7, stride 2', [2, 3, 12, 10], [16, 3, 7, 7], { stride: 2 }),
  convolution('one grey channel', [2, 1, 6, 6], [16, 1, 3, 3]),
  convolution('batch of more than a block', [17, 16, 3, 3], [16, 16, 3, 3]),
  convolution('batch of one', [1, 16, 4, 4], [16, 16, 3, 3]),
  convolution('channels that are not whole blocks', [2, 24, 4, 4], [16, 24, 3, 3]),
  convolution('two groups of a block', [2, 32, 4, 4], [32, 16, 3, 3], { groups: 2 }),
  convolution('depthwise', [2, 32, 5, 4], [32, 1, 3, 3], { groups: 32 }),
  convolution('depthwise, stride 2', [2, 16, 6, 6], [16, 1, 3, 3], { groups: 16, stride: 2 }),
  convolution('depthwise, stride 2, odd size', [3, 16, 7, 5], [16, 1, 3, 3], { groups: 16, stride: 2 }),
  convolution('depthwise, dilated', [2, 16, 7, 6], [16, 1, 3, 3], { groups: 16, dilation: 2, padding: 2 }),
  convolution('depthwise 5×5 with bias', [2, 16, 6, 5], [16, 1, 5, 5], { groups: 16 }, true),
  convolution('depthwise with two outputs a channel', [2, 16, 4, 4], [32, 1, 3, 3], { groups: 16 }),
  convolution('first layer of 12 channels', [3, 3, 6, 6], [12, 3, 3, 3], { stride: 2 }),
  subject('24 channels through two convolutions, a sum and a ReLU', (b, draw) => {
    const x = relu(b, convNorm(b, draw, 'stem', draw('x', [3, 3, 6, 6]), [24, 3, 3, 3]));
    const y = convNorm(b, draw, 'a', x, [24, 24, 3, 3]);
    return [convNorm(b, draw, 'b', relu(b, add(b, x, y)), [40, 24, 1, 1], 2)];
  }),
  subject('24 channels that a pool and a product read', (b, draw) => {
    const x = relu(b, convNorm(b, draw, 'stem', draw('x', [3, 3, 6, 6]), [24, 3, 3, 3]));
    const gate = sigmoid(b, conv(b, globalAveragePool(b, x), draw('gate', [24, 24, 1, 1])));
    return [
      conv(
        b,
        averagePool(b, maxPool(b, mul(b, x, gate), { kernel: 2, stride: 1 }), { kernel: 2 }),
        draw('w', [8, 24, 1, 1]),
      ),
    ];
  }),
  subject('24 channels that a Transpose reads', (b, draw) => {
    const x = convNorm(b, draw, 'stem', draw('x', [2, 3, 4, 4]), [24, 3, 3, 3]);
    return [matmul(b, transpose(b, relu(b, x), [0, 2, 3, 1]), draw('w', [24, 5]))];
  }),
  subject('an inverted residual with ReLU6', (b, draw) => {
    const x = convNorm(b, draw, 'stem', draw('x', [3, 3, 6, 6]), [24, 3, 3, 3]);
    const wide = relu6(b, convNorm(b, draw, 'expand', x, [144, 24, 1, 1]));
    const filter = draw('depthwise', [144, 1, 3, 3], -4, 4);
    const spread = b.node(
      'BatchNormTraining',
      [conv(b, wide, filter, { groups: 144 }), draw('scale', [144], 2, 6), draw('bias', [144], 1, 4)],
      { epsilon: 1e-5, relu: 0 },
    );
    return [add(b, x, convNorm(b, draw, 'project', relu6(b, spread[0]), [24, 144, 1, 1]))];
  }),
  subject('Clip at other bounds, at one, and of a value that others read', (b, draw) => {
    const x = convNorm(b, draw, 'stem', draw('x', [3, 3, 4, 4]), [16, 3, 3, 3]);
    const clipped = clip(b, x, -0.5, 0.75);
    return [convNorm(b, draw, 'a', add(b, clip(b, clipped, undefined, 0.25), x), [16, 16, 1, 1])];
  }),
  subject('a dense block with growth 12 and its transition', (b, draw) => {
    const layer = (x: Value, channels: number, name: string): Value => {
      const norm = (y: Value, count: number, part: string): Value => {
        const parameters = [
          draw(`${name}.${part}.scale`, [count], 0.5, 1.5),
          draw(`${name}.${part}.bias`, [count], -0.2, 0.2),
        ] as const;
        return relu(b, b.node('BatchNormTraining', [y, ...parameters], { epsilon: 1e-5, relu: 0 })[0]);
      };
      const inner = conv(b, norm(x, channels, 'norm1'), draw(`${name}.w1`, [48, channels, 1, 1], -0.3, 0.3));
      return concat(b, [x, conv(b, norm(inner, 48, 'norm2'), draw(`${name}.w2`, [12, 48, 3, 3], -0.1, 0.1))], 1);
    };
    let x = conv(b, draw('x', [3, 3, 6, 6]), draw('stem', [24, 3, 3, 3]));
    for (const [index, channels] of [24, 36, 48].entries()) x = layer(x, channels, `layer${index}`);
    const [normalized] = b.node('BatchNormTraining', [x, draw('scale', [60], 0.5, 1.5), draw('bias', [60])], {
      epsilon: 1e-5,
      relu: 0,
    });
    return [averagePool(b, conv(b, relu(b, normalized), draw('transition', [30, 60, 1, 1])), { kernel: 2 })];
  }),
  subject('BatchNorm with a sum and a ReLU', (b, draw) => {
    const skip = conv(b, draw('x', [4, 16, 4, 3]), draw('skip', [16, 16, 1, 1], -0.3, 0.3));
    return [relu(b, add(b, convNorm(b, draw, 'bn', skip, [16, 16, 3, 3]), skip))];
  }),
  subject('a BatchNorm value used by two branches', (b, draw) => {
    const shared = relu(b, convNorm(b, draw, 'shared', draw('x', [3, 16, 4, 4]), [16, 16, 3, 3]));
    return [convNorm(b, draw, 'left', shared, [16, 16, 3, 3]), convNorm(b, draw, 'right', shared, [32, 16, 1, 1])];
  }),
  subject('MaxPool between convolutions', (b, draw) => {
    const y = conv(b, draw('x', [2, 16, 6, 6]), draw('w1', [16, 16, 3, 3]));
    return [conv(b, maxPool(b, y, { kernel: 3, stride: 2, padding: 1 }), draw('w2', [16, 16, 3, 3]))];
  }),
  subject('the largest of three convolutions', (b, draw) => {
    const x = draw('x', [2, 16, 4, 4]);
    const branches = ['w1', 'w2', 'w3'].map((name) => conv(b, x, draw(name, [16, 16, 3, 3])));
    return [b.op('Max', branches, {})];
  }),
  subject('AveragePool between convolutions', (b, draw) => {
    const y = conv(b, draw('x', [2, 16, 6, 6]), draw('w1', [16, 16, 3, 3]));
    return [conv(b, averagePool(b, y, { kernel: 2 }), draw('w2', [16, 16, 1, 1]))];
  }),
  subject('global average and a linear layer', (b, draw) => {
    const y = conv(b, draw('x', [3, 16, 4, 4]), draw('w', [32, 16, 3, 3]));
    return [matmul(b, flatten(b, globalAveragePool(b, y)), draw('head', [32, 5]))];
  }),
  residualNetwork('residual network, batch 3', 3, 8),
  residualNetwork('residual network, batch 18', 18, 4),
];

const targets = await loweringTargets();

describe.each(targets)('whole blocks of channels agree with the reference: $name', ({ target }) => {
  for (const { name, graph, feeds } of subjects) {
    test.skipIf(target === undefined)(name, async () => {
      await expectSameOnOnnx(graph, lower(graph, defined(target, 'target')), feeds, name);
    });
  }
});

const blocked = targets.find(({ target }) => target?.kind === 'blocked')?.target;

test.skipIf(blocked === undefined)('the residual network is really lowered to blocked convolutions', () => {
  const { graph } = defined(
    subjects.find(({ name }) => name.startsWith('residual network')),
    'residual network',
  );
  const count = countOperators(lower(graph, defined(blocked, 'target')));
  // Six convolutions forward and the input gradients of five; the image's own gradient has only three channels.
  expect(count.get('nchwc.Conv') ?? 0).toBeGreaterThanOrEqual(11);
  expect(count.get('Conv') ?? 0).toBeLessThanOrEqual(1);
});
