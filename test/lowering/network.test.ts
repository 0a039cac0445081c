import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.ts';
import { defined } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { createBuilder, type Value } from '../../src/graph/builder.ts';
import {
  add,
  concat,
  conv,
  flatten,
  globalAveragePool,
  logSoftmax,
  matmul,
  mul,
  reduceSum,
  relu,
  reshape,
  split,
} from '../../src/graph/functions.ts';
import { countOperators, operatorName, type Graph, type OpNode } from '../../src/graph/graph.ts';
import { createModel } from '../../src/heads/model.ts';
import { hadamard } from '../../src/heads/spec.ts';
import { fuse } from '../../src/lowering/fuse.ts';
import { lower } from '../../src/lowering/lower.ts';
import { createBackbone } from '../../src/models/registry.ts';
import { sgd } from '../../src/optim/optimizer.ts';
import { trainingProgram } from '../../src/train/training-program.ts';
import { blockedTargets, portable } from '../support/lowering.ts';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { runOnnx } from '../support/onnx-runtime.ts';

const blocked = await blockedTargets();
const BATCH = 4;
const SIDE = 6;
const CLASSES = 3;

/** Loss and flat gradient of a ResNet with one block of each kind, its parameters one flat vector as in training. */
function trainingGraph(): Graph {
  const shapes: (readonly number[])[] = [
    [16, 3, 3, 3],
    [16],
    [16],
    ...[16, 16].flatMap((channels) => [[channels, 16, 3, 3], [channels], [channels]]),
    [32, 16, 3, 3],
    [32],
    [32],
    [32, 32, 3, 3],
    [32],
    [32],
    [32, 16, 1, 1],
    [32],
    [32],
    [32, CLASSES],
  ];
  const sizes = shapes.map(sizeOf);
  const b = createBuilder('network');
  const images = b.input('x', 'float32', [BATCH, 3, SIDE, SIDE]);
  const labels = b.input('labels', 'float32', [BATCH, CLASSES]);
  const flat = b.input('parameters', 'float32', [sizes.reduce((sum, size) => sum + size, 0)]);
  const parameters = split(b, flat, sizes, 0).map((part, index) => reshape(b, part, defined(shapes[index], 'shape')));
  const queue = [...parameters];
  const next = (): Value => defined(queue.shift(), 'parameter');
  const norm = (x: Value): Value => b.node('BatchNormTraining', [x, next(), next()], { epsilon: 1e-5, relu: 0 })[0];

  const stem = relu(b, norm(conv(b, images, next())));
  const same = norm(conv(b, relu(b, norm(conv(b, stem, next()))), next()));
  const first = relu(b, add(b, same, stem));
  const half = norm(conv(b, relu(b, norm(conv(b, first, next(), { stride: 2 }))), next()));
  const second = relu(b, add(b, half, norm(conv(b, first, next(), { stride: 2 }))));
  const logits = matmul(b, flatten(b, globalAveragePool(b, second)), next());
  const loss = mul(b, reduceSum(b, mul(b, logSoftmax(b, logits), labels), [0, 1]), -1 / BATCH);

  const { graph, gradients: found } = gradients(b.build(), {
    loss: loss.name,
    wrt: parameters.map((parameter) => parameter.name),
  });
  const c = createBuilder('network', graph);
  const parts = parameters.map((parameter, index) =>
    reshape(c, c.value(defined(found.get(parameter.name), 'gradient')), [defined(sizes[index], 'size')]),
  );
  c.output(loss, 'loss');
  c.output(concat(c, parts, 0), 'gradient');
  return c.build();
}

function feeds(graph: Graph): Map<string, NdArray> {
  const random = randomStream('network');
  const normal = (name: string, factor: number): NdArray => {
    const shape = (graph.types.get(name)?.shape ?? []).map(Number);
    return { shape, data: Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(random.normal() * factor)) };
  };
  const labels = Float64Array.from({ length: BATCH * CLASSES }, (_, at) => (at % (CLASSES + 1) === 0 ? 1 : 0));
  return new Map([
    ['x', normal('x', 1)],
    ['labels', { shape: [BATCH, CLASSES], data: labels }],
    ['parameters', normal('parameters', 0.3)],
  ]);
}

const graph = trainingGraph();

describe('a residual network', () => {
  test.for([portable, ...blocked])('has the float64 loss and gradient: $kind', async (target) => {
    const given = feeds(graph);
    const expected = evaluateGraph(graph, given);
    const actual = await runOnnx(lower(graph, target), given);
    const distance = (name: string): number => {
      const [a, e] = [defined(actual.get(name), name).data, defined(expected.get(name), name).data];
      const norm = Math.hypot(...e);
      return Math.hypot(...e.map((value, at) => value - (a[at] ?? NaN))) / norm;
    };
    expect(distance('loss')).toBeLessThan(1e-6);
    expect(distance('gradient')).toBeLessThan(1e-5);
  });

  test('every residual sum, ReLU and gradient sum is fused', () => {
    const counts = countOperators(fuse(graph));
    expect(counts.get('Relu')).toBeUndefined();
    expect(counts.get('Add')).toBeUndefined();
    expect(counts.get('BatchNormTraining')).toBe(6);
  });

  test('portable: only standard operators', () => {
    const names = new Set(lower(graph, portable).nodes.map(operatorName));
    expect([...names].filter((name) => name.includes('.'))).toEqual([]);
    expect([...names]).not.toContain('LogSoftmax');
  });

  test('portable: no operator has more operands than a WebGPU shader binds', () => {
    const { nodes } = lower(graph, portable);
    expect(Math.max(...nodes.map(({ inputs, outputs }) => Math.max(inputs.length, outputs.length)))).toBeLessThan(8);
  });

  test.skipIf(blocked.length === 0)('blocked: whole passes stay in the blocked layout', () => {
    for (const target of blocked) {
      const lowered = lower(graph, target);
      const counts = countOperators(lowered);
      for (const op of ['Conv', 'ConvTranspose', 'GlobalAveragePool', 'BatchNormalization'])
        expect([op, counts.get(op)]).toEqual([op, undefined]);
      // Each of the 6 weight gradients turns the batch into channels; nothing else is converted but filters, which are one
      // row of numbers.
      const isImage = (name = ''): boolean => (lowered.types.get(name)?.shape[2] ?? 1) !== 1;
      const conversions = lowered.nodes.filter(
        (node) => node.kind === 'op' && node.op === 'nchwc.ReorderInput' && isImage(node.outputs[0]),
      );
      expect(conversions).toHaveLength(6);
      const backToRowMajor = lowered.nodes.filter(
        (node) =>
          node.kind === 'op' &&
          node.op === 'nchwc.ReorderOutput' &&
          node.attributes.channels_last === 0 &&
          isImage(node.outputs[0]),
      );
      expect(backToRowMajor).toEqual([]);
      // The input gradients of the strided convolution and of its shortcut are interleaved once, together.
      expect(lowered.nodes.filter(({ name }) => name.includes('ConvInputGrad') && name.endsWith('/Add'))).toEqual([]);
    }
  });

  test('parameters and gradients pass one Reshape at most: chains would run last, with their operands alive', () => {
    for (const target of [portable, ...blocked]) {
      const { nodes } = lower(graph, target);
      const reshaped = new Set(nodes.flatMap((node) => (operatorName(node) === 'Reshape' ? node.outputs : [])));
      const chains = nodes.filter((node) => operatorName(node) === 'Reshape' && reshaped.has(node.inputs[0] ?? ''));
      expect(chains).toEqual([]);
    }
  });

  test.each([8, 16] as const)('block size %i gives a well-formed graph', (block) => {
    expect(countOperators(lower(graph, { kind: 'blocked', block })).get('nchwc.Conv')).toBeGreaterThan(20);
  });

  test('lowering is a pure function', () => {
    for (const target of [portable, ...blocked]) expect(lower(graph, target)).toEqual(lower(trainingGraph(), target));
  });
});

test('ReLUs after a batch normalisation are computed again for the backward pass, but not those after a sum', () => {
  const model = createModel(createBackbone('resnet8', { channels: 3, height: 8, width: 8 }), hadamard(), 5);
  const { graph } = trainingProgram(model, { batchSize: 4, optimizer: sgd(), labelSmoothing: 0, clipNorm: null });
  const lowered = lower(graph, { kind: 'blocked', block: 16 });
  const relus = lowered.nodes.filter(
    (node): node is OpNode<'nchwc.Conv'> =>
      node.kind === 'op' && node.op === 'nchwc.Conv' && node.attributes.activation === 'Relu',
  );
  const again = relus.filter((node) => node.attributes.dilations.join() === '2,2');
  // Stem, and one inside each of the three blocks; each block also ends in a ReLU after its residual sum.
  expect(again).toHaveLength(4);
  expect(relus).toHaveLength(4 + 4 + 3);
  // The second computation reads what the first read (its factor through a Reshape of its own): the values are the same.
  const operands = ({ inputs: [x, , bias] }: OpNode<'nchwc.Conv'>): string => `${x ?? ''} ${bias ?? ''}`;
  for (const node of again) {
    const first = relus.filter((other) => other !== node && operands(other) === operands(node));
    expect(first.map((other) => other.attributes.dilations)).toEqual([[1, 1]]);
  }
});
