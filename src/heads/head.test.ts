import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { evaluateHead, initialHeadWeights, logitsGraph } from '../../test/support/head-graph.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import type { NdArray } from '../../test/reference/array.ts';
import { evaluateGraph, toNdArray } from '../../test/reference/evaluate.ts';
import { defined } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { float32 } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { countOperators } from '../graph/graph.ts';
import { createLayerContext } from '../nn/layer-context.ts';
import { vectorsOf } from './geometry.ts';
import { createHead, type Head } from './head.ts';
import { parseHead } from './parse.ts';

const [CLASSES, FEATURES] = [10, 64];
const head = (text: string, sign: 'signed' | 'non-negative' = 'signed', classes = CLASSES, features = FEATURES): Head =>
  createHead(parseHead(text), { classes, features, sign });

/** Normal numbers that float32 holds. */
function normals(key: string, batch: number, features: number): NdArray {
  const random = randomStream('head test', key);
  return { shape: [batch, features], data: new Float64Array(batch * features).map(() => Math.fround(random.normal())) };
}

/** Weights of a head with a random bias. */
function biasedWeights(of: Head): ReturnType<typeof initialHeadWeights> {
  const weights = initialHeadWeights(of);
  const random = randomStream('bias');
  if (weights.has('head.bias'))
    weights.set('head.bias', float32([of.classes], Float32Array.from({ length: of.classes }, random.normal)));
  return weights;
}

const standardDeviation = (values: ArrayLike<number>): number => {
  const list = Array.from(values);
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  return Math.sqrt(list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / list.length);
};

const fixedHeads = ['hadamard', 'orthonormal'] as const;

describe.each(fixedHeads)('%s head', (kind) => {
  test('gives a sample the same logits whatever its neighbours in the batch', async () => {
    const h = head(kind);
    const graph = logitsGraph(h, biasedWeights(h));
    const x = normals('neighbours', 5, FEATURES);
    // One neighbour a million times larger, one all zero.
    x.data.subarray(FEATURES, 2 * FEATURES).forEach((value, index) => (x.data[FEATURES + index] = value * 1e6));
    x.data.fill(0, 3 * FEATURES, 4 * FEATURES);
    const together = defined((await runOnnx(graph, new Map([['x', x]]), 'inference')).get('y'), 'y');
    for (let row = 0; row < 5; row++) {
      const one = { shape: [1, FEATURES], data: x.data.slice(row * FEATURES, (row + 1) * FEATURES) };
      const alone = defined((await runOnnx(graph, new Map([['x', one]]), 'inference')).get('y'), 'y');
      expectAllclose(together.data.subarray(row * CLASSES, (row + 1) * CLASSES), alone.data, {
        what: `row ${row}`,
        atol: 1e-5,
      });
    }
  });

  test('does not depend on the length of a feature vector', () => {
    const h = head(kind);
    const graph = logitsGraph(h, biasedWeights(h));
    const x = normals('length', 2, FEATURES);
    const scaled = { ...x, data: x.data.map((value) => 1000 * value) };
    expectAllclose(evaluateHead(graph, scaled).data, evaluateHead(graph, x).data, { what: 'scaled', atol: 1e-10 });
  });

  test('bounds logits by α and the bias', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
          minLength: FEATURES,
          maxLength: FEATURES,
        }),
        (values) => {
          const h = head(kind);
          const weights = biasedWeights(h);
          const bias = defined(weights.get('head.bias'), 'bias').data;
          const logits = evaluateHead(logitsGraph(h, weights), {
            shape: [1, FEATURES],
            data: Float64Array.from(values),
          });
          logits.data.forEach((logit, index) => {
            expect(Math.abs(logit)).toBeLessThanOrEqual(8 * (1 + 1e-6) + Math.abs(Number(bias[index])));
          });
        },
      ),
      { numRuns: 30 },
    );
  });

  test('reaches α where the features point along a class vector', () => {
    const h = head(kind);
    const vectors = vectorsOf(defined(h.geometry, 'geometry'));
    const x = { shape: [CLASSES, FEATURES], data: Float64Array.from(vectors) };
    const logits = evaluateHead(logitsGraph(h, initialHeadWeights(h)), x).data;
    const expected = Array.from({ length: CLASSES ** 2 }, (_, place) => (place % (CLASSES + 1) === 0 ? 8 : 0));
    expectAllclose(logits, expected, { what: 'logits', atol: 1e-5 });
  });

  test('starts with logits of standard deviation 1 on random signed features', () => {
    for (const features of [16, 64, 256]) {
      const h = head(kind, 'signed', CLASSES, features);
      const logits = evaluateHead(logitsGraph(h, initialHeadWeights(h)), normals('deviation', 40, features));
      // 400 nearly independent draws: the standard error of a standard deviation is 1/√800 = 0.035; five of them.
      expect(Math.abs(standardDeviation(logits.data) - 1)).toBeLessThan(0.18);
    }
  });

  test('with a scale that is a number has no scale parameter and multiplies by it', () => {
    const h = head(`${kind}:scale=5:bias=off`);
    expect([...initialHeadWeights(h).keys()]).toEqual([]);
    const x = normals('scale', 3, FEATURES);
    const one = evaluateHead(logitsGraph(head(`${kind}:scale=1:bias=off`), new Map()), x).data;
    expectAllclose(
      evaluateHead(logitsGraph(h, new Map()), x).data,
      one.map((value) => 5 * value),
      { what: 'scaled', rtol: 1e-12 },
    );
  });

  test('cosine loss is 1 minus the mean cosine with the own class, whatever the constant scale', () => {
    const targets = [3, 0, 7];
    const x = normals('cosine', 3, FEATURES);
    const vectors = vectorsOf(defined(head(kind).geometry, 'geometry'));
    const cosine = (row: number): number => {
      let [product, squares] = [0, 0];
      for (let k = 0; k < FEATURES; k++) {
        const value = x.data[row * FEATURES + k] ?? NaN;
        product += value * (vectors[(targets[row] ?? NaN) * FEATURES + k] ?? NaN);
        squares += value * value;
      }
      return product / Math.sqrt(squares);
    };
    const expected = 1 - (cosine(0) + cosine(1) + cosine(2)) / 3;
    for (const options of ['', ':scale=4']) {
      const h = head(`${kind}:loss=cosine${options}`);
      const b = createBuilder('cosine');
      const c = createLayerContext(b, new Map());
      const labels = b.input('labels', 'int32', [3]);
      const settings = { labelSmoothing: 0, softmax: { kind: 'full' } } as const;
      b.output(h.objective(c, b.input('x', 'float32', [3, FEATURES]), labels, settings).loss, 'loss');
      const values = evaluateGraph(
        b.build(),
        new Map([
          ['x', x],
          ['labels', { shape: [3], data: Float64Array.from(targets) }],
        ]),
      );
      expectAllclose(defined(values.get('loss'), 'loss').data, [expected], { what: options, atol: 1e-7 });
    }
  });
});

describe('learned head', () => {
  test('is W·x + b on features as they are', () => {
    const h = head('learned');
    const weights = biasedWeights(h);
    const x = normals('learned', 3, FEATURES);
    const [weight, bias] = ['head.weight', 'head.bias'].map((name) => defined(weights.get(name), name).data);
    const expected = Array.from({ length: 3 * CLASSES }, (_, place) => {
      const [row, column] = [Math.floor(place / CLASSES), place % CLASSES];
      let sum = Number(bias?.[column]);
      for (let k = 0; k < FEATURES; k++)
        sum += (x.data[row * FEATURES + k] ?? NaN) * Number(weight?.[column * FEATURES + k]);
      return sum;
    });
    const graph = logitsGraph(h, weights);
    expectAllclose(evaluateHead(graph, x).data, expected, { what: 'logits', rtol: 1e-10, atol: 1e-12 });
    expect(countOperators(graph).has('Sqrt')).toBe(false);
  });

  test('starts with weights between ±1/√N and no bias', () => {
    const weights = initialHeadWeights(head('learned', 'signed', 100, 64));
    const weight = toNdArray(defined(weights.get('head.weight'), 'weight')).data;
    expect(weight.every((value) => Math.abs(value) <= 1 / 8)).toBe(true);
    // U(−1/8, 1/8) has standard deviation 1/(8√3); 6400 draws estimate it to 1 %.
    expect(standardDeviation(weight) * 8 * Math.sqrt(3)).toBeCloseTo(1, 1);
    expect(new Set(toNdArray(defined(weights.get('head.bias'), 'bias')).data)).toEqual(new Set([0]));
  });

  test('has no limit on classes', () => {
    expect(head('learned', 'non-negative', 1000, 3).classes).toBe(1000);
  });
});

describe('learned cosine head', () => {
  test('is α times the cosine with each row of the weight, plus the bias', () => {
    const h = head('cosine');
    const weights = biasedWeights(h);
    expect([...weights.keys()].toSorted()).toEqual(['head.bias', 'head.scale', 'head.weight']);
    const x = normals('cosine head', 3, FEATURES);
    const [weight, bias] = ['head.weight', 'head.bias'].map((name) => defined(weights.get(name), name).data);
    const expected = Array.from({ length: 3 * CLASSES }, (_, place) => {
      const [row, column] = [Math.floor(place / CLASSES), place % CLASSES];
      const features = x.data.subarray(row * FEATURES, (row + 1) * FEATURES);
      const vector = Array.from(features, (_value, k) => Number(weight?.[column * FEATURES + k]));
      const product = vector.reduce((sum, entry, k) => sum + entry * (features[k] ?? NaN), 0);
      return (8 * product) / (Math.hypot(...vector) * Math.hypot(...features)) + Number(bias?.[column]);
    });
    expectAllclose(evaluateHead(logitsGraph(h, weights), x).data, expected, { what: 'logits', rtol: 1e-6, atol: 1e-7 });
  });
});

describe('α', () => {
  test('starts at √N, and at its logarithm where a margin is set', () => {
    const initial = (text: string): unknown =>
      Object.fromEntries(
        [...initialHeadWeights(head(text))].map(([name, { data }]) => [name, Math.fround(Number(data[0]))]),
      );
    expect(initial('hadamard:bias=off')).toEqual({ 'head.scale': 8 });
    expect(initial('hadamard:bias=off:cosface=0.2')).toEqual({ 'head.log_scale': Math.fround(Math.log(8)) });
    expect(initial('hadamard:bias=off:arcface=0.2:scale=8')).toEqual({});
  });

  test('is what a margin leaves at inference: the same logits as without', () => {
    const x = normals('margin', 3, FEATURES);
    const [plain, withMargin] = ['hadamard', 'hadamard:arcface=0.5'].map((text) => {
      const h = head(text);
      return evaluateHead(logitsGraph(h, initialHeadWeights(h)), x).data;
    });
    expectAllclose(defined(withMargin, 'logits'), defined(plain, 'logits'), { what: 'logits', rtol: 1e-6 });
  });
});

describe('a bias', () => {
  test('is left out above 1000 classes unless asked for', () => {
    const has = (text: string, classes: number): boolean =>
      initialHeadWeights(head(text, 'signed', classes, FEATURES)).has('head.bias');
    expect(has('hadamard', 1000)).toBe(true);
    expect(has('hadamard', 1001)).toBe(false);
    expect(has('hadamard:bias=on', 1001)).toBe(true);
    expect(has('learned', 1001)).toBe(true);
  });
});

describe('createHead refuses', () => {
  test.each([0, 1, -3, 2.5, NaN])('%s classes', (classes) => {
    expect(() => head('learned', 'signed', classes)).toThrow(
      `a classifier needs at least 2 classes; expected an integer of 2 or more, received ${classes}`,
    );
  });

  test.each([0, -1, 1, 7.5, NaN])('%s features', (features) => {
    expect(() => head('orthonormal', 'signed', 2, features)).toThrow(
      `a classifier needs at least 2 features; expected an integer of 2 or more, received ${features}`,
    );
  });
});
