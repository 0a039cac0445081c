import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { blockGraph, evaluateHead, productGraph, rowsGraph } from '../../test/support/head-graph.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import type { NdArray } from '../../test/reference/array.ts';
import { evaluateGraph } from '../../test/reference/evaluate.ts';
import { defined } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { countOperators } from '../graph/graph.ts';
import { geometryOf } from './geometry-of.ts';
import {
  measuredCoherence,
  needsCentring,
  vectorsOf,
  type ClassVectors,
  type FeatureSign,
  type Geometry,
} from './geometry.ts';
import { parseHead } from './parse.ts';

/** Float32 rounding of entries below 1 moves an inner product by at most a few 1e-8 times √N. */
const ROUNDING = 1e-6;

const sign = fc.constantFrom<FeatureSign>('signed', 'non-negative');

/** Gaussian class vectors for custom heads. */
function gaussianVectors(classes: number, features: number): ClassVectors {
  const random = randomStream('custom vectors', classes, features);
  return { classes, features, data: Float32Array.from({ length: classes * features }, () => 3 * random.normal()) };
}

const make = (text: string, classes: number, features: number, featureSign: FeatureSign = 'signed'): Geometry =>
  defined(
    geometryOf(parseHead(text), {
      classes,
      features,
      sign: featureSign,
      ...(text.startsWith('custom') ? { vectors: gaussianVectors(classes, features) } : {}),
    }),
    'geometry',
  );

/** Heads with the largest C that a test asks for at N features, which need not be all they offer. */
const kinds: readonly (readonly [text: string, most: (features: number, sign: FeatureSign) => number])[] = [
  ['hadamard', (n, s) => Math.min(make('hadamard', 2, n, s).capacity, 3 * n)],
  ['hadamard:center=bn', (n) => Math.min(make('hadamard', 2, n).capacity, 3 * n)],
  ['biorthogonal', (n, s) => make('biorthogonal', 2, n, s).capacity],
  ['coset', (n) => Math.min(make('coset', 2, n).capacity, 3 * n)],
  ['coset:signs=on', (n) => Math.min(make('coset:signs=on', 2, n).capacity, 5 * n)],
  ['simplex', (n) => n + 1],
  ['orthonormal', (n, s) => (s === 'signed' ? n : n - 1)],
  ['orthonormal:seed=5:center=bn', (n) => n],
  ['random', (n) => Math.min(2 ** n, 3 * n)],
  ['random:directions=gaussian', (n) => 3 * n],
  ['custom:file=given', (n) => 3 * n],
];

const place = fc.record({
  features: fc.oneof(fc.constantFrom(2, 4, 8, 12, 16, 20, 32, 48, 64), fc.integer({ min: 3, max: 70 })),
  sign,
  share: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
});

const geometryFor = ([text, most]: (typeof kinds)[number]): fc.Arbitrary<Geometry> =>
  place
    // Two features of one sign leave one direction that favours no class.
    .filter(({ features, sign: featureSign }) => most(features, featureSign) >= 2)
    .map(({ features, sign: featureSign, share }) =>
      make(text, Math.max(2, Math.round(share * most(features, featureSign))), features, featureSign),
    );

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] ?? NaN) * (b[k] ?? NaN);
  return sum;
};

const rowsIn = ({ classes, vector }: Geometry): Float32Array[] => Array.from({ length: classes }, (_, i) => vector(i));

/** Float32 normal numbers. */
function normals(key: string, rows: number, columns: number): NdArray {
  const random = randomStream('geometry test', key, rows, columns);
  return { shape: [rows, columns], data: new Float64Array(rows * columns).map(() => Math.fround(random.normal())) };
}

const nameOf = ({ kind, classes, features, construction }: Geometry): string =>
  `${kind} ${classes}×${features} (${construction})`;

describe.each(kinds.map((kind) => [kind[0], geometryFor(kind)] as const))('%s', (text, arbitrary) => {
  test('has distinct unit vectors of at most the promised coherence', () => {
    fc.assert(
      fc.property(arbitrary, (geometry) => {
        const rows = rowsIn(geometry);
        expect(new Set(rows.map((row) => row.join())).size).toBe(geometry.classes);
        for (const row of rows) {
          expect(row.length).toBe(geometry.features);
          expect(Math.abs(Math.sqrt(dot(row, row)) - 1)).toBeLessThan(ROUNDING);
        }
        const measured = measuredCoherence(vectorsOf(geometry), geometry.features);
        expect(measured, nameOf(geometry)).toBeLessThanOrEqual(geometry.coherence + ROUNDING);
        const opposite = rows.some((a, i) => rows.some((b, j) => j < i && dot(a, b) < ROUNDING - 1));
        if (opposite) expect(geometry.antipodal).toBe(true);
        expect(geometry.classes).toBeLessThanOrEqual(geometry.capacity);
        expect(geometry.order).toBeLessThanOrEqual(geometry.features);
      }),
      { numRuns: 25 },
    );
  });

  test('is orthogonal to the constant direction where it says so, and only there', () => {
    fc.assert(
      fc.property(arbitrary, (geometry) => {
        const sums = rowsIn(geometry).map((row) => Math.abs(row.reduce((sum, value) => sum + value, 0)));
        const largest = Math.max(...sums) / Math.sqrt(geometry.features);
        if (geometry.balanced) expect(largest, nameOf(geometry)).toBeLessThan(ROUNDING);
        else expect(largest, nameOf(geometry)).toBeGreaterThan(100 * ROUNDING);
        expect(needsCentring(geometry, 'non-negative')).toBe(!geometry.balanced);
        expect(needsCentring(geometry, 'signed')).toBe(false);
      }),
      { numRuns: 25 },
    );
  });

  test('multiplies as its vectors do, in float64 and on ONNX Runtime', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.integer({ min: 1, max: 4 }), async (geometry, batch) => {
        const { classes, features } = geometry;
        const x = normals('x', batch, features);
        const rows = rowsIn(geometry);
        const expected = Array.from({ length: batch * classes }, (_value, at) => {
          const row = Math.floor(at / classes);
          return dot(defined(rows[at % classes], 'row'), x.data.subarray(row * features, (row + 1) * features));
        });
        const graph = productGraph(geometry);
        const reference = evaluateHead(graph, x);
        expect(reference.shape).toEqual([batch, classes]);
        // Factors such as 1/√N are rounded to float32 in the graph and in the vectors, not always in the same order.
        expectAllclose(reference.data, expected, { what: nameOf(geometry), rtol: 1e-6, atol: 1e-6 });
        const onRuntime = defined((await runOnnx(graph, new Map([['x', x]]), 'inference')).get('y'), 'y');
        expectAllclose(onRuntime.data, expected, { what: `${nameOf(geometry)} on ONNX Runtime`, atol: 1e-5 });
      }),
      { numRuns: 12 },
    );
  });

  test('has blocks that cover all slots in order and agree with the product', () => {
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 200 }), (geometry, size) => {
        const x = normals('x', 2, geometry.features);
        const whole = evaluateHead(productGraph(geometry, 2), x).data;
        const blocks = geometry.blocks(size);
        let next = 0;
        for (const block of blocks) {
          expect(block.first).toBe(next);
          expect(block.used).toBeUndefined();
          next += block.count;
          const part = evaluateHead(
            blockGraph(geometry, 2, (c, input) => block.product(c, input)),
            x,
          );
          expect(part.shape).toEqual([2, block.count]);
          const expected = [0, 1].flatMap((row) =>
            Array.from(whole.slice(row * geometry.slots + block.first, row * geometry.slots + next)),
          );
          expectAllclose(part.data, expected, {
            what: `${nameOf(geometry)} from ${block.first}`,
            rtol: 1e-7,
            atol: 1e-7,
          });
        }
        expect(next).toBe(geometry.slots);
        expect(geometry.slots).toBe(geometry.classes);
      }),
      { numRuns: 12 },
    );
  });

  test('has transposed products that are the adjoint of the products', () => {
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 200 }), (geometry, size) => {
        const rows = rowsIn(geometry);
        for (const block of geometry.blocks(size)) {
          const weights = normals('weights', 2, block.count);
          const graph = blockGraph(geometry, 2, (c, input) => block.transposed(c, input), block.count);
          const expected = [0, 1].flatMap((row) =>
            Array.from({ length: geometry.features }, (_value, k) => {
              let sum = 0;
              for (let s = 0; s < block.count; s++)
                sum += (weights.data[row * block.count + s] ?? NaN) * (rows[block.first + s]?.[k] ?? NaN);
              return sum;
            }),
          );
          expectAllclose(evaluateHead(graph, weights).data, expected, {
            what: `${nameOf(geometry)} from ${block.first}`,
            rtol: 1e-6,
            atol: 2e-6,
          });
        }
      }),
      { numRuns: 8 },
    );
  });

  test('gathers the vectors of slots, in float64 and on ONNX Runtime', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.array(fc.nat(), { minLength: 1, maxLength: 6 }), async (geometry, picks) => {
        const slots = picks.map((pick) => pick % geometry.slots);
        const expected = slots.flatMap((slot) => Array.from(geometry.vector(slot)));
        const graph = rowsGraph(geometry, slots.length);
        const feeds = new Map([['slots', { shape: [slots.length], data: Float64Array.from(slots) }]]);
        const reference = defined(evaluateGraph(graph, feeds).get('y'), 'y');
        expect(reference.shape).toEqual([slots.length, geometry.features]);
        expectAllclose(reference.data, expected, { what: nameOf(geometry), atol: 1e-6 });
        const onRuntime = defined((await runOnnx(graph, feeds, 'training')).get('y'), 'y');
        expectAllclose(onRuntime.data, expected, { what: `${nameOf(geometry)} on ONNX Runtime`, atol: 2e-6 });
      }),
      { numRuns: 8 },
    );
  });

  test('states the constants that its graph stores', () => {
    fc.assert(
      fc.property(arbitrary, (geometry) => {
        const graph = productGraph(geometry);
        // Single numbers and short index lists are part of the arithmetic.
        const constants = [...graph.initializers.values()].filter(({ shape }) => shape.length > 1);
        const bytes = constants.reduce((sum, { data }) => sum + data.byteLength, 0);
        expect(bytes, nameOf(geometry)).toBe(geometry.cost.constantBytes);
        for (const number of [geometry.cost.adds, geometry.cost.multiplies]) {
          expect(Number.isInteger(number) && number >= 0).toBe(true);
        }
      }),
      { numRuns: 15 },
    );
  });

  test('is the same when it is made again', () => {
    fc.assert(
      fc.property(fc.noShrink(place), ({ features, sign: featureSign }) => {
        const classes = 2 + (features % 2);
        // Three features have room for two classes only, of some kinds.
        fc.pre(features > 3);
        const [a, b] = [make(text, classes, features, featureSign), make(text, classes, features, featureSign)];
        expect(vectorsOf(a)).toEqual(vectorsOf(b));
      }),
      { numRuns: 8 },
    );
  });
});

/** Largest |cos| over pairs drawn at random. */
function sampledCoherence({ classes, vector, antipodal }: Geometry, pairs: number): number {
  const random = randomStream('pairs', classes);
  let largest = 0;
  for (let pair = 0; pair < pairs; pair++) {
    const i = random.integer(classes);
    const j = (i + 1 + random.integer(classes - 1)) % classes;
    const cosine = dot(vector(i), vector(j));
    if (!(antipodal && cosine < ROUNDING - 1)) largest = Math.max(largest, Math.abs(cosine));
  }
  return largest;
}

describe('many classes', () => {
  test.each([
    ['hadamard', 4096, 64, 0.125],
    ['hadamard', 1000, 32, 0.25],
    ['coset', 2048, 64, 0.125],
    ['random', 2000, 64, 1],
    ['random:directions=gaussian', 2000, 64, 1],
  ])('%s keeps its promise for %s classes on %s features', (text, classes, features, promise) => {
    const geometry = make(text, classes, features);
    expect(geometry.coherence).toBeLessThanOrEqual(promise);
    expect(measuredCoherence(vectorsOf(geometry), features)).toBeLessThanOrEqual(geometry.coherence + ROUNDING);
  });

  test.each([
    ['hadamard', 500_000, 1024, 1 / 32],
    ['coset:signs=on', 30_000, 256, 1 / 16],
    ['coset', 20_000, 100, 0.9],
    ['random', 20_000, 128, 0.8],
    ['random:directions=gaussian', 20_000, 128, 0.8],
  ])('%s keeps its promise in a sample of %s classes on %s features', (text, classes, features, promise) => {
    const geometry = make(text, classes, features);
    expect(geometry.coherence).toBeLessThanOrEqual(promise);
    expect(sampledCoherence(geometry, 3000)).toBeLessThanOrEqual(geometry.coherence + ROUNDING);
  });
});

describe('no matrix of C × N numbers', () => {
  test.each([
    ['hadamard', 1000, 2048],
    ['hadamard', 100_000, 1024],
    ['biorthogonal', 1000, 512],
    ['simplex', 1000, 1024],
    ['simplex', 1024, 1023],
    ['coset:signs=on', 100_000, 1024],
  ])('is in the graph of %s for %s classes on %s features', (text, classes, features) => {
    const geometry = make(text, classes, features);
    expect(geometry.fixedParameters).toBe(0);
    const largest = Math.max(...[...productGraph(geometry).initializers.values()].map(({ data }) => data.length));
    expect(largest).toBeLessThan((classes * features) / 200);
    expect(geometry.cost.constantBytes).toBeLessThan((classes * features) / 50);
  });

  test('a random head stores one byte a sign', () => {
    const { cost, fixedParameters } = make('random', 500, 64);
    expect(cost.constantBytes).toBe(500 * 64);
    expect(fixedParameters).toBe(500 * 64);
  });

  test('a stored matrix is in a graph once, whatever uses it', () => {
    const geometry = make('random:directions=gaussian', 30, 8);
    const graph = blockGraph(geometry, 2, (c, x) => {
      const [first, ...others] = geometry.blocks(7).map((block) => block.transposed(c, block.product(c, x)));
      expect(c.tensors().fixed).toEqual([{ name: 'vectors', shape: [30, 8] }]);
      return others.reduce((sum, next) => c.b.op('Add', [sum, next], {}), defined(first, 'block'));
    });
    expect(
      [...graph.initializers.values()].filter(({ dtype, shape }) => dtype === 'float32' && shape.length > 1),
    ).toHaveLength(1);
    expect(countOperators(graph).get('Gemm')).toBe(5);
  });
});

describe('seeds', () => {
  test.each(['orthonormal', 'random', 'random:directions=gaussian'])('another seed gives other %s vectors', (text) => {
    const of = (seed: number): Float32Array => vectorsOf(make(`${text}:seed=${seed}`, 10, 24, 'non-negative'));
    expect(of(3)).toEqual(of(3));
    const both = Float32Array.from([...of(3).slice(0, 24), ...of(4).slice(0, 24)]);
    expect(measuredCoherence(both, 24)).toBeLessThan(0.9);
  });

  test('more random vectors begin with the same ones', () => {
    for (const text of ['random', 'random:directions=gaussian']) {
      const few = vectorsOf(make(text, 5, 40));
      expect(vectorsOf(make(text, 50, 40)).slice(0, few.length)).toEqual(few);
    }
  });
});
