import { expect } from 'vitest';
import { defined } from '../../src/core/errors.ts';
import type { Graph } from '../../src/graph/graph.ts';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { expectAllclose } from '../support/allclose.ts';
import { runOnnx } from '../support/onnx-runtime.ts';

/** Allowed error relative to a tensor's largest element, in float32. */
const TOLERANCE = 1e-5;
/** Terms of size 1 that cancel leave their rounding errors: a tensor counts as at least this large. */
const FLOOR = 0.01;

/** Fails unless a lowered graph, run by ONNX Runtime in float32, gives the outputs of the graph that the reference evaluates. */
export async function expectSameOnOnnx(
  graph: Graph,
  lowered: Graph,
  feeds: ReadonlyMap<string, NdArray>,
  what: string,
): Promise<void> {
  expect(lowered.outputs, what).toEqual(graph.outputs);
  const reference = evaluateGraph(graph, feeds);
  const actual = await runOnnx(lowered, feeds);
  for (const output of graph.outputs) {
    const { shape, data } = defined(reference.get(output), output);
    const result = defined(actual.get(output), output);
    expect(result.shape, `${what}, ${output}`).toEqual(shape);
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), FLOOR);
    expectAllclose(result.data, data, { what: `${what}, ${output}`, atol: TOLERANCE * largest, shape });
  }
}
