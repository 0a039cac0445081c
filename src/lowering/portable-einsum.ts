import { isStatic, sizeOf } from '../core/shape.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { einsumExtents, parseEinsum } from '../graph/einsum.ts';
import { matmul, mul, reduceSum, reshape, transpose } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import type { Operands, Pass } from './pass.ts';

/** A tensor whose axes have labels. Axes of extent 1 are left out: they are put back into the result. */
interface Factor {
  readonly value: Value;
  readonly labels: readonly string[];
}

/** Sums over the labels that nothing else needs. */
function summed(b: Builder, { value, labels }: Factor, isNeeded: (label: string) => boolean): Factor {
  const axes = labels.flatMap((label, axis) => (isNeeded(label) ? [] : [axis]));
  if (axes.length === 0) return { value, labels };
  return { value: reduceSum(b, value, axes), labels: labels.filter(isNeeded) };
}

/** The axes in this order. */
function ordered(b: Builder, { value, labels }: Factor, order: readonly string[]): Value {
  const perm = order.map((label) => labels.indexOf(label));
  return perm.every((from, axis) => from === axis) ? value : transpose(b, value, perm);
}

/** Axes in groups, each group as one axis (of 1 where it is empty). */
function grouped(b: Builder, factor: Factor, groups: readonly (readonly string[])[]): Value {
  const value = ordered(b, factor, groups.flat());
  const extents = new Map(groups.flat().map((label, axis) => [label, staticShapeOf(value)[axis] ?? 1]));
  return reshape(
    b,
    value,
    groups.map((group) => sizeOf(group.map((label) => extents.get(label) ?? 1))),
  );
}

/**
 * Product of two factors, summed over the labels of both that nothing else needs: with the other shared labels as a batch,
 * `[batch, rows, inner]·[batch, inner, columns]`.
 */
function product(b: Builder, left: Factor, right: Factor, isNeeded: (label: string) => boolean): Factor {
  const l = summed(b, left, (label) => isNeeded(label) || right.labels.includes(label));
  const r = summed(b, right, (label) => isNeeded(label) || left.labels.includes(label));
  const shared = l.labels.filter((label) => r.labels.includes(label));
  const [batch, inner] = [shared.filter(isNeeded), shared.filter((label) => !isNeeded(label))];
  const own = ({ labels }: Factor): readonly string[] => labels.filter((label) => !shared.includes(label));
  const [rows, columns] = [own(l), own(r)];
  const outer = batch.length === 0 ? [] : [batch];
  const [x, y] = [grouped(b, l, [...outer, rows, inner]), grouped(b, r, [...outer, inner, columns])];
  const extents = (labels: readonly string[], { value, labels: all }: Factor): number[] =>
    labels.map((label) => staticShapeOf(value)[all.indexOf(label)] ?? 1);
  return {
    value: reshape(b, inner.length === 0 ? mul(b, x, y) : matmul(b, x, y), [
      ...extents([...batch, ...rows], l),
      ...extents(columns, r),
    ]),
    labels: [...batch, ...rows, ...columns],
  };
}

/**
 * Einsum as matrix products, operand by operand from the left: ONNX Runtime's WebGPU provider gives wrong numbers, or fails,
 * where extents of 1 or ellipses of different lengths repeat.
 */
export function einsumByProducts(
  { builder: b }: Pass,
  node: OpNode<'Einsum'>,
  { input }: Operands,
): readonly Value[] | undefined {
  const values = node.inputs.map((_, index) => input(index));
  const shapes = values.map(({ type }) => type.shape);
  const terms = parseEinsum(
    node.attributes.equation,
    shapes.map((shape) => shape.length),
    node.name,
  );
  // Reshape takes an extent of 0 for "as before".
  if (!shapes.every((shape) => isStatic(shape) && !shape.includes(0))) return undefined;
  const extents = einsumExtents(terms, shapes, node.name);
  const factors = values.map((value, index): Factor => {
    const shape = staticShapeOf(value);
    const labels = terms.inputs[index] ?? [];
    return {
      value: reshape(
        b,
        value,
        shape.filter((extent) => extent !== 1),
      ),
      labels: labels.filter((_, axis) => shape[axis] !== 1),
    };
  });
  const [first, ...rest] = factors;
  if (first === undefined) return undefined;
  const result = rest.reduce((total, factor, index) => {
    const later = new Set([terms.output, ...rest.slice(index + 1).map(({ labels }) => labels)].flat());
    return product(b, total, factor, (label) => later.has(label));
  }, first);
  const last = summed(b, result, (label) => terms.output.includes(label));
  const value = ordered(
    b,
    last,
    terms.output.filter((label) => extents.get(label) !== 1),
  );
  return [
    reshape(
      b,
      value,
      terms.output.map((label) => Number(extents.get(label) ?? 1)),
    ),
  ];
}
