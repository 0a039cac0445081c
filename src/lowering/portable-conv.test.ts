import { expect, test } from 'vitest';
import { build, expectLowered, portable } from '../../test/support/lowering.ts';
import { gradients } from '../autodiff/gradients.ts';
import { createBuilder } from '../graph/builder.ts';
import { reduceSum } from '../graph/functions.ts';
import { countOperators, type OpNode } from '../graph/graph.ts';

const window = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 2], dilations: [1, 1] };

test.each([1, 2, 3])(
  'the weight gradient of %i filters for each channel is one grouped convolution',
  async (filters) => {
    const graph = build((b) => {
      const [x, gy] = [b.input('x', 'float32', [3, 4, 7, 6]), b.input('gy', 'float32', [3, 4 * filters, 4, 3])];
      return [b.op('ConvWeightGrad', [x, gy], { ...window, group: 4 })];
    });
    for (const lowered of await expectLowered(graph, [portable], { length: 36 })) {
      const count = countOperators(lowered);
      expect([count.get('Conv'), count.get('MatMul'), count.get('Slice')]).toEqual([1, undefined, undefined]);
      const groups = lowered.nodes.flatMap((node) => (node.kind === 'op' && node.op === 'Conv' ? [node] : []));
      expect(groups.map((node: OpNode<'Conv'>) => node.attributes.group)).toEqual([12]);
    }
  },
);

test('only what the windows reach of an image takes part in it', async () => {
  // Windows of 2 at stride 4 leave the last two of 8 columns out.
  const geometry = { kernel_shape: [2, 2], pads: [0, 0, 0, 0], strides: [3, 4], dilations: [1, 1], group: 3 };
  const graph = build((b) => {
    const [x, gy] = [b.input('x', 'float32', [2, 3, 5, 8]), b.input('gy', 'float32', [2, 3, 2, 2])];
    return [b.op('ConvWeightGrad', [x, gy], geometry)];
  });
  await expectLowered(graph, [portable], { length: 8 });
});

test('groups that WebGPU computes wrongly are taken apart where a gradient makes them', async () => {
  const b = createBuilder('transposed');
  const [x, w] = [b.input('x', 'float32', [1, 10, 3, 4]), b.input('w', 'float32', [10, 2, 3, 3])];
  const y = b.op('ConvTranspose', [x, w, undefined], { ...window, group: 2, output_padding: [1, 1] });
  const loss = reduceSum(b, b.op('Mul', [y, y], {}), [0, 1, 2, 3]);
  const { graph, gradients: found } = gradients(b.build(), { loss: loss.name, wrt: ['x'] });
  const complete = createBuilder('complete', graph);
  complete.output(complete.value(found.get('x') ?? ''), 'gx');
  // Five outputs a group: more than 3, and no multiple of 4.
  for (const lowered of await expectLowered(complete.build(), [portable], { length: 400 })) {
    const convolutions = lowered.nodes.flatMap((node) => (node.kind === 'op' && node.op === 'Conv' ? [node] : []));
    expect(convolutions.map((node: OpNode<'Conv'>) => node.attributes.group)).toEqual([1, 1]);
  }
});
