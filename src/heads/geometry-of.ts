import { usageError } from '../core/errors.ts';
import { customGeometry } from './custom.ts';
import type { Geometry, GeometryRequest } from './geometry.ts';
import { biorthogonalGeometry, cosetGeometry, hadamardGeometry } from './hadamard.ts';
import { orthonormalGeometry } from './orthonormal.ts';
import { randomGeometry } from './random.ts';
import { simplexGeometry } from './simplex.ts';
import type { HeadSpec } from './spec.ts';

function checkSize({ classes, features }: GeometryRequest): void {
  if (!Number.isSafeInteger(classes) || classes < 2) {
    throw usageError('a classifier needs at least 2 classes', {
      expected: 'an integer of 2 or more',
      received: String(classes),
    });
  }
  if (!Number.isSafeInteger(features) || features < 2) {
    throw usageError('a classifier needs at least 2 features', {
      expected: 'an integer of 2 or more',
      received: String(features),
    });
  }
}

/**
 * The fixed class vectors of a head, for C classes on N features; none for the heads that train theirs. Features that the head
 * batch-normalises first count as signed.
 *
 * @throws a usage error if C or N is no integer ≥ 2, the geometry has too few vectors or, asked to be exact, none of that order; an
 * input error for custom vectors that are zero, not finite or the same.
 */
export function geometryOf(spec: HeadSpec, request: GeometryRequest): Geometry | undefined {
  checkSize(request);
  const place: GeometryRequest = spec.center === 'batch-norm' ? { ...request, sign: 'signed' } : request;
  switch (spec.kind) {
    case 'learned':
    case 'cosine':
      return undefined;
    case 'hadamard':
      return hadamardGeometry({ ...place, exact: spec.exact });
    case 'biorthogonal':
      return biorthogonalGeometry(place);
    case 'coset':
      return cosetGeometry({ ...place, signs: spec.signs });
    case 'simplex':
      return simplexGeometry(place);
    case 'orthonormal':
      return orthonormalGeometry({ ...place, seed: spec.seed });
    case 'random':
      return randomGeometry({ ...place, seed: spec.seed, directions: spec.directions });
    case 'custom':
      return customGeometry({ ...place, file: spec.file });
    default:
      return spec satisfies never;
  }
}
