import { describe, test } from 'vitest';
import { blockedTargets, build, expectLowered } from '../../test/support/lowering.ts';

const blocked = await blockedTargets();

describe.skipIf(blocked.length === 0)('channels that are no multiple of a block', () => {
  const depthwise = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [2, 1], dilations: [1, 1], group: 24 };
  const pointwise = { kernel_shape: [1, 1], pads: [0, 0, 0, 0], strides: [1, 1], dilations: [1, 1], group: 1 };

  // The gradient comes from a convolution that was aligned, the image does not: a frozen layer gave it.
  test('of a depthwise weight gradient with one aligned operand', async () => {
    const graph = build((b) => {
      const x = b.input('x', 'float32', [3, 24, 6, 5]);
      const gy = b.input('gy', 'float32', [3, 16, 3, 5]);
      const w = b.input('w', 'float32', [16, 24, 1, 1]);
      const hidden = b.op('Conv', [b.op('Conv', [x, b.input('v', 'float32', [24, 1, 3, 3])], depthwise), w], pointwise);
      const gradient = b.op('ConvInputGrad', [gy, w], { ...pointwise, input_shape: [3, 24, 3, 5] });
      return [hidden, b.op('ConvWeightGrad', [x, gradient], depthwise)];
    });
    await expectLowered(graph, blocked, { length: 3 * 15 * 24 });
  });
});
