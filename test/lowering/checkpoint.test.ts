import { describe, expect, test } from 'vitest';
import { defined } from '../../src/core/errors.ts';
import { countOperators, type Graph } from '../../src/graph/graph.ts';
import { createModel, headSpec } from '../../src/heads/index.ts';
import { checkpointActivations } from '../../src/lowering/checkpoint.ts';
import { fuse } from '../../src/lowering/fuse.ts';
import { lower } from '../../src/lowering/lower.ts';
import { createBackbone } from '../../src/models/index.ts';
import { sgd } from '../../src/optim/index.ts';
import { trainingProgram } from '../../src/train/training-program.ts';
import { loweringTargets } from '../support/lowerings.ts';
import { normalFeeds } from '../support/lowering.ts';
import { runOnnx } from '../support/onnx-runtime.ts';

function step(name: string, size: number): Graph {
  const model = createModel(createBackbone(name, { channels: 3, height: size, width: size }), headSpec('learned'), 5);
  const optimizer = sgd({ momentum: 0.9, weightDecay: 1e-4 });
  return trainingProgram(model, { batchSize: 3, optimizer, labelSmoothing: 0, clipNorm: null }).graph;
}

const targets = await loweringTargets();

describe.each(targets)('computing activations again changes no bit of a training step: $name', ({ target }) => {
  test.skipIf(target === undefined).each([
    ['resnet20', 8],
    ['densenet16-bc12', 8],
    ['mobilenetv2', 32],
  ])('%s', async (name, size) => {
    const graph = step(name, size);
    const lowering = defined(target, 'target');
    const again = lower(graph, lowering, { checkpoint: true });
    const kept = lower(graph, lowering);
    expect(again.nodes.length).toBeGreaterThan(kept.nodes.length);
    const feeds = normalFeeds(graph);
    // Small numbers as parameters, so that nothing overflows.
    for (const [input, feed] of feeds)
      if (feed.shape.length === 1 && !input.startsWith('labels'))
        feed.data.forEach((value, i) => (feed.data[i] = Math.fround(value / 8)));
    feeds.set('labels', { shape: [3], data: Float64Array.of(0, 4, 2) });
    const [expected, actual] = [await runOnnx(kept, feeds), await runOnnx(again, feeds)];
    expect([...expected.keys()]).toEqual(graph.outputs);
    for (const [output, value] of expected) {
      expect(value.data.every(Number.isFinite), output).toBe(true);
      expect(defined(actual.get(output), output).data, output).toEqual(value.data);
    }
  });
});

test('what is computed again starts from few activations, in the order of the backward pass', () => {
  const graph = checkpointActivations(fuse(step('resnet20', 8)));
  const starts = graph.nodes.filter((node) => node.kind === 'op' && node.op === 'Recompute');
  expect(starts.length).toBeGreaterThanOrEqual(2);
  expect(starts.length).toBeLessThanOrEqual(9);
  const segments = starts.map(({ name }) => Number(/^again(\d+):/.exec(name)?.[1]));
  expect(segments).toEqual([...segments].sort((a, b) => b - a));
  // Running statistics follow the first computation.
  const before = countOperators(fuse(step('resnet20', 8))).get('BatchNormTraining') ?? 0;
  const after = countOperators(graph).get('BatchNormTraining') ?? 0;
  expect(after).toBeGreaterThan(before);
  expect(after).toBeLessThan(2 * before);
});
