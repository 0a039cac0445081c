import { broadcastShapes, isStatic, normalizeAxis, sameShape, type StaticShape } from '../core/shape.ts';
import type { Builder, Value } from '../graph/builder.ts';
import { expand } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import type { Operands, Pass } from './pass.ts';

/** Operands written out in full where ONNX Runtime's WebGPU provider fails to repeat them. */

const expanded = (b: Builder, x: Value, shape: StaticShape): Value =>
  sameShape(x.type.shape, shape) ? x : expand(b, x, shape);

/** Pow of operands of one shape, or with a scalar exponent. */
export function powOfOneShape(
  { builder: b }: Pass,
  node: OpNode<'Pow'>,
  { input }: Operands,
): readonly Value[] | undefined {
  const [base, exponent] = [input(0), input(1)];
  const shape = broadcastShapes(base.type.shape, exponent.type.shape, node.name);
  if (!isStatic(shape) || [base, exponent].every(({ type }) => sameShape(type.shape, shape))) return undefined;
  if (exponent.type.shape.length === 0) return undefined;
  return [b.op('Pow', [expanded(b, base, shape), expanded(b, exponent, shape)], {})];
}

/** LayerNormalization whose scale and bias have the shape of what is normalised. */
export function layerNormalizationInFull(
  { builder: b }: Pass,
  node: OpNode<'LayerNormalization'>,
  { input, optional }: Operands,
): readonly Value[] | undefined {
  const [x, scale, bias] = [input(0), input(1), optional(2)];
  const shape = x.type.shape.slice(normalizeAxis(node.attributes.axis, x.type.shape.length, node.name));
  const given = bias === undefined ? [scale] : [scale, bias];
  if (!isStatic(shape) || given.every(({ type }) => sameShape(type.shape, shape))) return undefined;
  const inFull = given.map((value) => expanded(b, value, shape));
  return [b.op('LayerNormalization', [x, inFull[0] ?? scale, inFull[1]], node.attributes)];
}
