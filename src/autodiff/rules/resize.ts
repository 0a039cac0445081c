import { normalizeAxis, sameShape } from '../../core/shape.ts';
import { float32 } from '../../core/tensor.ts';
import { staticShapeOf, type Value } from '../../graph/builder.ts';
import { matmul, reduceSum, reshape } from '../../graph/functions.ts';
import type { AttributesOf } from '../../graph/ops.ts';
import type { GradientContext } from '../rule.ts';

type Resize = AttributesOf<'Resize'>;

/** Resizing along one axis: what each of `out` positions reads of `size` elements. */
export interface ResizedAxis {
  readonly size: number;
  readonly out: number;
  /** The given scale, or out/size. */
  readonly scale: number;
}

/**
 * Where in the input an output position lies. For the nearest element it is computed in float32 as ONNX Runtime does: what
 * lies near a half must round alike.
 */
function sourceOf(position: number, { size, out, scale }: ResizedAxis, attributes: Resize): number {
  const mode = attributes.coordinate_transformation_mode;
  const round = attributes.mode === 'nearest' ? Math.fround : (value: number) => value;
  if (mode === 'align_corners') return out === 1 ? 0 : round(round(position * (size - 1)) / (out - 1));
  if (mode === 'asymmetric') return round(position / round(scale));
  if (mode === 'pytorch_half_pixel' && out <= 1) return 0;
  return round(round((position + 0.5) / round(scale)) - 0.5);
}

/** What ONNX Runtime takes for a half. */
const NEAR_HALF = 1e-6;

function nearest(source: number, mode: string): number {
  if (mode === 'floor') return Math.floor(source);
  if (mode === 'ceil') return Math.ceil(source);
  // A half goes down or up, and so does what float32 cannot tell from one.
  return mode === 'round_prefer_floor' ? Math.ceil(source - 0.5 - NEAR_HALF) : Math.floor(source + 0.5 + NEAR_HALF);
}

/** Cubic convolution's weight of an element at a distance (Keys 1981). */
function cubicWeight(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((d - 5) * d + 8) * d * a - 4 * a : 0;
}

/** The elements that one output position reads, with their weights; positions outside are those at the edge. */
function readsOf(position: number, axis: ResizedAxis, attributes: Resize): readonly (readonly [number, number])[] {
  const { size } = axis;
  const inside = (index: number): number => Math.min(Math.max(index, 0), size - 1);
  const source = sourceOf(position, axis, attributes);
  if (attributes.mode === 'nearest') return [[inside(nearest(source, attributes.nearest_mode)), 1]];
  const first = Math.floor(source);
  if (attributes.mode === 'linear') {
    const share = source - first;
    return [
      [inside(first), 1 - share],
      [inside(first + 1), share],
    ];
  }
  const taps = [-1, 0, 1, 2].map((step) => {
    const outside = first + step < 0 || first + step >= size;
    const weight = cubicWeight(source - first - step, attributes.cubic_coeff_a);
    return [inside(first + step), attributes.exclude_outside === 1 && outside ? 0 : weight] as const;
  });
  const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
  return attributes.exclude_outside === 1 ? taps.map(([index, weight]) => [index, weight / total] as const) : taps;
}

/** The `[size, out]` matrix of a resized axis: output = input · matrix. */
export function resizeMatrix(axis: ResizedAxis, attributes: Resize): Float32Array {
  const { size, out } = axis;
  const weights = new Float64Array(size * out);
  for (let position = 0; position < out; position++)
    for (const [index, weight] of readsOf(position, axis, attributes)) {
      const at = index * out + position;
      weights[at] = (weights[at] ?? 0) + weight;
    }
  return Float32Array.from(weights);
}

/** How often each element is repeated if that is all that happens along the axis, else `undefined`. */
function repeats({ size, out }: ResizedAxis, matrix: Float32Array): number | undefined {
  const times = out / size;
  const plain = matrix.every(
    (weight, at) => weight === (Math.floor((at % out) / times) === Math.floor(at / out) ? 1 : 0),
  );
  return Number.isInteger(times) && plain ? times : undefined;
}

/**
 * Resizing is linear and works axis by axis, so its gradient is the product with each axis's matrix, transposed; a plain
 * sum where elements are only repeated.
 */
export function resizeGradient(c: GradientContext<'Resize'>): Value {
  const { b, attributes } = c;
  const [shape, result] = [staticShapeOf(c.input(0)), staticShapeOf(c.output(0))];
  // ONNX Runtime copies where no extent changes, whatever the scales say.
  if (sameShape(shape, result)) return c.grad();
  return attributes.axes.reduce((gradient, given, index) => {
    const axis = normalizeAxis(given, shape.length, c.where);
    const [size = 1, out = 1] = [shape[axis], result[axis]];
    const along = { size, out, scale: attributes.scales[index] ?? out / size };
    const matrix = resizeMatrix(along, attributes);
    const times = repeats(along, matrix);
    if (times === 1) return gradient;
    const now = staticShapeOf(gradient);
    const [outer, inner] = [now.slice(0, axis), now.slice(axis + 1)];
    const target = [...outer, size, ...inner];
    if (times !== undefined) {
      return reshape(b, reduceSum(b, reshape(b, gradient, [...outer, size, times, ...inner]), [axis + 1]), target);
    }
    const constant = b.constant(float32([size, out], matrix), 'transposed');
    const width = inner.reduce((product, extent) => product * extent, 1);
    const columns = reshape(b, gradient, [-1, out, width]);
    return reshape(b, matmul(b, constant, columns), target);
  }, c.grad());
}
