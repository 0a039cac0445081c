import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/autodiff/gradients.ts';
import { defined } from '../../src/core/errors.ts';
import { float32 } from '../../src/core/tensor.ts';
import { createBuilder, type Builder, type Value } from '../../src/graph/builder.ts';
import {
  add,
  cast,
  conv,
  detach,
  exp,
  givenGradient,
  greater,
  matmul,
  mul,
  neg,
  pow,
  reduceSum,
  relu,
  sub,
} from '../../src/graph/functions.ts';
import { countOperators, type Graph } from '../../src/graph/graph.ts';
import { graphText } from '../../src/graph/text.ts';
import type { NdArray } from '../reference/array.ts';
import { evaluateGraph } from '../reference/evaluate.ts';
import { allOps, casesOf, hasGradient } from './cases.ts';
import { expectGradients, isFloatValue, projectionLoss } from './check.ts';

const array = (shape: readonly number[], data: readonly number[]): NdArray => ({
  shape,
  data: Float64Array.from(data),
});
const vector = (...data: number[]): NdArray => array([data.length], data);

const total = (b: Builder, x: Value): Value =>
  reduceSum(
    b,
    x,
    x.type.shape.map((_, axis) => axis),
  );

/** How many nodes of each operator differentiation added. */
function added(before: Graph, after: Graph): ReadonlyMap<string, number> {
  const old = countOperators(before);
  return new Map(
    [...countOperators(after)]
      .map(([op, count]) => [op, count - (old.get(op) ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );
}

/** features → learned layer → ReLU → fixed matrix → sum. */
function fixedHead() {
  const b = createBuilder('fixed head');
  const x = b.input('x', 'float32', [8, 4]);
  const w = b.input('w', 'float32', [4, 3]);
  const fixed = b.constant(float32([3, 5], new Float32Array(15).fill(0.5)), 'fixed');
  const loss = total(b, matmul(b, relu(b, matmul(b, x, w)), fixed));
  return { graph: b.build(), loss: loss.name, fixed: fixed.name };
}

describe('only what is wanted is computed', () => {
  test('a fixed matrix costs one product of the gradient with its transpose', () => {
    const { graph, loss } = fixedHead();
    const one = gradients(graph, { loss, wrt: ['w'] });
    // ∂hidden = g·fixedᵀ and ∂w = xᵀ·∂pre; nothing for x, nothing for the fixed matrix.
    const count = added(graph, one.graph);
    expect(count.get('MatMul')).toBe(2);
    expect(count.get('Transpose')).toBe(2);
    expect(count.get('ReluGrad')).toBe(1);
  });

  test('asking for the fixed matrix adds exactly its product', () => {
    const { graph, loss, fixed } = fixedHead();
    const more = added(graph, gradients(graph, { loss, wrt: ['w', fixed] }).graph);
    expect(more.get('MatMul')).toBe(3);
  });

  test('a path that leads to nothing wanted is not followed', () => {
    const { graph, loss, fixed } = fixedHead();
    const count = added(graph, gradients(graph, { loss, wrt: [fixed] }).graph);
    expect(count.get('MatMul')).toBe(1);
    expect(count.has('ReluGrad')).toBe(false);
  });

  test('nothing behind a Detach is differentiated, and other paths are', () => {
    const b = createBuilder('detached');
    const x = b.input('x', 'float32', [3]);
    // d/dx (eˣ as a constant)·x = eˣ, without the x·eˣ of the product rule.
    const loss = total(b, mul(b, detach(b, exp(b, x)), x));
    const graph = b.build();
    const result = gradients(graph, { loss: loss.name, wrt: ['x'] });
    const values = evaluateGraph(result.graph, new Map([['x', vector(0, 1, -2)]]));
    const gradient = defined(values.get(defined(result.gradients.get('x'), 'x')), 'gradient');
    expect([...gradient.data]).toEqual([1, Math.E, Math.exp(-2)]);
    expect(added(graph, result.graph).get('Mul')).toBe(1);
  });

  test('a given gradient counts besides what flows through the value, and costs no node where the value is the loss', () => {
    const withGiven = (factor: number) => {
      const b = createBuilder('given');
      const x = b.input('x', 'float32', [3]);
      const g = b.constant(float32([3], Float32Array.of(5, 6, 7)), 'g');
      const known = givenGradient(b, total(b, mul(b, x, 2)), x, g);
      const loss = factor === 1 ? known : mul(b, known, factor);
      const graph = b.build();
      const result = gradients(graph, { loss: loss.name, wrt: ['x'] });
      const values = evaluateGraph(result.graph, new Map([['x', vector(0, 1, -2)]]));
      return {
        gradient: [...(values.get(result.gradients.get('x') ?? '')?.data ?? [])],
        more: added(graph, result.graph),
      };
    };
    expect(withGiven(1).gradient).toEqual([7, 8, 9]);
    expect(withGiven(-3).gradient).toEqual([-21, -24, -27]);
    // One Mul is that of 2·x.
    expect(withGiven(1).more.get('Mul')).toBe(1);
  });

  test('a given gradient must have the shape of its variable', () => {
    const b = createBuilder('given');
    const x = b.input('x', 'float32', [3]);
    expect(() => givenGradient(b, total(b, x), x, total(b, x))).toThrow(
      'a given gradient is that of a scalar, of the shape of its variable; expected [] and twice [3], received [], [3] and []',
    );
  });

  test('a step function stops its path like a mask: d/dx (x + Floor(x)) = 1, with no node for Floor', () => {
    const b = createBuilder('steps');
    const x = b.input('x', 'float32', [3]);
    const loss = total(b, add(b, x, b.op('Floor', [exp(b, x)], {})));
    const graph = b.build();
    const result = gradients(graph, { loss: loss.name, wrt: ['x'] });
    const values = evaluateGraph(result.graph, new Map([['x', vector(0.5, 1, -2)]]));
    expect(values.get(result.gradients.get('x') ?? '')?.data).toEqual(Float64Array.of(1, 1, 1));
    expect(added(graph, result.graph).has('Mul')).toBe(false);
  });

  test('a constant exponent costs no logarithm and no test for zero', () => {
    const operators = (exponent: number) => {
      const b = createBuilder('power');
      const loss = total(b, pow(b, b.input('x', 'float32', [3]), exponent));
      const graph = b.build();
      const count = added(graph, gradients(graph, { loss: loss.name, wrt: ['x'] }).graph);
      // The sum's own gradient is a Reshape and an Expand.
      return Object.fromEntries([...count].filter(([op]) => op !== 'Reshape' && op !== 'Expand'));
    };
    expect(operators(1)).toEqual({});
    expect(operators(2)).toEqual({ Mul: 2 });
    expect(operators(3)).toEqual({ Mul: 2, Pow: 1 });
    expect(operators(-0.5)).toEqual({ Mul: 2, Pow: 1 });
  });

  test('no filter gradient for frozen filters and no image gradient at the first layer', () => {
    const b = createBuilder('frozen');
    const x = b.input('x', 'float32', [1, 2, 4, 4]);
    const first = b.input('first', 'float32', [2, 2, 3, 3]);
    const frozen = b.input('frozen', 'float32', [2, 2, 3, 3]);
    const loss = total(b, conv(b, conv(b, x, first), frozen));
    const graph = b.build();
    const count = added(graph, gradients(graph, { loss: loss.name, wrt: ['first'] }).graph);
    expect(count.get('ConvInputGrad')).toBe(1);
    expect(count.get('ConvWeightGrad')).toBe(1);
  });

  test('nothing is added before a wanted intermediate value', () => {
    const b = createBuilder('intermediate');
    const x = b.input('x', 'float32', [3]);
    const middle = exp(b, x);
    const loss = total(b, mul(b, middle, 3));
    const graph = b.build();
    const result = gradients(graph, { loss: loss.name, wrt: [middle.name] });
    // exp's own rule would multiply by the middle value, which is wanted, not passed.
    for (const node of result.graph.nodes.slice(graph.nodes.length)) expect(node.inputs).not.toContain(middle.name);
    const values = evaluateGraph(result.graph, new Map([['x', vector(0, 1, 2)]]));
    expect(values.get(result.gradients.get(middle.name) ?? '')?.data).toEqual(Float64Array.of(3, 3, 3));
  });
});

/** Names of the nodes behind the given graph that none of `wanted` depends on. */
function deadNodes(after: Graph, before: Graph, wanted: readonly string[]): readonly string[] {
  const live = new Set(wanted);
  const dead: string[] = [];
  for (const node of after.nodes.slice(before.nodes.length).toReversed()) {
    if (node.outputs.some((output) => live.has(output))) for (const input of node.inputs) live.add(input);
    else dead.push(node.name);
  }
  return dead;
}

describe('whichever single input is wanted, every emitted node leads to its gradient', () => {
  for (const op of allOps.filter(hasGradient)) {
    test(op, () => {
      for (const { builder, name, outputs, usable, feeds, differentiable } of casesOf(op, 1)) {
        if (differentiable.length === 0) continue;
        const loss = projectionLoss(
          builder,
          outputs.slice(0, usable).filter(isFloatValue),
          new Map(feeds),
          1,
          op,
          name,
        );
        const graph = builder.build();
        for (const input of differentiable) {
          const result = gradients(graph, { loss: loss.name, wrt: [input] });
          const dead = deadNodes(result.graph, graph, [...result.gradients.values()]);
          expect(dead, `${op} "${name}", only ${input} wanted`).toEqual([]);
        }
      }
    });
  }
});

describe('accumulation', () => {
  test('a value used three times collects three contributions', () => {
    const b = createBuilder('three uses');
    const x = b.input('x', 'float32', [3]);
    const loss = total(b, add(b, mul(b, x, x), sub(b, exp(b, x), mul(b, x, 4))));
    expectGradients(b.build(), loss.name, new Map([['x', vector(0.5, -1, 2)]]), ['x'], 'three uses');
  });

  test('one value as all operands: x·x·x by repeated use', () => {
    const b = createBuilder('cube');
    const x = b.input('x', 'float32', []);
    const loss = mul(b, mul(b, x, x), x);
    const result = gradients(b.build(), { loss: loss.name, wrt: ['x'] });
    const values = evaluateGraph(result.graph, new Map([['x', array([], [3])]]));
    expect(values.get(result.gradients.get('x') ?? '')?.data).toEqual(Float64Array.of(27));
  });

  test('the same value twice in one Concat', () => {
    const b = createBuilder('twice');
    const x = b.input('x', 'float32', [2]);
    const weights = b.constant(float32([4], [1, 2, 10, 20]));
    const loss = total(b, mul(b, b.op('Concat', [x, x], { axis: 0 }), weights));
    const result = gradients(b.build(), { loss: loss.name, wrt: ['x'] });
    const values = evaluateGraph(result.graph, new Map([['x', vector(1, 1)]]));
    expect(values.get(result.gradients.get('x') ?? '')?.data).toEqual(Float64Array.of(11, 22));
  });

  test('uses with different broadcasts are summed to the same shape', () => {
    const b = createBuilder('broadcasts');
    const x = b.input('x', 'float32', [3]);
    const wide = b.input('wide', 'float32', [2, 3]);
    const column = b.op('Reshape', [x], { shape: [3, 1] });
    const loss = add(b, total(b, mul(b, wide, x)), total(b, mul(b, column, x)));
    const feeds = new Map([
      ['x', vector(1, -2, 3)],
      ['wide', array([2, 3], [1, 2, 3, 4, 5, 6])],
    ]);
    expectGradients(b.build(), loss.name, feeds, ['x', 'wide'], 'broadcasts');
  });

  test('a wanted input and a wanted value behind it both get their gradients', () => {
    const b = createBuilder('both');
    const x = b.input('x', 'float32', [2]);
    const y = mul(b, x, 3);
    const loss = total(b, add(b, mul(b, y, y), x));
    const result = gradients(b.build(), { loss: loss.name, wrt: ['x', y.name] });
    const values = evaluateGraph(result.graph, new Map([['x', vector(1, 2)]]));
    expect(values.get(result.gradients.get(y.name) ?? '')?.data).toEqual(Float64Array.of(6, 12));
    expect(values.get(result.gradients.get('x') ?? '')?.data).toEqual(Float64Array.of(19, 37));
  });

  test('the gradient of the loss with respect to itself is 1', () => {
    const b = createBuilder('itself');
    const loss = total(b, b.input('x', 'float32', [2]));
    const result = gradients(b.build(), { loss: loss.name, wrt: [loss.name, 'x'] });
    const values = evaluateGraph(result.graph, new Map([['x', vector(5, 6)]]));
    expect(values.get(result.gradients.get(loss.name) ?? '')?.data).toEqual(Float64Array.of(1));
    expect(values.get(result.gradients.get('x') ?? '')?.data).toEqual(Float64Array.of(1, 1));
  });
});

describe('the given graph', () => {
  test('keeps its nodes, inputs and outputs in order, and gradients have the types of their values', () => {
    const b = createBuilder('outputs');
    const x = b.input('x', 'float32', [2, 3]);
    const w = b.input('w', 'float32', [3, 1]);
    const y = matmul(b, x, w);
    const loss = total(b, mul(b, y, y));
    b.output(loss, 'loss');
    b.output(y, 'prediction');
    b.output(x);
    const graph = b.build();
    const result = gradients(graph, { loss: 'loss', wrt: ['w', 'x'] });
    expect(result.graph.outputs).toEqual(['loss', 'prediction', 'x']);
    expect(result.graph.inputs).toEqual(graph.inputs);
    expect(result.graph.nodes.slice(0, graph.nodes.length)).toEqual(graph.nodes);
    for (const name of ['w', 'x']) {
      const gradient = defined(result.gradients.get(name), name);
      expect(result.graph.types.get(gradient)).toEqual(graph.types.get(name));
    }
    expect(graph.nodes.some((node) => node.name.startsWith('gradient/'))).toBe(false);
  });

  test('gives the same gradient graph every time, names included', () => {
    const build = (): string => {
      const { graph, loss, fixed } = fixedHead();
      return graphText(gradients(graph, { loss, wrt: ['w', 'x', fixed] }).graph);
    };
    expect(build()).toBe(build());
  });
});

describe('errors', () => {
  const simple = () => {
    const b = createBuilder('errors');
    const x = b.input('x', 'float32', [3]);
    return { b, x };
  };

  test('the loss must be a scalar', () => {
    const { b, x } = simple();
    const y = neg(b, x);
    expect(() => gradients(b.build(), { loss: y.name, wrt: ['x'] })).toThrow(
      `${y.name}: the loss must be a float32 scalar; received float32[3]`,
    );
  });

  test('the loss must be a float', () => {
    const { b, x } = simple();
    const y = cast(b, total(b, x), 'int64');
    expect(() => gradients(b.build(), { loss: y.name, wrt: ['x'] })).toThrow(
      `${y.name}: the loss must be a float32 scalar; received int64[]`,
    );
  });

  test('a mask carries no gradient: x · Cast(x > 0) differentiates like Relu', () => {
    const { b, x } = simple();
    const masked = mul(b, x, cast(b, greater(b, x, 0), 'float32'));
    const loss = total(b, masked);
    const { graph, gradients: found } = gradients(b.build(), { loss: loss.name, wrt: ['x'] });
    const feeds = new Map([['x', { shape: [3], data: Float64Array.of(-2, 0.5, 3) }]]);
    expect([...(evaluateGraph(graph, feeds).get(found.get('x') ?? '')?.data ?? [])]).toEqual([0, 1, 1]);
  });

  test('the loss must depend on what is wanted', () => {
    const { b, x } = simple();
    b.input('unused', 'float32', [2]);
    const loss = total(b, x);
    expect(() => gradients(b.build(), { loss: loss.name, wrt: ['x', 'unused'] })).toThrow(
      `${loss.name}: the loss does not depend on a wanted value; received unused`,
    );
  });

  test('values that do not exist are named', () => {
    const { b, x } = simple();
    const loss = total(b, x);
    const graph = b.build();
    expect(() => gradients(graph, { loss: 'cost', wrt: ['x'] })).toThrow('value cost of graph errors');
    expect(() => gradients(graph, { loss: loss.name, wrt: ['z'] })).toThrow(
      'the loss does not depend on a wanted value; received z',
    );
  });

  test('an operator from outside the table is an error only where a gradient must pass through it', () => {
    const foreign = (wanted: string): Graph => {
      const { b, x } = simple();
      const p = b.input('p', 'float32', [3]);
      const loss = total(b, mul(b, x, p));
      const graph = b.build();
      // Replaces x in the product by Erf(x), which no rule describes.
      const node = {
        kind: 'foreign',
        opType: 'Erf',
        domain: '',
        version: 18,
        name: 'erf',
        inputs: ['x'],
        outputs: ['erf'],
        attributes: new Map(),
      } as const;
      const nodes = graph.nodes.map((each) =>
        each.kind === 'op' && each.op === 'Mul' ? { ...each, inputs: ['erf', 'p'] } : each,
      );
      const types = new Map(graph.types);
      types.set('erf', defined(types.get('x'), 'type of x'));
      return gradients({ ...graph, nodes: [node, ...nodes], types }, { loss: loss.name, wrt: [wanted] }).graph;
    };
    expect(countOperators(foreign('p')).get('Erf')).toBe(1);
    expect(() => foreign('x')).toThrow('erf: no gradient through Erf');
  });
});
