/** The elements of one axis that a Slice takes: `first`, `first + step`, …, `count` of them. */
export interface SliceRange {
  readonly first: number;
  readonly count: number;
}

/**
 * Slice's bounds on an axis of `size` elements. Negative bounds count from the end; what lies outside is clamped to the axis:
 * starts to [0, size] and ends to [0, size] for positive steps, to [0, size − 1] and [−1, size − 1] for negative ones
 * (https://onnx.ai/onnx/operators/onnx__Slice.html).
 */
export function sliceRange(start: number, end: number, step: number, size: number): SliceRange {
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (bound: number, lowest: number): number =>
    Math.min(Math.max(bound < 0 ? bound + size : bound, lowest), high);
  const first = clamp(start, 0);
  return { first, count: Math.max(0, Math.ceil((clamp(end, low) - first) / step)) };
}
