import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.ts';
import { defined } from '../../src/core/errors.ts';
import { sizeOf, type StaticShape } from '../../src/core/shape.ts';
import { float32 } from '../../src/core/tensor.ts';
import { createBuilder, type Builder, type Value } from '../../src/graph/builder.ts';
import { add, concat, mul, reduceSum, reshape, slice } from '../../src/graph/functions.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { lower } from '../../src/lowering/lower.ts';
import { createLayerContext, type LayerContext } from '../../src/nn/layer-context.ts';
import { lstm, type LstmState } from '../../src/nn/lstm.ts';
import { expectGradients } from '../gradients/check.ts';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { expectAllclose } from '../support/allclose.ts';
import { loweringTargets } from '../support/lowerings.ts';
import { runOnnx } from '../support/onnx-runtime.ts';
import { readFixture } from './fixtures.ts';
import { uniform } from './formula-weights.ts';

type Results = Readonly<Record<string, readonly number[]>>;

interface LstmFixture {
  readonly width: number;
  readonly hidden: number;
  readonly batch: number;
  /** Gradients by PyTorch's names: `weight_ih_l0`, `bias_hh_l0` … */
  readonly cases: readonly {
    readonly name: string;
    readonly layers: number;
    readonly steps: number;
    readonly outputs: Results;
    readonly gradients: Results;
  }[];
}
type LstmCase = LstmFixture['cases'][number];

const { width, hidden, batch, cases } = readFixture('lstm') as LstmFixture;

/** The tensor that lstm.py makes of a name. */
function named(name: string, shape: StaticShape): NdArray {
  return { shape, data: uniform(name, sizeOf(shape)).map(Math.fround) };
}

/** All layers on x, from states `[layers, batch, hidden]`; y and the last states in the same form. */
function network(c: LayerContext, x: Value, states: readonly [Value, Value], layers: number) {
  const { b } = c;
  const one = [typeof x.type.shape[1] === 'number' ? batch : -1, hidden];
  const part = (value: Value, layer: number): Value => reshape(b, slice(b, value, 0, layer, layer + 1), one);
  const ends: LstmState[] = [];
  let y = x;
  for (let layer = 0; layer < layers; layer++) {
    const state = { hidden: part(states[0], layer), cell: part(states[1], layer) };
    const result = c.layer(String(layer), () => lstm(c, y, state, hidden));
    y = result.output;
    ends.push(result.state);
  }
  const stacked = (values: readonly Value[]): Value =>
    concat(
      b,
      values.map((value) => b.op('Unsqueeze', [value], { axes: [0] })),
      0,
    );
  return { y, last_h: stacked(ends.map((end) => end.hidden)), last_c: stacked(ends.map((end) => end.cell)) };
}

const stateNames = ['h', 'c'] as const;

/** Weights by our names: the bias is the sum of PyTorch's two. */
function weightsOf(layers: number): Map<string, NdArray> {
  const weights = new Map<string, NdArray>();
  for (let layer = 0; layer < layers; layer++) {
    const inputs = layer === 0 ? width : hidden;
    weights.set(`${layer}.weight_ih`, named(`weight_ih_l${layer}`, [4 * hidden, inputs]));
    weights.set(`${layer}.weight_hh`, named(`weight_hh_l${layer}`, [4 * hidden, hidden]));
    const [first, second] = ['ih', 'hh'].map((kind) => named(`bias_${kind}_l${layer}`, [4 * hidden]));
    const data = defined(first, 'bias').data.map((value, i) => value + (second?.data[i] ?? NaN));
    weights.set(`${layer}.bias`, { shape: [4 * hidden], data });
  }
  return weights;
}

function feedsOf({ layers, steps }: LstmCase): Map<string, NdArray> {
  return new Map([
    ['x', named('x', [steps, batch, width])],
    ...stateNames.map((name) => [name, named(name, [layers, batch, hidden])] as const),
  ]);
}

const inputsOf = (b: Builder, { layers, steps }: LstmCase, rows: number | string) => ({
  x: b.input('x', 'float32', [steps, rows, width]),
  states: [b.input('h', 'float32', [layers, rows, hidden]), b.input('c', 'float32', [layers, rows, hidden])] as const,
});

/** The forward graph with the loss Σ output·upstream, and what to feed. */
function lossGraph(fixture: LstmCase) {
  const { layers, steps } = fixture;
  const b = createBuilder(fixture.name);
  const c = createLayerContext(b);
  const { x, states } = inputsOf(b, fixture, batch);
  const outputs = network(c, x, states, layers);
  const feeds = new Map([...feedsOf(fixture), ...weightsOf(layers)]);
  const terms = Object.entries(outputs).map(([name, value]) => {
    b.output(value, name);
    const upstream = named(`upstream ${name}`, name === 'y' ? [steps, batch, hidden] : [layers, batch, hidden]);
    feeds.set(`upstream ${name}`, upstream);
    return reduceSum(b, mul(b, value, b.input(`upstream ${name}`, 'float32', upstream.shape)), [0, 1, 2]);
  });
  const [first, ...rest] = terms;
  const loss = rest.reduce((sum, term) => add(b, sum, term), defined(first, 'loss'));
  return { graph: b.build(), loss: loss.name, feeds, wrt: ['x', ...stateNames, ...weightsOf(layers).keys()] };
}

/** The loss with the gradients of everything as outputs `gradient <name>`. */
function gradientGraph(fixture: LstmCase): { readonly graph: Graph; readonly feeds: ReadonlyMap<string, NdArray> } {
  const { graph, loss, feeds, wrt } = lossGraph(fixture);
  const result = gradients(graph, { loss, wrt });
  const b = createBuilder(fixture.name, result.graph);
  for (const [name, value] of result.gradients) b.output(b.value(value), `gradient ${name}`);
  return { graph: b.build(), feeds };
}

/** PyTorch's results under our output names. Both of its biases have the gradient of their sum. */
function expectLikePyTorch(
  values: ReadonlyMap<string, NdArray>,
  { outputs, gradients: grads }: LstmCase,
  tolerance: number,
): void {
  const renamed = Object.entries(grads)
    .filter(([name]) => !name.startsWith('bias_hh'))
    .map(([name, data]) => {
      const [, weight, layer] = /^(.*)_l(\d)$/.exec(name) ?? [];
      const ours = weight === undefined ? name : `${layer ?? ''}.${weight.replace('bias_ih', 'bias')}`;
      return [`gradient ${ours}`, data] as const;
    });
  const expected = [...Object.entries(outputs), ...renamed];
  expect([...values.keys()].toSorted()).toEqual(expected.map(([name]) => name).toSorted());
  for (const [name, data] of expected)
    expectAllclose(defined(values.get(name), name).data, data, { what: name, rtol: tolerance, atol: tolerance });
}

const targets = await loweringTargets();

describe.each(cases.map((fixture) => [fixture.name, fixture] as const))('LSTM, %s', (_name, fixture) => {
  const { graph, feeds } = gradientGraph(fixture);

  test('in float64: outputs, last state and all gradients of torch.nn.LSTM', () => {
    const values = evaluateGraph(graph, feeds);
    expectLikePyTorch(new Map(graph.outputs.map((name) => [name, defined(values.get(name), name)])), fixture, 1e-12);
  });

  for (const { name, target } of targets) {
    test.skipIf(target === undefined)(`on ONNX Runtime, ${name}: the same to the rounding of float32`, async () => {
      const lowered = lower(graph, defined(target, 'target'));
      expectLikePyTorch(await runOnnx(lowered, feeds), fixture, 1e-5);
    });
  }

  test('gradients agree with central differences', () => {
    const { graph: forward, loss, feeds: all, wrt } = lossGraph(fixture);
    expectGradients(forward, loss, all, wrt, fixture.name);
  });

  test('with constant weights and a batch of any size: PyTorch’s outputs', async () => {
    const weights = [...weightsOf(fixture.layers)].map(
      ([name, { shape, data }]) => [name, float32(shape, Float32Array.from(data))] as const,
    );
    const b = createBuilder('inference');
    const { x, states } = inputsOf(b, fixture, 'batch');
    const outputs = network(createLayerContext(b, new Map(weights)), x, states, fixture.layers);
    for (const [name, value] of Object.entries(outputs)) b.output(value, name);
    expect(outputs.y.type.shape).toEqual([fixture.steps, 'batch', hidden]);
    const values = await runOnnx(lower(b.build(), { kind: 'portable' }), feedsOf(fixture), 'inference');
    for (const [name, data] of Object.entries(fixture.outputs))
      expectAllclose(defined(values.get(name), name).data, data, { what: name, rtol: 1e-5, atol: 1e-5 });
  });
});
