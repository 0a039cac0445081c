import { describe, expect, test } from 'vitest';
import { defined } from '../src/core/errors.ts';
import { staticShape } from '../src/core/shape.ts';
import { toOnnx } from '../src/graph/onnx-write.ts';
import type { Op } from '../src/graph/ops.ts';
import { lower } from '../src/lowering/lower.ts';
import { openRuntime } from '../src/runtime/node.ts';
import { casesOf, graphOf } from './gradients/cases.ts';
import { evaluateGraph, toNdArray } from './reference/evaluate.ts';
import { expectAllclose } from './support/allclose.ts';
import { fromNdArray } from './support/onnx-runtime.ts';

/**
 * Forms of operators that ONNX Runtime's WebGPU provider computes wrongly or not at all: lowered, they are right there. The record
 * that docs/operators.md is made from has all forms of all operators; these are the ones that something had to be done about.
 */

const SEED = 5;
const webgpu = await openRuntime({ device: 'webgpu', cpuFallback: false }).catch(
  (error: unknown) => String(error).split(';')[0],
);
const missing = typeof webgpu === 'string' ? ` (skipped: ${webgpu})` : '';

const forms: readonly (readonly [Op, name: string])[] = [
  ['Pow', 'both repeat'],
  ['Slice', 'back to front, step and bounds'],
  ['ReduceL1', 'axes [], keepdims 0'],
  ['ReduceL2', 'axes [], keepdims 1'],
  ['ReduceSumSquare', 'axes [], keepdims 0'],
  ['ReduceLogSum', 'axes [], keepdims 1'],
  ['ReduceLogSumExp', 'large entries'],
  ['Resize', 'linear, scales that change no extent'],
  ['Einsum', '...ij,jk->...ik'],
  ['Einsum', '...i,...i->...'],
  ['Einsum', 'ij,ij->ij, an extent of 1 repeats'],
  ['Einsum', 'ij,jk->ik, a summed extent of 1 repeats'],
  ['LayerNormalization', 'one scale for all'],
  ['LayerNormalization', 'a scale that is repeated'],
  ['Conv', 'three extents, groups, strides'],
  ['ConvTranspose', 'three extents'],
  ['ConvTranspose', 'three extents, groups, dilation, padding'],
];

describe.skipIf(typeof webgpu === 'string')(`lowered operators on WebGPU${missing}`, () => {
  test.each(forms)(
    '%s: %s',
    async (op, name) => {
      if (typeof webgpu === 'string' || webgpu === undefined) throw new Error('skipped without WebGPU');
      const built = defined(
        casesOf(op, SEED).find((each) => each.name === name),
        name,
      );
      const graph = graphOf(built);
      await using session = await webgpu.createSession(toOnnx(lower(graph, { kind: 'portable' })), 'inference');
      const feeds = graph.inputs.map((input) => {
        const { shape, data } = defined(built.feeds.get(input), input);
        const { dtype } = defined(graph.types.get(input), input);
        return [input, fromNdArray({ shape: staticShape(shape, input), data }, dtype)] as const;
      });
      const results = await session.run(Object.fromEntries(feeds));
      const reference = evaluateGraph(graph, built.feeds);
      for (const output of graph.outputs) {
        const [{ shape, data }, found] = [defined(reference.get(output), output), defined(results[output], output)];
        expect(found.shape).toEqual(shape);
        expectAllclose(toNdArray(found).data, data, { what: output, atol: 1e-4, rtol: 1e-4, shape });
      }
    },
    60_000,
  );
});
