import type { StaticShape } from '../../../src/core/shape.ts';
import type { AttributesOf } from '../../../src/graph/ops.ts';
import { any, type OpCase } from '../case.ts';

type Resize = AttributesOf<'Resize'>;

const resize = (name: string, shape: StaticShape, given: Partial<Resize>): OpCase<'Resize'> => ({
  name,
  inputs: [any(shape)],
  attributes: {
    axes: shape.map((_, axis) => axis),
    scales: [],
    sizes: [],
    mode: 'nearest',
    coordinate_transformation_mode: 'half_pixel',
    nearest_mode: 'round_prefer_floor',
    cubic_coeff_a: -0.75,
    exclude_outside: 0,
    ...given,
  },
});

const transformations = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'];
const image: StaticShape = [1, 2, 3, 4];

/** Up by a whole factor, down, and both at odds; no position lies close to a place where rounding turns. */
const targets: readonly (readonly [name: string, sizes: readonly number[]])[] = [
  ['up', [1, 2, 6, 8]],
  ['to odd sizes', [1, 2, 7, 5]],
  ['down', [1, 2, 2, 3]],
  ['to one pixel', [1, 2, 1, 1]],
];

export const resizeCases: readonly OpCase<'Resize'>[] = [
  ...transformations.flatMap((coordinate_transformation_mode) => [
    ...['linear', 'nearest'].flatMap((mode) =>
      targets.map(([name, sizes]) =>
        resize(`${mode}, ${coordinate_transformation_mode}, ${name}`, image, {
          sizes,
          mode,
          coordinate_transformation_mode,
        }),
      ),
    ),
    resize(`cubic, ${coordinate_transformation_mode}`, image, {
      sizes: [1, 2, 4, 6],
      mode: 'cubic',
      coordinate_transformation_mode,
    }),
  ]),
  ...['floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil'].flatMap((nearest_mode) =>
    ['asymmetric', 'half_pixel'].map((coordinate_transformation_mode) =>
      resize(`nearest, ${coordinate_transformation_mode}, ${nearest_mode}`, image, {
        sizes: [1, 2, 5, 6],
        coordinate_transformation_mode,
        nearest_mode,
      }),
    ),
  ),
  resize('nearest, twice as large, as PyTorch exports it', image, {
    scales: [1, 1, 2, 2],
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  }),
  resize('nearest, one extent', [2, 3, 5], {
    scales: [1, 1, 3],
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  }),
  // ⌊2.6·3⌋ = 7 and ⌊1.3·4⌋ = 5: the scale is not the ratio of the sizes.
  resize('linear, scales that leave a rest', image, { scales: [1, 1, 2.6, 1.3], mode: 'linear' }),
  resize('linear, two axes given', image, { axes: [2, 3], sizes: [7, 5], mode: 'linear' }),
  resize('linear, one extent', [2, 2, 4], { scales: [1, 1, 1.75], mode: 'linear' }),
  resize('linear, three extents', [1, 2, 2, 3, 2], { sizes: [1, 2, 3, 4, 5], mode: 'linear' }),
  resize('linear, scales that change no extent', image, { scales: [1, 1, 1.3, 1.2], mode: 'linear' }),
  resize('cubic, only what lies inside', image, {
    sizes: [1, 2, 6, 8],
    mode: 'cubic',
    exclude_outside: 1,
    cubic_coeff_a: -0.5,
  }),
];
