import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { cpuRuntime } from '../support/onnx-runtime.ts';
import { loweringTargets } from '../support/lowerings.ts';
import { compareGradients, tolerances } from './compare.ts';

const fixtures = fileURLToPath(new URL('fixtures', import.meta.url));
const targets = await loweringTargets();

// The architectures themselves are compared by `npm run check:torchvision`, which exports them with PyTorch first.
describe.each(['narrow_mobilenet_v2', 'narrow_shufflenet_v2'])('gradients of %s as PyTorch exports it', (name) => {
  it.each(targets)('agree with PyTorch in every parameter ($name)', async ({ target }) => {
    if (target === undefined) return;
    const comparison = await compareGradients(fixtures, name, { runtime: await cpuRuntime(), target });
    const allowed = tolerances(comparison);
    expect(comparison.lossError).toBeLessThan(1e-5);
    expect(comparison.tensors.length).toBeGreaterThan(10);
    const wrong = comparison.tensors.filter(({ ours }, index) => !(ours <= (allowed[index] ?? 0)));
    expect(wrong).toEqual([]);
    // No gradient is zero by accident: a relative error of 1 would say so.
    expect(Math.max(...comparison.tensors.map(({ ours }) => ours))).toBeLessThan(1e-3);
  });
});
