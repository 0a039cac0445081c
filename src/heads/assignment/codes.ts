import { internalError, usageError } from '../../core/errors.ts';
import { int32, type HostTensor } from '../../core/tensor.ts';
import { assigned } from '../assigned.ts';
import type { Backbone } from '../backbone.ts';
import { needsCentring, type Geometry, type GeometryRequest } from '../geometry.ts';
import { geometryOf } from '../geometry-of.ts';
import { biorthogonalGeometry, cosetGeometry } from '../hadamard.ts';
import { headOn } from '../head.ts';
import { modelOn, type Model } from '../model.ts';
import { formatHead } from '../parse.ts';
import type { HeadSpec } from '../spec.ts';
import type { Weights } from '../../nn/layer-context.ts';

/** Under this name a checkpoint has the slot of each class, int32 `[C]`, where classes were assigned. */
export const codesName = 'head.codes';

/** Whether classes can be assigned to vectors of such a head: those that are trained or given belong to their class. */
export function canAssign({ kind }: HeadSpec): boolean {
  return kind !== 'learned' && kind !== 'cosine' && kind !== 'custom';
}

function requestFor(spec: HeadSpec, { features, sign }: Backbone, classes: number): GeometryRequest {
  return { classes, features, sign: spec.center === 'batch-norm' ? 'signed' : sign };
}

/**
 * The vectors that the classes of a head may be assigned to: twice as many as classes or more, for the same fast transforms. Rows and
 * cosets of Hadamard matrices come with their negatives, random ones in twice the number; other geometries have one vector
 * a class, which may change places.
 *
 * @throws a usage error for a head whose vectors are trained or given.
 */
export function poolGeometry({ backbone, head }: Pick<Model, 'backbone' | 'head'>): Geometry {
  const { spec, classes, geometry } = head;
  if (geometry === undefined || !canAssign(spec)) {
    throw usageError('classes can be assigned to fixed vectors only', {
      where: `head ${formatHead(spec)}`,
      hint: 'use a hadamard, coset, random, orthonormal or simplex head, or leave the assignment out',
    });
  }
  const request = requestFor(spec, backbone, classes);
  const { order, capacity, bases, kind } = geometry;
  if (kind === 'rows' || kind === 'biorthogonal') {
    return biorthogonalGeometry({ ...request, classes: 2 * (geometry.balanced ? order - 1 : order) });
  }
  if (kind === 'coset') {
    const wanted = 2 * order * Math.ceil(classes / order);
    // A coset head without negatives counts only half of what there is with them.
    const room = spec.kind === 'coset' && !spec.signs ? 2 * capacity : capacity;
    return wanted <= room
      ? cosetGeometry({ ...request, classes: wanted, signs: true })
      : cosetGeometry({ ...request, classes: (geometry.antipodal ? 2 : 1) * order * bases, signs: geometry.antipodal });
  }
  const pool = geometryOf(spec, { ...request, classes: Math.min(2 * classes, capacity) });
  return kind === 'random' && pool !== undefined ? pool : geometry;
}

/** The model with class i on vector `codes[i]` of its pool. */
export function withCodes(model: Model, codes: Uint32Array): Model {
  const { backbone, head } = model;
  const pool = poolGeometry({ backbone, head: basicHead(model) });
  if (needsCentring(pool, backbone.sign) !== needsCentring(head.geometry ?? pool, backbone.sign))
    throw internalError('a pool of vectors asks for other features than the head', { where: head.name });
  const request = { classes: head.classes, features: head.features, sign: backbone.sign };
  return modelOn(backbone, headOn(head.spec, request, assigned(pool, codes)));
}

/** The head before any assignment. */
function basicHead({ backbone, head }: Model): Model['head'] {
  const { spec, classes, features } = head;
  if (head.geometry?.codes === undefined) return head;
  const request = { classes, features, sign: backbone.sign };
  return headOn(spec, request, geometryOf(spec, request));
}

/** The model as the weights of a run have it: on assigned vectors, where they say so. */
export function modelWithStoredCodes(model: Model, weights: Weights): Model {
  const codes = weights.get(codesName);
  return codes?.dtype === 'int32' ? withCodes(model, Uint32Array.from(codes.data)) : model;
}

/** The slots of a model's classes as a tensor to keep; `undefined` where they were never assigned. */
export function codesTensor({ head }: Model): HostTensor<'int32'> | undefined {
  const codes = head.geometry?.codes;
  return codes === undefined ? undefined : int32([codes.length], Int32Array.from(codes));
}
