import { describe, expect, test } from 'vitest';
import { defined } from '../../src/core/errors.ts';
import { createBuilder } from '../../src/graph/builder.ts';
import { add, relu } from '../../src/graph/functions.ts';
import { ops } from '../../src/graph/ops.ts';
import { allOps, casesOf, graphOf } from '../gradients/cases.ts';
import { expectAllclose } from '../support/allclose.ts';
import { runOnnx } from '../support/onnx-runtime.ts';
import type { NdArray } from './array.ts';
import { evaluateGraph } from './evaluate.ts';

const SEED = 1;
/** Spacing of float32 numbers at 1. */
const EPSILON = 2 ** -23;

const array = (shape: readonly number[], data: readonly number[]): NdArray => ({
  shape,
  data: Float64Array.from(data),
});

describe('the reference agrees with ONNX Runtime', () => {
  const executable = allOps.filter((op) => ops[op].domain === '' || op === 'FusedMatMul');

  test('every standard operator has a case', () => {
    for (const op of executable) expect(casesOf(op, SEED), op).not.toHaveLength(0);
  });

  for (const op of executable) {
    for (const built of casesOf(op, SEED)) {
      test(`${op}: ${built.name}`, async () => {
        const graph = graphOf(built);
        const reference = evaluateGraph(graph, built.feeds);
        const actual = await runOnnx(graph, built.feeds);
        for (const { name } of built.outputs) {
          const expected = defined(reference.get(name), name);
          const result = defined(actual.get(name), name);
          const what = `seed ${SEED}, ${op} "${built.name}", ${name}`;
          expect(result.shape, what).toEqual(expected.shape);
          // The products summed into one element are at most 100 here, each below 2 and rounded to float32.
          const magnitude = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
          expectAllclose(result.data, expected.data, { what, atol: 16 * EPSILON * magnitude, shape: expected.shape });
        }
      });
    }
  }
});

describe('macro operators', () => {
  test('BatchNormTraining: mean, biased variance and the normalised value of a known batch', () => {
    const b = createBuilder('batch norm');
    const x = b.input('x', 'float32', [2, 1, 1, 2]);
    const [scale, bias] = [b.input('scale', 'float32', [1]), b.input('bias', 'float32', [1])];
    const [y, mean, variance] = b.node('BatchNormTraining', [x, scale, bias], { epsilon: 0.75, relu: 0 });
    const values = evaluateGraph(
      b.build(),
      new Map([
        ['x', array([2, 1, 1, 2], [1, 2, 4, 5])],
        ['scale', array([1], [2])],
        ['bias', array([1], [10])],
      ]),
    );
    // Mean 3; squared distances 4, 1, 1, 4 over four elements: 2.5, plus ε = 3.25.
    expect(values.get(mean.name)?.data).toEqual(Float64Array.of(3));
    expect(values.get(variance.name)?.data).toEqual(Float64Array.of(2.5));
    const step = 2 / Math.sqrt(3.25);
    expectAllclose(
      defined(values.get(y.name), 'y').data,
      [-2, -1, 1, 2].map((distance) => 10 + distance * step),
      {
        what: 'y',
        rtol: 1e-14,
      },
    );
  });

  test('BatchNormTraining adds its sum before its ReLU', () => {
    const b = createBuilder('fused batch norm');
    const x = b.input('x', 'float32', [2, 2, 2, 2]);
    const [scale, bias] = [b.input('scale', 'float32', [2]), b.input('bias', 'float32', [2])];
    const sum = b.input('sum', 'float32', [2, 2, 2, 2]);
    const [fused] = b.node('BatchNormTraining', [x, scale, bias, sum], { epsilon: 1e-5, relu: 1 });
    const [plain] = b.node('BatchNormTraining', [x, scale, bias], { epsilon: 1e-5, relu: 0 });
    const separate = relu(b, add(b, plain, sum));
    const spread = (factor: number): number[] => Array.from({ length: 16 }, (_, k) => Math.sin(factor * (k + 1)));
    const values = evaluateGraph(
      b.build(),
      new Map([
        ['x', array([2, 2, 2, 2], spread(1.3))],
        ['scale', array([2], [0.5, -1.5])],
        ['bias', array([2], [0.1, 0.2])],
        ['sum', array([2, 2, 2, 2], spread(2.1))],
      ]),
    );
    expect(values.get(fused.name)).toEqual(values.get(separate.name));
    expect(values.get(fused.name)?.data).toContain(0);
  });

  test('ConvInputGrad adds its sum', () => {
    const b = createBuilder('fused input gradient');
    const [gy, w] = [b.input('gy', 'float32', [1, 1, 1, 2]), b.input('w', 'float32', [1, 1, 1, 2])];
    const sum = b.input('sum', 'float32', [1, 1, 1, 3]);
    const gx = b.op('ConvInputGrad', [gy, w, sum], {
      kernel_shape: [1, 2],
      pads: [0, 0, 0, 0],
      strides: [1, 1],
      dilations: [1, 1],
      group: 1,
      input_shape: [1, 1, 1, 3],
    });
    const values = evaluateGraph(
      b.build(),
      new Map([
        ['gy', array([1, 1, 1, 2], [2, 3])],
        ['w', array([1, 1, 1, 2], [5, 7])],
        ['sum', array([1, 1, 1, 3], [100, 200, 300])],
      ]),
    );
    // y = [x0·5 + x1·7, x1·5 + x2·7]
    expect(values.get(gx.name)?.data).toEqual(Float64Array.of(110, 200 + 14 + 15, 321));
  });

  test('MaxPoolGrad gives a tie to the first maximum in row-major order', () => {
    const b = createBuilder('ties');
    const [gy, x] = [b.input('gy', 'float32', [1, 1, 1, 1]), b.input('x', 'float32', [1, 1, 2, 2])];
    const window = { kernel_shape: [2, 2], pads: [0, 0, 0, 0], strides: [1, 1], dilations: [1, 1] };
    const y = b.op('MaxPool', [x], window);
    const gx = b.op('MaxPoolGrad', [gy, x, y], window);
    const values = evaluateGraph(
      b.build(),
      new Map([
        ['gy', array([1, 1, 1, 1], [9])],
        ['x', array([1, 1, 2, 2], [1, 3, 3, 3])],
      ]),
    );
    expect(values.get(gx.name)?.data).toEqual(Float64Array.of(0, 9, 0, 0));
  });
});

describe('evaluateGraph', () => {
  test('names a missing feed', () => {
    const b = createBuilder('missing');
    b.output(relu(b, b.input('x', 'float32', [2])));
    expect(() => evaluateGraph(b.build(), new Map())).toThrow('feed x is missing');
  });

  test('refuses a feed whose shape is not the declared one', () => {
    const b = createBuilder('misshapen');
    b.output(relu(b, b.input('x', 'float32', [2])));
    const feeds = new Map([['x', array([3], [1, 2, 3])]]);
    expect(() => evaluateGraph(b.build(), feeds)).toThrow(
      'x: internal: evaluated shape differs from the declared one; expected [2], received [3]',
    );
  });

  test('refuses blocked operators', () => {
    const b = createBuilder('blocked');
    b.output(b.op('nchwc.GlobalAveragePool', [b.input('x', 'float32', [1, 16, 2, 2])], {}));
    const feeds = new Map([['x', array([1, 16, 2, 2], new Array<number>(64).fill(1))]]);
    expect(() => evaluateGraph(b.build(), feeds)).toThrow('blocked operators are not part of the reference');
  });
});
