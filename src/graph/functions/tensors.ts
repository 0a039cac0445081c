import { sizeOf } from '../../core/shape.ts';
import type { Builder, Value } from '../builder.ts';

/** Matrix product of `[…, n, k]` and `[…, k, m]`: `[…, n, m]`, leading axes broadcast. */
export const matmul = (b: Builder, x: Value, y: Value): Value => b.op('MatMul', [x, y], {});

/** Sums of products over labelled axes, as in numpy.einsum: `bij,bjk->bik`. */
export const einsum = (b: Builder, equation: string, ...operands: readonly Value[]): Value =>
  b.op('Einsum', operands, { equation });

/** Axes in another order: axis i of the result is axis `perm[i]` of x. */
export const transpose = (b: Builder, x: Value, perm: readonly number[]): Value => b.op('Transpose', [x], { perm });

/** Reshape with ONNX's 0 (copy) and −1 (what is left); no node where the shape is already this. */
export function reshape(b: Builder, x: Value, shape: readonly number[]): Value {
  const same = shape.length === x.type.shape.length && shape.every((dim, axis) => dim === x.type.shape[axis]);
  return same ? x : b.op('Reshape', [x], { shape });
}

/** x broadcast to a shape. */
export const expand = (b: Builder, x: Value, shape: readonly number[]): Value => b.op('Expand', [x], { shape });
/** Values one behind the other along one axis. */
export const concat = (b: Builder, values: readonly Value[], axis: number): Value => b.op('Concat', values, { axis });
/** x cut into parts of these sizes along one axis. */
export const split = (b: Builder, x: Value, parts: readonly number[], axis: number): readonly Value[] =>
  b.node('Split', [x], { split: parts, axis });

/** `x[start:end]` along one axis. */
export const slice = (b: Builder, x: Value, axis: number, start: number, end: number): Value =>
  b.op('Slice', [x], { starts: [start], ends: [end], axes: [axis], steps: [1] });

/** Zero padding; `pads` are all begins, then all ends. */
export const pad = (b: Builder, x: Value, pads: readonly number[]): Value =>
  b.op('Pad', [x], { pads, mode: 'constant' });
/** The entries of x at `indices` along one axis: that axis is replaced by the axes of `indices`. */
export const gather = (b: Builder, x: Value, indices: Value, axis: number): Value =>
  b.op('Gather', [x, indices], { axis });

/** `[batch, …]` to `[batch, features]`. */
export function flatten(b: Builder, x: Value): Value {
  const features = sizeOf(x.type.shape.slice(1).filter((dim) => typeof dim === 'number'));
  return reshape(b, x, [0, features]);
}
