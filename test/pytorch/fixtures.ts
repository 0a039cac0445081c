import { readFileSync } from 'node:fs';
import { gradients } from '../../src/autodiff/gradients.ts';
import { defined, internalError } from '../../src/core/errors.ts';
import { createBuilder, type InputsOf, type Value } from '../../src/graph/builder.ts';
import { add, mul, reduceSum } from '../../src/graph/functions.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { isOp, type Op } from '../../src/graph/ops.ts';
import type { NdArray } from '../reference/array.ts';

interface FixtureTensor {
  readonly dtype: 'float32' | 'int64' | 'bool';
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

type Tensors = Readonly<Record<string, FixtureTensor>>;

/** A small graph with what PyTorch computes for it in float64; generate.py writes these. */
export interface FixtureCase {
  readonly name: string;
  /** Relative error to allow in float64; above 1e-9 where a rule needs a constant that float32 rounds. */
  readonly rtol: number;
  readonly inputs: Tensors;
  readonly nodes: readonly {
    readonly op: string;
    readonly inputs: readonly string[];
    readonly outputs: readonly string[];
    readonly attributes: Readonly<Record<string, unknown>>;
  }[];
  readonly outputs: Tensors;
  /** Gradient that arrives at an output; outputs without one are not used by the loss. */
  readonly upstream: Tensors;
  readonly gradients: Tensors;
}

/** A file of test/pytorch/fixtures, written by generate.py in the shape that T describes. */
export function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8'));
}

export const families = [
  'convolutions',
  'pools',
  'resizing',
  'normalizations',
  'activations',
  'elementwise',
  'products',
  'reductions',
  'movement',
  'heads',
] as const;

export function casesOfFamily(family: (typeof families)[number]): readonly FixtureCase[] {
  return (readFixture(family) as { readonly cases: readonly FixtureCase[] }).cases;
}

export function toArray({ shape, data }: FixtureTensor): NdArray {
  return { shape, data: Float64Array.from(data) };
}

export interface FixtureGraph {
  /** Forward and gradient nodes; its outputs are `expected`'s names. */
  readonly graph: Graph;
  readonly feeds: ReadonlyMap<string, NdArray>;
  /** PyTorch's outputs by `y:<name>` and gradients by `g:<name>`. */
  readonly expected: ReadonlyMap<string, NdArray>;
}

/** The case's graph, its loss Σ output·upstream, and the gradients of that loss. */
export function fixtureGraph(fixture: FixtureCase): FixtureGraph {
  const b = createBuilder(fixture.name);
  const feeds = new Map<string, NdArray>();
  const values = new Map<string, Value>();
  const value = (name: string): Value => defined(values.get(name), `${name} of ${fixture.name}`);
  const input = (name: string, given: FixtureTensor): Value => {
    feeds.set(name, toArray(given));
    return b.input(name, given.dtype, given.shape);
  };
  for (const [name, given] of Object.entries(fixture.inputs)) values.set(name, input(name, given));
  for (const { op, inputs, outputs, attributes } of fixture.nodes) {
    if (!isOp(op)) throw internalError(`the table has no operator ${op}`, { where: fixture.name });
    const given = inputs.map((name) => (name === '' ? undefined : value(name)));
    // The file states inputs and attributes as the table has them; shape inference and the ONNX writer check that.
    const results = b.node<Op>(op, given as unknown as InputsOf<Op>, attributes) as readonly Value[];
    outputs.forEach((name, index) => values.set(name, defined(results[index], name)));
  }
  const terms = Object.entries(fixture.upstream).map(([name, upstream]) =>
    reduceSum(
      b,
      mul(b, value(name), input(`upstream:${name}`, upstream)),
      upstream.shape.map((_, axis) => axis),
    ),
  );
  const loss = defined(
    terms.reduce<Value | undefined>((sum, term) => (sum === undefined ? term : add(b, sum, term)), undefined),
    'loss',
  );
  const expected = new Map<string, NdArray>();
  for (const [name, output] of Object.entries(fixture.outputs)) {
    b.output(value(name), `y:${name}`);
    expected.set(`y:${name}`, toArray(output));
  }
  const differentiated = gradients(b.build(), { loss: loss.name, wrt: Object.keys(fixture.gradients) });
  const complete = createBuilder(fixture.name, differentiated.graph);
  for (const [name, gradient] of Object.entries(fixture.gradients)) {
    complete.output(complete.value(defined(differentiated.gradients.get(name), name)), `g:${name}`);
    expected.set(`g:${name}`, toArray(gradient));
  }
  return { graph: complete.build(), feeds, expected };
}
