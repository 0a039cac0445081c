import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../core/random.ts';
import { geometryOf } from './geometry-of.ts';
import { measuredCoherence, vectorsOf, type ClassVectors, type FeatureSign, type Geometry } from './geometry.ts';
import { parseHead } from './parse.ts';
import { randomCoherenceBound } from './random.ts';
import { headKinds } from './spec.ts';

const make = (
  text: string,
  classes: number,
  features: number,
  sign: FeatureSign = 'signed',
  vectors?: ClassVectors,
): Geometry | undefined =>
  geometryOf(parseHead(text), { classes, features, sign, ...(vectors === undefined ? {} : { vectors }) });

function made(...given: Parameters<typeof make>): Geometry {
  const geometry = make(...given);
  if (geometry === undefined) throw new Error('no geometry');
  return geometry;
}

const textOf = (kind: (typeof headKinds)[number]): string => (kind === 'custom' ? 'custom:file=v.npy' : kind);

describe.each(headKinds.map(textOf))('%s', (text) => {
  test.each([0, 1, -3, 2.5, NaN, Infinity])('refuses %s classes', (classes) => {
    expect(() => make(text, classes, 64)).toThrow(
      `a classifier needs at least 2 classes; expected an integer of 2 or more, received ${classes}`,
    );
  });

  test.each([0, 1, -1, 7.5, NaN, Infinity])('refuses %s features', (features) => {
    expect(() => make(text, 2, features)).toThrow(
      `a classifier needs at least 2 features; expected an integer of 2 or more, received ${features}`,
    );
  });
});

describe('heads that train their vectors', () => {
  test.each(['learned', 'cosine'])('%s has no geometry and takes any number of classes', (text) => {
    expect(make(text, 100_000, 2)).toBeUndefined();
  });
});

describe('capacity', () => {
  test.each([
    [
      'orthonormal',
      16,
      'non-negative',
      'more classes than orthonormal vectors; expected at most 15 classes for 16 non-negative features, received 16 classes; with center=bn there is room; a hadamard, coset or random head takes more classes than features; an orthonormal head needs a backbone with at least 17 features',
    ],
    [
      'orthonormal',
      20,
      'signed',
      'more classes than orthonormal vectors; expected at most 16 classes for 16 signed features, received 20 classes; a hadamard, coset or random head takes more classes than features; an orthonormal head needs a backbone with at least 20 features',
    ],
    [
      'simplex',
      18,
      'signed',
      'more classes than a simplex has vertices; expected at most 17 classes for 16 features, received 18 classes; a hadamard, coset or random head takes more classes; a simplex head needs a backbone with at least 17 features',
    ],
    [
      'random',
      65_537,
      'signed',
      'more classes than sign vectors; expected at most 2^16 = 65536 classes for 16 features, received 65537 classes; directions=gaussian takes any number of classes; signs need at least 17 features',
    ],
    [
      'random:directions=gaussian',
      100_000_000,
      'signed',
      'the matrix of a random head is too large for an ONNX model; expected at most 2147483647 bytes, received 100000000 classes × 16 features × 4 bytes = 6400000000; a hadamard or coset head stores no matrix',
    ],
  ] as const)('%s refuses %s classes on 16 %s features', (text, classes, sign, message) => {
    expect(() => make(text, classes, 16, sign)).toThrow(message);
  });

  test.each(['orthonormal', 'simplex', 'biorthogonal', 'coset', 'hadamard'])(
    'is what %s accepts, and no more',
    (text) => {
      for (const sign of ['signed', 'non-negative'] as const)
        for (const features of [4, 8, 16]) {
          const { capacity } = made(text, 2, features, sign);
          expect(made(text, capacity, features, sign).classes).toBe(capacity);
          expect(() => make(text, capacity + 1, features, sign)).toThrow(`received ${capacity + 1} classes`);
        }
    },
  );

  test('centring makes non-negative features signed', () => {
    expect(made('orthonormal:center=bn', 16, 16, 'non-negative').capacity).toBe(16);
  });
});

describe('an exact head', () => {
  test.each([
    [20, 'Hadamard matrices of order 20'],
    [64, 'of order 64'],
  ])('accepts %s features, %s exist', (features) => {
    expect(made('hadamard:exact=on', 10, features)).toMatchObject({ order: features, features });
  });

  test.each([
    [63, '60, 64'],
    [30, '28, 32'],
  ])('refuses %s features and names the nearest orders', (features, orders) => {
    expect(() => make('hadamard:exact=on', 10, features)).toThrow(
      `no Hadamard matrix of order ${features} is known here; choose from ${orders}`,
    );
    expect(made('hadamard', 10, features).order).toBe(Number(orders.split(',')[0]));
  });
});

describe('simplex', () => {
  test('has all cosines −1/(C − 1), whatever it is made of', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom<FeatureSign>('signed', 'non-negative'),
        (features, share, sign) => {
          const classes = 2 + Math.round(share * (features - 1));
          const geometry = made('simplex', classes, features, sign);
          for (let i = 0; i < classes; i++)
            for (let j = 0; j < i; j++) {
              const [a, b] = [geometry.vector(i), geometry.vector(j)];
              const cosine = a.reduce((sum, value, k) => sum + value * (b[k] ?? NaN), 0);
              expect(Math.abs(cosine + 1 / (classes - 1)), geometry.construction).toBeLessThan(1e-6);
            }
        },
      ),
      {
        numRuns: 60,
        // Every way of making one: centred rows, centred axes, shortened rows, the closed form.
        examples: [
          [16, 0.5, 'signed'],
          [16, 14 / 15, 'non-negative'],
          [15, 1, 'signed'],
          [16, 1, 'signed'],
        ],
      },
    );
  });

  test.each([
    [10, 16, 'signed', 'centred rows of Sylvester 2^4', 16],
    [16, 16, 'non-negative', 'centred axes', 16],
    [16, 15, 'signed', 'rows of Sylvester 2^4 without their constant column', 15],
    [17, 16, 'signed', 'closed form', 16],
    [62, 63, 'signed', 'centred axes, on 62 of 63 features', 62],
  ] as const)('of %s classes on %s %s features is made of %s', (classes, features, sign, construction, order) => {
    expect(made('simplex', classes, features, sign)).toMatchObject({ construction, order, bases: 0 });
  });

  test('of two classes is a pair of opposite vectors', () => {
    expect(made('simplex', 2, 8)).toMatchObject({ antipodal: true, coherence: 0 });
    expect(made('simplex', 3, 8)).toMatchObject({ antipodal: false, coherence: 1 / 2 });
  });

  test('shortened rows have entries of one size, so every feature serves every class alike', () => {
    for (const value of vectorsOf(made('simplex', 64, 63))) expect(Math.abs(value)).toBeCloseTo(1 / Math.sqrt(63), 6);
  });
});

describe('random', () => {
  test('deals all sign vectors of few features', () => {
    const geometry = made('random', 256, 8);
    const rows = Array.from({ length: 256 }, (_, i) => geometry.vector(i).join());
    expect(new Set(rows).size).toBe(256);
    expect(geometry).toMatchObject({ antipodal: true, capacity: 256 });
    // Any two that are not opposite differ in at most 7 of 8 places: |cos| ≤ 6/8.
    expect(geometry.coherence).toBeCloseTo(0.75, 6);
  });

  test('has both signs equally often, on every feature and for every class', () => {
    const [classes, features] = [400, 300];
    const rows = vectorsOf(made('random', classes, features));
    const sums = (count: number, at: (index: number, k: number) => number, length: number): number[] =>
      Array.from({ length: count }, (_, index) => {
        let sum = 0;
        for (let k = 0; k < length; k++) sum += Math.sign(rows[at(index, k)] ?? NaN);
        return sum / Math.sqrt(length);
      });
    const perClass = sums(classes, (row, k) => row * features + k, features);
    const perFeature = sums(features, (column, k) => k * features + column, classes);
    // 700 standard normal numbers stay below 4.5 but for one seed in 200; this seed is fixed.
    for (const sum of [...perClass, ...perFeature]) expect(Math.abs(sum)).toBeLessThan(4.5);
  });

  test('Gaussian directions have no preferred axis', () => {
    const rows = vectorsOf(made('random:directions=gaussian', 2000, 10));
    const squares = Array.from({ length: 10 }, (_, k) =>
      rows.reduce((sum, value, at) => (at % 10 === k ? sum + value * value : sum), 0),
    );
    // The mean of 2000 squares of a coordinate: 1/10 with a standard error of about 0.003.
    for (const sum of squares) expect(Math.abs(sum / 2000 - 0.1)).toBeLessThan(0.015);
  });

  test('promises what a union bound over all pairs gives, where measuring would take long', () => {
    const [classes, features] = [20_000, 128];
    const bound = randomCoherenceBound(classes, features);
    // 2·ln(2·10⁴·(2·10⁴ − 1)·10⁶) = 67.24
    expect(bound).toBeCloseTo(Math.sqrt(67.24 / 128), 3);
    expect(made('random', classes, features).coherence).toBe(bound);
    expect(randomCoherenceBound(1000, 4)).toBe(1);
    const measured = made('random', 300, 128);
    expect(measured.coherence).toBe(measuredCoherence(vectorsOf(measured), 128));
    expect(measured.coherence).toBeLessThan(randomCoherenceBound(300, 128));
  });
});

describe('custom', () => {
  const random = randomStream('custom');
  const matrix = (classes: number, features: number, change: (rows: Float32Array) => void = () => undefined) => {
    const data = Float32Array.from({ length: classes * features }, () => random.normal());
    change(data);
    return { data, classes, features };
  };
  const custom = (vectors: ClassVectors, classes = vectors.classes, features = vectors.features): Geometry =>
    made('custom:file=v.npy', classes, features, 'signed', vectors);

  test('scales its rows to unit length and keeps their order', () => {
    const vectors = { classes: 3, features: 2, data: Float32Array.of(3, 4, 0, -2, 1e-20, 0) };
    expect([...vectorsOf(custom(vectors))].map((value) => Math.round(value * 1e6) / 1e6)).toEqual([
      0.6, 0.8, 0, -1, 1, 0,
    ]);
  });

  test('knows what its vectors are', () => {
    const cross = { classes: 4, features: 2, data: Float32Array.of(1, 0, 0, 2, -3, 0, 0, -1) };
    expect(custom(cross)).toMatchObject({ antipodal: true, coherence: 0, balanced: false, capacity: 4, bases: 0 });
    const balanced = { classes: 2, features: 3, data: Float32Array.of(1, -1, 0, 0, 1, -1) };
    expect(custom(balanced)).toMatchObject({ antipodal: false, balanced: true });
    expect(custom(balanced).coherence).toBeCloseTo(0.5, 6);
  });

  test.each([
    [
      'a row that is not finite',
      (rows: Float32Array) => (rows[7] = NaN),
      'v.npy: row 1 of the class vectors is not finite; expected finite float32 numbers, received NaN in column 2',
    ],
    [
      'a number beyond float32',
      (rows: Float32Array) => (rows[0] = 1e39),
      'v.npy: row 0 of the class vectors is not finite; expected finite float32 numbers, received Infinity in column 0',
    ],
    [
      'a row of zeros',
      (rows: Float32Array) => rows.fill(0, 10, 15),
      'v.npy: row 2 of the class vectors is zero; a class needs a direction; rows are counted from 0',
    ],
    [
      'a row twice',
      (rows: Float32Array) => {
        rows.copyWithin(20, 5, 10);
      },
      'v.npy: rows 1 and 4 of the class vectors are the same direction',
    ],
    [
      'a multiple of a row',
      (rows: Float32Array) => {
        for (let k = 0; k < 5; k++) rows[15 + k] = 7.3 * (rows[k] ?? 0);
      },
      'v.npy: rows 0 and 3 of the class vectors are the same direction',
    ],
  ])('refuses %s', (_, change, message) => {
    expect(() => custom(matrix(6, 5, change))).toThrow(message);
  });

  test('finds one repeated row among many', () => {
    const vectors = matrix(3000, 20, (rows) => {
      for (let k = 0; k < 20; k++) rows[2345 * 20 + k] = 0.1 * (rows[17 * 20 + k] ?? 0);
    });
    expect(() => custom(vectors)).toThrow('rows 17 and 2345 of the class vectors are the same direction');
  });

  test('refuses a matrix that does not fit, or none', () => {
    expect(() => custom(matrix(6, 5), 7)).toThrow(
      'v.npy: the class vectors do not fit; expected 7 rows, one for each class, of 5 features, received 6 rows of 5 numbers',
    );
    expect(() => custom(matrix(6, 5), 6, 8)).toThrow('of 8 features, received 6 rows of 5 numbers');
    expect(() => custom({ ...matrix(6, 5), data: new Float32Array(29) })).toThrow(
      'v.npy: the class vectors are not whole; expected 6 × 5 = 30 numbers, received 29',
    );
    expect(() => make('custom:file=v.npy', 6, 5)).toThrow(
      'head custom:file=v.npy: a custom head needs its class vectors; pass them as "vectors": { data, classes, features }',
    );
  });
});

describe('vector', () => {
  test.each(['hadamard', 'simplex', 'orthonormal', 'random'])('of %s refuses what is no class', (text) => {
    const { vector } = made(text, 5, 16);
    for (const index of [-1, 5, 1.5])
      expect(() => vector(index)).toThrow(`no such class; expected 0 to 4, received ${index}`);
  });
});
