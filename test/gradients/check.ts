import { expect } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.ts';
import { isFloat } from '../../src/autodiff/types.ts';
import { defined } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import { staticShapeOf, type Builder, type Value } from '../../src/graph/builder.ts';
import { add, cast, mul, reduceSum } from '../../src/graph/functions.ts';
import { checkGraph } from '../../src/graph/check.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { generate, item, type NdArray } from '../reference/array.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { expectAllclose } from '../support/allclose.ts';

/**
 * Central differences (f(x+h) − f(x−h))/2h in float64 err by h²/6·f‴ ≈ 2e-11 and by rounding ≈ 1e-16/h = 1e-11. Constants that
 * the rules put into graphs are float32: 6e-8 relative.
 */
const STEP = 1e-5;
export const RTOL = 1e-6;
const ATOL = 1e-8;

/**
 * A random projection Σ y·r of the values to a scalar, with r a new float32 input for each: a wrong entry anywhere in the Jacobian
 * changes its gradient. Adds the values of r to `feeds`.
 */
export function projectionLoss(
  b: Builder,
  values: readonly Value[],
  feeds: Map<string, NdArray>,
  ...key: readonly (number | string)[]
): Value {
  const terms = values.map((value, index) => {
    const shape = staticShapeOf(value);
    const random = randomStream(...key, 'projection', index);
    const name = `projection${index}`;
    feeds.set(
      name,
      generate(shape, () => Math.fround((0.3 + random.uniform()) * (random.uniform() < 0.5 ? -1 : 1))),
    );
    const float = value.type.dtype === 'float32' ? value : cast(b, value, 'float32');
    const weighted = mul(b, float, b.input(name, 'float32', shape));
    return reduceSum(
      b,
      weighted,
      shape.map((_, axis) => axis),
    );
  });
  return defined(
    terms.reduce<Value | undefined>((sum, term) => (sum === undefined ? term : add(b, sum, term)), undefined),
    'a value to project',
  );
}

export function isFloatValue({ type }: Value): boolean {
  return isFloat(type.dtype);
}

/** Central differences of the loss with respect to one feed, element by element. */
export function numericalGradient(
  graph: Graph,
  loss: string,
  feeds: ReadonlyMap<string, NdArray>,
  name: string,
): NdArray {
  const x = defined(feeds.get(name), `feed ${name}`);
  const lossAt = (offset: number, value: number): number => {
    const data = x.data.slice();
    data[offset] = value;
    const values = evaluateGraph(graph, new Map([...feeds, [name, { shape: x.shape, data }]]));
    return item(defined(values.get(loss), loss).data, 0);
  };
  const data = x.data.map((value, offset) => {
    const [above, below] = [value + STEP, value - STEP];
    return (lossAt(offset, above) - lossAt(offset, below)) / (above - below);
  });
  return { shape: x.shape, data };
}

/** Fails unless the emitted gradients of a loss, evaluated in float64, agree with central differences in every element. */
export function expectGradients(
  graph: Graph,
  loss: string,
  feeds: ReadonlyMap<string, NdArray>,
  wrt: readonly string[],
  what: string,
): void {
  const result = gradients(graph, { loss, wrt });
  checkGraph(result.graph, what);
  const values = evaluateGraph(result.graph, feeds);
  expect([...result.gradients.keys()], `${what}: gradients in the order asked for`).toEqual(wrt);
  for (const name of wrt) {
    const actual = defined(values.get(defined(result.gradients.get(name), `gradient of ${name}`)), name);
    const expected = numericalGradient(graph, loss, feeds, name);
    expect(actual.shape, `${what}, gradient of ${name}`).toEqual(expected.shape);
    expectAllclose(actual.data, expected.data, {
      what: `${what}, gradient of ${name}`,
      rtol: RTOL,
      atol: ATOL,
      shape: expected.shape,
    });
  }
}
