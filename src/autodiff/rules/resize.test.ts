import { describe, expect, test } from 'vitest';
import { runOnnx } from '../../../test/support/onnx-runtime.ts';
import { defined } from '../../core/errors.ts';
import { float32 } from '../../core/tensor.ts';
import { createBuilder } from '../../graph/builder.ts';
import type { AttributesOf } from '../../graph/ops.ts';
import { resizeMatrix } from './resize.ts';

type Resize = AttributesOf<'Resize'>;

const sizes = [1, 2, 3, 4, 5, 7, 10, 28];
const transformations = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'];

const attributesOf = (given: Partial<Resize>): Resize => ({
  axes: [3],
  scales: [],
  sizes: [],
  mode: 'nearest',
  coordinate_transformation_mode: 'half_pixel',
  nearest_mode: 'floor',
  cubic_coeff_a: -0.75,
  exclude_outside: 0,
  ...given,
});

/** Rows of an identity matrix, resized by ONNX Runtime: the matrix of the axis. */
async function runtimeMatrices(cases: readonly { readonly size: number; readonly attributes: Resize }[]) {
  const b = createBuilder('resize');
  cases.forEach(({ size, attributes }, index) => {
    const identity = Float32Array.from({ length: size ** 2 }, (_, at) => (at % (size + 1) === 0 ? 1 : 0));
    b.output(b.op('Resize', [b.constant(float32([1, 1, size, size], identity))], attributes), `y${index}`);
  });
  const results = await runOnnx(b.build(), new Map());
  return cases.map((_, index) => defined(results.get(`y${index}`), 'matrix'));
}

async function expectMatrices(cases: readonly { readonly size: number; readonly attributes: Resize }[]): Promise<void> {
  const expected = await runtimeMatrices(cases);
  cases.forEach(({ size, attributes }, index) => {
    const { shape, data } = defined(expected[index], 'matrix');
    const out = shape[3] ?? 0;
    const matrix = resizeMatrix({ size, out, scale: attributes.scales[0] ?? out / size }, attributes);
    const worst = Math.max(...matrix.map((weight, at) => Math.abs(weight - (data[at] ?? NaN))));
    // Positions are rounded to float32, and weights change with them.
    const tolerance = attributes.mode === 'nearest' ? 0 : (4 + size) * 2 ** -22;
    expect(worst, `${size} to ${out}: ${JSON.stringify(attributes)}`).toBeLessThanOrEqual(tolerance);
  });
}

const toEverySize = (given: Partial<Resize>) =>
  sizes.flatMap((size) =>
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 20, 21].map((out) => ({
      size,
      attributes: attributesOf({ ...given, sizes: [out] }),
    })),
  );

describe('the matrix of a resized axis is the one that ONNX Runtime multiplies by', () => {
  test.each(
    transformations.flatMap((transformation) =>
      ['floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil'].map((mode) => [transformation, mode] as const),
    ),
  )('nearest, %s, %s', async (coordinate_transformation_mode, nearest_mode) => {
    await expectMatrices(toEverySize({ coordinate_transformation_mode, nearest_mode }));
  });

  test.each(
    transformations.flatMap((transformation) => ['linear', 'cubic'].map((mode) => [mode, transformation] as const)),
  )('%s, %s', async (mode, coordinate_transformation_mode) => {
    await expectMatrices(toEverySize({ mode, coordinate_transformation_mode }));
  });

  test.each(['nearest', 'linear', 'cubic'])('%s by scales that leave a rest', async (mode) => {
    const cases = sizes.flatMap((size) =>
      [0.3, 0.6, 0.75, 1.3, 1.6, 2.6].flatMap((scale) =>
        [0, size].includes(Math.floor(size * scale))
          ? []
          : [{ size, attributes: attributesOf({ mode, scales: [scale] }) }],
      ),
    );
    await expectMatrices(cases);
  });
});
