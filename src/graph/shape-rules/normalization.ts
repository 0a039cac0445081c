import { inputError } from '../../core/errors.ts';
import { broadcastShapes, formatShape, normalizeAxis, sameShape } from '../../core/shape.ts';
import type { normalizationOps } from '../ops/normalization.ts';
import { dimOf, like, sameDtype, type ShapeContext, type ShapeRules } from './context.ts';
import { expectImage, expectVector } from './window.ts';

/** A scale or bias, if given, has the shape of the normalised axes or broadcasts to it. */
function expectNormalized(c: ShapeContext<'LayerNormalization'>, index: number, what: string): void {
  const [x, given] = [c.input(0), c.optional(index)];
  if (given === undefined) return;
  const normalized = x.shape.slice(normalizeAxis(c.attributes.axis, x.shape.length, c.where));
  sameDtype(c, x, given);
  if (
    given.shape.length > normalized.length ||
    !sameShape(broadcastShapes(normalized, given.shape, c.where), normalized)
  )
    throw inputError(`wrong shape of ${what}`, {
      where: c.where,
      expected: formatShape(normalized),
      received: formatShape(given.shape),
    });
}

export const normalizationShapes: ShapeRules<keyof typeof normalizationOps> = {
  BatchNormalization: (c) => {
    const x = c.input(0);
    ['scale', 'bias', 'mean', 'variance'].forEach((what, index) => {
      expectVector(c.input(index + 1), dimOf(x.shape, 1, c.where), what, c.where);
    });
    return [x];
  },
  LayerNormalization: (c) => {
    expectNormalized(c, 1, 'scale');
    expectNormalized(c, 2, 'bias');
    return [c.input(0)];
  },
  InstanceNormalization: (c) => {
    const x = c.input(0);
    expectImage(x, c.where);
    expectVector(c.input(1), dimOf(x.shape, 1, c.where), 'scale', c.where);
    expectVector(c.input(2), dimOf(x.shape, 1, c.where), 'bias', c.where);
    return [x];
  },
  LRN: (c) => {
    expectImage(c.input(0), c.where);
    // ONNX leaves even sizes open, ONNX Runtime refuses them.
    if (c.attributes.size < 1 || c.attributes.size % 2 === 0)
      throw inputError('the number of channels must be odd', { where: c.where, received: String(c.attributes.size) });
    return [c.input(0)];
  },
  Dropout: like,
};
