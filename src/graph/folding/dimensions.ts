import type { Dim } from '../../core/shape.ts';
import type { TensorType } from '../graph.ts';

/** Which symbolic dimensions turned out to be which: a file may give one dimension several names. */
export interface Dimensions {
  /** The type with every dimension by its final name or size. */
  readonly resolve: (type: TensorType) => TensorType;
  /** Two types of one value: what one of them calls by a name is what the other says there. */
  readonly unify: (stated: TensorType, inferred: TensorType) => void;
  readonly changed: () => boolean;
}

/** `fixed` are the names of the inputs' dimensions: they stay. */
export function dimensions(fixed: ReadonlySet<string>): Dimensions {
  const known = new Map<string, Dim>();
  const resolveDim = (dim: Dim): Dim => {
    let current = dim;
    for (let next = known.get(String(current)); typeof current === 'string' && next !== undefined;) {
      current = next;
      next = known.get(String(current));
    }
    return current;
  };
  return {
    resolve: (type) =>
      known.size === 0 || !type.shape.some((dim) => typeof dim === 'string' && known.has(dim))
        ? type
        : Object.freeze({ dtype: type.dtype, shape: Object.freeze(type.shape.map(resolveDim)) }),
    unify: (stated, inferred) => {
      if (stated.shape.length !== inferred.shape.length) return;
      stated.shape.forEach((given, axis) => {
        const [a, b] = [resolveDim(given), resolveDim(inferred.shape[axis] ?? given)];
        if (a === b) return;
        if (typeof a === 'string' && !fixed.has(a)) known.set(a, b);
        else if (typeof a === 'string' && typeof b === 'string' && !fixed.has(b)) known.set(b, a);
      });
    },
    changed: () => known.size > 0,
  };
}
