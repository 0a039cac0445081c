import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import { optimize, updateGraph } from '../../test/support/vector-optimizer.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { defined } from '../core/errors.ts';
import { applyOptimizer, adam, adamw, sgd, slotNames, type OptimizerSpec } from './optimizer.ts';
import { createBuilder } from '../graph/builder.ts';

/** What test/pytorch/generate.py writes: torch.optim in float64. */
interface Fixture {
  readonly start: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly learningRateFactors: readonly number[];
  readonly cases: readonly {
    readonly name: string;
    readonly optimizer: 'sgd' | 'adam' | 'adamw';
    readonly options: {
      readonly lr: number;
      readonly momentum?: number;
      readonly nesterov?: boolean;
      readonly weight_decay?: number;
      readonly betas?: readonly [number, number];
      readonly eps?: number;
    };
    readonly trajectory: readonly (readonly number[])[];
  }[];
}
const fixture = JSON.parse(
  readFileSync(new URL('../../test/pytorch/fixtures/optimizers.json', import.meta.url), 'utf8'),
) as Fixture;

/** The same optimiser here; options that PyTorch's constructor did not get have PyTorch's defaults. */
function specOf({ optimizer, options }: Fixture['cases'][number]): OptimizerSpec {
  const { momentum = 0, nesterov = false, weight_decay = 0, betas = [0.9, 0.999], eps = 1e-8 } = options;
  if (optimizer === 'sgd') return sgd({ momentum, nesterov, weightDecay: weight_decay });
  const shared = { beta1: betas[0], beta2: betas[1], epsilon: eps, weightDecay: weight_decay };
  return optimizer === 'adam' ? adam(shared) : adamw(shared);
}

describe('five steps with changing gradients and learning rate agree with PyTorch', () => {
  for (const given of fixture.cases) {
    const rates = fixture.learningRateFactors.map((factor) => factor * given.options.lr);
    const gradientOf = (_: Float64Array, step: number): readonly number[] =>
      defined(fixture.gradients[step - 1], 'gradient');

    test(`${given.name}, in float64`, async () => {
      const trajectory = await optimize(specOf(given), fixture.start, rates, gradientOf, evaluateGraph);
      // Constants such as 0.9 are float32 in the graph: a relative error of 3e-8 in terms of size 1 or less.
      for (const [step, expected] of given.trajectory.entries())
        expectAllclose(trajectory[step] ?? [], expected, { what: `step ${step + 1}`, rtol: 1e-6, atol: 1e-7 });
    });

    test(`${given.name}, on ONNX Runtime`, async () => {
      const run = (graph: Parameters<typeof runOnnx>[0], feeds: Parameters<typeof runOnnx>[1]) => runOnnx(graph, feeds);
      const trajectory = await optimize(specOf(given), fixture.start, rates, gradientOf, run);
      for (const [step, expected] of given.trajectory.entries())
        expectAllclose(trajectory[step] ?? [], expected, { what: `step ${step + 1}`, atol: 2e-6 });
    });
  }
});

describe('without decay for a vector', () => {
  test.each([
    ['sgd', sgd({ weightDecay: 0.1 }), sgd({ weightDecay: 0 })],
    ['adam', adam({ weightDecay: 0.1 }), adam()],
    ['adamw', adamw({ weightDecay: 0.1 }), adamw({ weightDecay: 0 })],
  ])('%s moves as with weight decay 0, and zero gradients move nothing', async (_, decayed, plain) => {
    const gradientOf = (_parameters: Float64Array, step: number): readonly number[] => [step, -1];
    const rates = [0.1, 0.1, 0.05];
    const masked = await optimize(decayed, [1, -2], rates, gradientOf, evaluateGraph, false);
    expect(masked).toEqual(await optimize(plain, [1, -2], rates, gradientOf, evaluateGraph, true));
    const still = await optimize(decayed, [1, -2], rates, () => [0, 0], evaluateGraph, false);
    expect(still.at(-1)).toEqual(Float64Array.of(1, -2));
    const shrunk = await optimize(decayed, [1, -2], rates, () => [0, 0], evaluateGraph, true);
    expect(Math.abs(shrunk.at(-1)?.[1] ?? NaN)).toBeLessThan(1.9999);
  });
});

describe('minimisation', () => {
  const parabola = ([x = NaN, y = NaN]: Float64Array): readonly number[] => [2 * (x - 3), 20 * (y + 1)];
  test.each([
    ['sgd', sgd({ momentum: 0, weightDecay: 0 }), 0.04],
    ['sgd with momentum', sgd({ momentum: 0.8, weightDecay: 0 }), 0.02],
    ['sgd with Nesterov momentum', sgd({ momentum: 0.8, nesterov: true, weightDecay: 0 }), 0.02],
    ['adam', adam(), 0.1],
    ['adamw', adamw({ weightDecay: 0 }), 0.1],
  ])('%s finds the minimum of a parabola', async (_, spec, rate) => {
    const last = (await optimize(spec, [0, 0], new Array<number>(300).fill(rate), parabola, evaluateGraph)).at(-1);
    expectAllclose(last ?? [], [3, -1], { what: 'minimum', atol: 1e-3 });
  });

  // f(x, y) = (1 − x)² + 100·(y − x²)², minimum at (1, 1) at the end of a curved valley (Rosenbrock 1960).
  const rosenbrock = ([x = NaN, y = NaN]: Float64Array): readonly number[] => [
    -2 * (1 - x) - 400 * x * (y - x * x),
    200 * (y - x * x),
  ];
  test.each([
    ['sgd with Nesterov momentum', sgd({ momentum: 0.95, nesterov: true, weightDecay: 0 }), 2e-4],
    ['adam', adam({ beta2: 0.99 }), 0.02],
  ])('%s follows the valley of Rosenbrock', async (_, spec, rate) => {
    const last = (await optimize(spec, [-1.2, 1], new Array<number>(3000).fill(rate), rosenbrock, evaluateGraph)).at(
      -1,
    );
    expectAllclose(last ?? [], [1, 1], { what: 'minimum', atol: 0.05 });
  });
});

describe('errors', () => {
  test.each([
    [() => sgd({ momentum: 1 }), 'momentum out of range; expected 0 ≤ momentum < 1, received 1'],
    [() => sgd({ momentum: NaN }), 'momentum out of range; expected 0 ≤ momentum < 1, received NaN'],
    [() => sgd({ weightDecay: -1 }), 'weightDecay out of range; expected 0 ≤ weightDecay < Infinity, received -1'],
    [() => adam({ beta1: -0.1 }), 'beta1 out of range; expected 0 ≤ beta1 < 1, received -0.1'],
    [() => adamw({ beta2: 1.5 }), 'beta2 out of range; expected 0 ≤ beta2 < 1, received 1.5'],
    [() => adamw({ epsilon: -1 }), 'epsilon out of range; expected 0 ≤ epsilon < Infinity, received -1'],
  ])('%#', (make, message) => {
    expect(make).toThrow(message);
  });

  test('adam without its state', () => {
    const b = createBuilder('adam');
    const parameters = b.input('w', 'float32', [1]);
    expect(() =>
      applyOptimizer(b, adam(), { parameters, gradient: parameters, slots: [], scalars: b.value, decay: true }),
    ).toThrow('adam needs two state vectors; received 0');
  });
});

test('sgd without momentum keeps no state and only one new vector', () => {
  expect(slotNames(sgd({ momentum: 0 }))).toEqual([]);
  expect(updateGraph(sgd({ momentum: 0 }), 3).outputs).toEqual(['next/parameters']);
});
