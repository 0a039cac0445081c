import { inputError } from '../../src/core/errors.ts';
import type { AttributesOf } from '../../src/graph/ops.ts';
import { at, generate, item, type EvaluateTable, type NdArray } from './array.ts';

type Resize = AttributesOf<'Resize'>;

/** Position x of the resized axis in the original one, as ONNX's specification of Resize has it. */
function original(x: number, size: number, out: number, scale: number, transformation: string): number {
  switch (transformation) {
    case 'half_pixel':
      return (x + 0.5) / scale - 0.5;
    case 'pytorch_half_pixel':
      return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case 'align_corners':
      return out === 1 ? 0 : (x * (size - 1)) / (out - 1);
    case 'asymmetric':
      return x / scale;
    default:
      throw inputError('coordinate transformation is not part of the reference', { received: transformation });
  }
}

function rounded(x: number, mode: string): number {
  switch (mode) {
    case 'round_prefer_floor':
      return x === Math.floor(x) + 0.5 ? Math.floor(x) : Math.round(x);
    case 'round_prefer_ceil':
      return Math.round(x);
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
    default:
      throw inputError('nearest mode is not part of the reference', { received: mode });
  }
}

/** Weights of the four neighbours of a point `r` behind the second one: cubic convolution with parameter a. */
const cubic = (r: number, a: number): readonly number[] => [
  ((a * (r + 1) - 5 * a) * (r + 1) + 8 * a) * (r + 1) - 4 * a,
  ((a + 2) * r - (a + 3)) * r * r + 1,
  ((a + 2) * (1 - r) - (a + 3)) * (1 - r) * (1 - r) + 1,
  ((a * (2 - r) - 5 * a) * (2 - r) + 8 * a) * (2 - r) - 4 * a,
];

/** The value between the elements of a line, at a position that may lie outside. */
function interpolate(element: (index: number) => number, size: number, x: number, attributes: Resize): number {
  const edge = (index: number): number => element(Math.min(Math.max(index, 0), size - 1));
  if (attributes.mode === 'nearest') return edge(rounded(x, attributes.nearest_mode));
  const first = Math.floor(x);
  const r = x - first;
  if (attributes.mode === 'linear') return (1 - r) * edge(first) + r * edge(first + 1);
  const weights = cubic(r, attributes.cubic_coeff_a).map((weight, tap) => {
    const index = first - 1 + tap;
    return attributes.exclude_outside === 1 && (index < 0 || index >= size) ? 0 : weight;
  });
  const total = attributes.exclude_outside === 1 ? weights.reduce((sum, weight) => sum + weight, 0) : 1;
  return weights.reduce((sum, weight, tap) => sum + (weight / total) * edge(first - 1 + tap), 0);
}

/**
 * Axis by axis: all modes of Resize are products of one-dimensional interpolations. Where no extent changes ONNX Runtime copies,
 * although scales that leave a rest would move elements.
 */
export const resizing: EvaluateTable<'Resize'> = {
  Resize: ({ input, attributes }) => {
    const { axes, scales, sizes } = attributes;
    const extentOf = (size: number, index: number): number =>
      sizes.length > 0 ? item(sizes, index) : Math.floor(size * item(scales, index) + 1e-6);
    const axisOf = (given: number): number => (given < 0 ? given + input(0).shape.length : given);
    if (
      axes.every(
        (given, index) => extentOf(item(input(0).shape, axisOf(given)), index) === input(0).shape[axisOf(given)],
      )
    )
      return [input(0)];
    return [
      axes.reduce<NdArray>((x, given, index) => {
        const axis = axisOf(given);
        const size = item(x.shape, axis);
        const out = extentOf(size, index);
        const scale = sizes.length > 0 ? out / size : item(scales, index);
        return generate(
          x.shape.map((dim, k) => (k === axis ? out : dim)),
          (place) => {
            const line = (position: number): number =>
              at(
                x,
                place.map((coordinate, k) => (k === axis ? position : coordinate)),
              );
            const position = original(item(place, axis), size, out, scale, attributes.coordinate_transformation_mode);
            return interpolate(line, size, position, attributes);
          },
        );
      }, input(0)),
    ];
  },
};
