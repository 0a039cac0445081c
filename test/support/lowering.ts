import { expect } from 'vitest';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { expectAllclose } from './allclose.ts';
import { cpuRuntime, runOnnx } from './onnx-runtime.ts';
import { defined } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import { sizeOf, staticShape } from '../../src/core/shape.ts';
import { createBuilder, type Builder, type Value } from '../../src/graph/builder.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { lower, type LoweringTarget } from '../../src/lowering/lower.ts';

/** Unit roundoff of float32. */
export const EPSILON = 2 ** -24;

export const portable: LoweringTarget = { kind: 'portable' };

/** The blocked target of this processor; empty if it has no such kernels, and tests of it are then reported as skipped. */
export async function blockedTargets(): Promise<readonly LoweringTarget[]> {
  const { blockSize } = await cpuRuntime();
  return blockSize === 8 || blockSize === 16 ? [{ kind: 'blocked', block: blockSize }] : [];
}

export function build(body: (b: Builder) => readonly Value[]): Graph {
  const b = createBuilder('case');
  body(b).forEach((value, index) => {
    b.output(value, `out${index}`);
  });
  return b.build();
}

/** Standard normal numbers for every input, exactly representable in float32. */
export function normalFeeds(graph: Graph): Map<string, NdArray> {
  return new Map(
    graph.inputs.map((name) => {
      const shape = staticShape(defined(graph.types.get(name), name).shape, name);
      const random = randomStream('feed', name);
      return [name, { shape, data: Float64Array.from({ length: sizeOf(shape) }, () => Math.fround(random.normal())) }];
    }),
  );
}

interface Expectation {
  /** The longest sum of products of standard normal numbers: rounding errors are of the order of length·ε. */
  readonly length: number;
  readonly feeds?: ReadonlyMap<string, NdArray>;
}

/**
 * Lowers the graph to each target, runs it on ONNX Runtime and compares every output with the float64 evaluation of the
 * macro operators by straight loops. Returns the lowered graphs.
 */
export async function expectLowered(
  graph: Graph,
  targets: readonly LoweringTarget[],
  { length, feeds = normalFeeds(graph) }: Expectation,
): Promise<readonly Graph[]> {
  const expected = evaluateGraph(graph, feeds);
  const lowered: Graph[] = [];
  for (const target of targets) {
    const result = lower(graph, target);
    lowered.push(result);
    const values = await runOnnx(result, feeds);
    expect([...values.keys()]).toEqual(graph.outputs);
    for (const name of graph.outputs) {
      const [actual, reference] = [defined(values.get(name), name), defined(expected.get(name), name)];
      expect(actual.shape).toEqual(reference.shape);
      expectAllclose(actual.data, reference.data, {
        what: `${target.kind} ${name}`,
        atol: (8 + 2 * length) * EPSILON,
        rtol: 64 * EPSILON,
        shape: reference.shape,
      });
    }
  }
  return lowered;
}
