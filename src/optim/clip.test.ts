import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import { vector } from '../../test/support/vector-optimizer.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { defined } from '../core/errors.ts';
import { createBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { clipByGlobalNorm } from './clip.ts';

/** What torch.nn.utils.clip_grad_norm_ does. */
const fixture = JSON.parse(
  readFileSync(new URL('../../test/pytorch/fixtures/clipping.json', import.meta.url), 'utf8'),
) as {
  readonly gradients: readonly (readonly number[])[];
  readonly cases: readonly { readonly limit: number; readonly clipped: readonly (readonly number[])[] }[];
};

function clipGraph(lengths: readonly number[], limit: number): Graph {
  const b = createBuilder('clip');
  const gradients = lengths.map((length, index) => b.input(`g${index}`, 'float32', [length]));
  clipByGlobalNorm(b, gradients, limit).forEach((clipped, index) => {
    b.output(clipped, `clipped${index}`);
  });
  return b.build();
}

describe('clipByGlobalNorm', () => {
  test.each(fixture.cases)('agrees with PyTorch at norm $limit', async ({ limit, clipped }) => {
    const graph = clipGraph(
      fixture.gradients.map(({ length }) => length),
      limit,
    );
    const feeds = new Map(fixture.gradients.map((gradient, index) => [`g${index}`, vector(gradient)]));
    const [reference, onRuntime] = [evaluateGraph(graph, feeds), await runOnnx(graph, feeds)];
    for (const [index, expected] of clipped.entries()) {
      const name = `clipped${index}`;
      expectAllclose(defined(reference.get(name), name).data, expected, { what: name, rtol: 1e-7 });
      expectAllclose(defined(onRuntime.get(name), name).data, expected, {
        what: `${name} on ONNX Runtime`,
        rtol: 1e-6,
      });
    }
  });

  test('leaves zero gradients alone', () => {
    const values = evaluateGraph(clipGraph([2], 1), new Map([['g0', vector([0, 0])]]));
    expect([...defined(values.get('clipped0'), 'clipped0').data]).toEqual([0, 0]);
  });
});
