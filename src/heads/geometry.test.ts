import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evaluateHead, productGraph } from '../../test/support/head-graph.ts';
import { expectAllclose } from '../../test/support/allclose.ts';
import { runOnnx } from '../../test/support/onnx-runtime.ts';
import { randomStream } from '../core/random.ts';
import { defined } from '../core/errors.ts';
import { measuredCoherence, type FeatureSign, type Geometry } from './geometry.ts';
import { hadamardGeometry } from './hadamard.ts';
import { orthonormalGeometry } from './orthonormal.ts';

/** Float32 rounding of entries below 1 moves an inner product by at most a few 1e-8 times √N. */
const ROUNDING = 1e-6;

const sign = fc.constantFrom<FeatureSign>('signed', 'non-negative');

/** A classifier geometry within its capacity: C = N for signed features included. */
const hadamard = fc
  .tuple(fc.integer({ min: 1, max: 7 }), sign, fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([exponent, featureSign, share]) => {
    const features = 2 ** exponent;
    const capacity = featureSign === 'signed' ? features : features - 1;
    return hadamardGeometry({ features, classes: Math.max(1, Math.round(share * capacity)), sign: featureSign });
  });
const orthonormal = fc
  .tuple(fc.integer({ min: 2, max: 70 }), sign, fc.double({ min: 0, max: 1, noNaN: true }), fc.integer())
  .map(([features, featureSign, share, seed]) => {
    const capacity = featureSign === 'signed' ? features : features - 1;
    const classes = Math.max(1, Math.round(share * capacity));
    return orthonormalGeometry({ features, classes, sign: featureSign, seed });
  });
const geometries = [
  ['hadamard', hadamard],
  ['orthonormal', orthonormal],
] as const;

const numbers = (values: ArrayLike<number>): number[] => Array.from(values);

function rowsOf({ classes, features, vectors }: Geometry): number[][] {
  const all = vectors();
  return Array.from({ length: classes }, (_, row) => numbers(all.subarray(row * features, (row + 1) * features)));
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, index) => sum + value * (b[index] ?? NaN), 0);

describe.each(geometries)('%s geometry', (_, arbitrary) => {
  test('has distinct, orthogonal unit vectors', () => {
    fc.assert(
      fc.property(arbitrary, (geometry) => {
        const rows = rowsOf(geometry);
        expect(new Set(rows.map((row) => row.join())).size).toBe(geometry.classes);
        for (const row of rows) expect(Math.abs(Math.sqrt(dot(row, row)) - 1)).toBeLessThan(ROUNDING);
        const measured = measuredCoherence(geometry.vectors(), geometry.features);
        expect(measured).toBeLessThanOrEqual(geometry.coherence + ROUNDING);
      }),
      { numRuns: 40 },
    );
  });

  test('is orthogonal to the constant direction where it says so, which it does below C = N', () => {
    fc.assert(
      fc.property(arbitrary, (geometry) => {
        expect(geometry.balanced).toBe(geometry.classes < geometry.features);
        const sums = rowsOf(geometry).map((row) => row.reduce((sum, value) => sum + value, 0));
        const largest = Math.max(...sums.map((sum) => Math.abs(sum) / Math.sqrt(geometry.features)));
        if (geometry.balanced) expect(largest).toBeLessThan(ROUNDING);
        // N orthonormal vectors span everything, the constant direction too.
        else expect(largest).toBeGreaterThan(0.9 / Math.sqrt(geometry.features));
      }),
      { numRuns: 40 },
    );
  });

  test('multiplies as its vectors do, in float64 and on ONNX Runtime', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary, fc.integer({ min: 1, max: 5 }), async (geometry, batch) => {
        const random = randomStream('features', geometry.features, geometry.classes);
        const x = { shape: [batch, geometry.features], data: new Float64Array(batch * geometry.features) };
        x.data.forEach((_value, index) => (x.data[index] = Math.fround(random.normal())));
        const expected = Array.from({ length: batch }, (_value, row) =>
          rowsOf(geometry).map((q) =>
            dot(q, numbers(x.data.subarray(row * geometry.features, (row + 1) * geometry.features))),
          ),
        ).flat();
        const what = `${geometry.kind} ${geometry.classes}×${geometry.features}`;
        const graph = productGraph(geometry);
        const reference = evaluateHead(graph, x);
        expect(reference.shape).toEqual([batch, geometry.classes]);
        // 1/√N is rounded to float32 in the graph's factor and in the vectors alike.
        expectAllclose(reference.data, expected, { what, rtol: 1e-7, atol: 1e-7 });
        const onRuntime = defined((await runOnnx(graph, new Map([['x', x]]), 'inference')).get('y'), 'y');
        expectAllclose(onRuntime.data, expected, { what: `${what} on ONNX Runtime`, atol: 1e-5 });
      }),
      { numRuns: 15 },
    );
  });
});

describe('capacity', () => {
  test('is every vector for signed features, all but the constant one for non-negative features', () => {
    for (const [featureSign, capacity] of [
      ['signed', 16],
      ['non-negative', 15],
    ] as const) {
      const request = { features: 16, classes: capacity, sign: featureSign };
      expect(hadamardGeometry(request).capacity).toBe(capacity);
      expect(orthonormalGeometry({ ...request, seed: 0 }).capacity).toBe(capacity);
      const tooMany = { ...request, classes: capacity + 1 };
      expect(() => hadamardGeometry(tooMany)).toThrow(
        `more classes than a hadamard head has rows; expected at most ${capacity} classes for 16 ${featureSign} features, received ${capacity + 1} classes; a learned head takes any number of classes; a hadamard head needs a backbone with at least 32 features`,
      );
      expect(() => orthonormalGeometry({ ...tooMany, seed: 0 })).toThrow(
        `more classes than orthonormal vectors; expected at most ${capacity} classes for 16 ${featureSign} features, received ${capacity + 1} classes; a learned head takes any number of classes; an orthonormal head needs a backbone with at least 17 features`,
      );
    }
  });

  test('the hint names the smallest number of features that would do', () => {
    const hint = (sign: FeatureSign, classes: number): string => {
      try {
        hadamardGeometry({ features: 8, classes, sign });
      } catch (error) {
        return /at least (\d+) features/.exec(String(error))?.[1] ?? 'none';
      }
      return 'accepted';
    };
    fc.assert(
      fc.property(sign, fc.integer({ min: 9, max: 600 }), (featureSign, classes) => {
        const features = Number(hint(featureSign, classes));
        const accepts = (n: number): boolean => classes <= (featureSign === 'signed' ? n : n - 1);
        expect(accepts(features) && !accepts(features / 2)).toBe(true);
      }),
      {
        examples: [
          ['signed', 16],
          ['non-negative', 16],
          ['signed', 512],
          ['non-negative', 511],
        ],
      },
    );
  });

  test.each([1, 3, 12, 48, 63, 342, 0, -4, 2.5])('a hadamard head refuses %s features', (features) => {
    expect(() => hadamardGeometry({ features, classes: 2, sign: 'signed' })).toThrow(
      `a hadamard head needs a power of two of features; received ${features} features; an orthonormal or a learned head takes any number of features`,
    );
  });
});

describe('seeds', () => {
  const of = (seed: number): number[] =>
    numbers(orthonormalGeometry({ features: 24, classes: 10, sign: 'non-negative', seed }).vectors());

  test('the same seed gives the same vectors, another seed others', () => {
    expect(of(3)).toEqual(of(3));
    const [a, b] = [of(3), of(4)];
    expect(measuredCoherence(Float32Array.from([...a.slice(0, 24), ...b.slice(0, 24)]), 24)).toBeLessThan(0.9);
  });
});

describe('cost', () => {
  test('a hadamard head stores far less than C·N numbers and multiplies less than a dense product', () => {
    const geometry = hadamardGeometry({ features: 2048, classes: 1000, sign: 'non-negative' });
    expect(geometry.fixedParameters).toBe(0);
    // 2048 = 32 × 64: the factors of 64 × 64 and 16 (of 32) × 32 floats.
    expect(geometry.cost.constantBytes).toBe(4 * (64 * 64 + 16 * 32));
    expect(geometry.cost.multiplyAdds).toBe(32 * 64 * 64 + 16 * 32 * 64);
    expect(geometry.cost.multiplyAdds).toBeLessThan((1000 * 2048) / 10);
  });

  test('the stated constants are those of the graph', () => {
    fc.assert(
      fc.property(fc.oneof(hadamard, orthonormal), (geometry) => {
        const constants = [...productGraph(geometry).initializers.values()];
        const bytes = constants.reduce((sum, { data }) => sum + data.byteLength, 0);
        expect(bytes).toBe(geometry.cost.constantBytes);
      }),
      { numRuns: 30 },
    );
  });
});
