import { inputError, usageError } from '../core/errors.ts';
import { randomStream } from '../core/random.ts';
import { float32 } from '../core/tensor.ts';
import { checkStorable, storedProducts } from './dense.ts';
import type { ClassVectors, Geometry, GeometryRequest } from './geometry.ts';
import { measuredOnce } from './measured.ts';

/** Entries of two unit vectors that differ by no more are the same direction: ten times float32's rounding. */
const SAME = 1e-6;

/** Rows scaled to unit length in float64. @throws an input error naming the first row that has no direction. */
function unitRows({ data, classes, features }: ClassVectors, where: string): Float32Array {
  const rows = new Float32Array(classes * features);
  for (let row = 0; row < classes; row++) {
    const given = data.subarray(row * features, (row + 1) * features);
    const wrong = given.findIndex((entry) => !Number.isFinite(entry));
    if (wrong >= 0) {
      throw inputError(`row ${row} of the class vectors is not finite`, {
        where,
        expected: 'finite float32 numbers',
        received: `${given[wrong]} in column ${wrong} (rows and columns are counted from 0)`,
      });
    }
    const norm = Math.sqrt(given.reduce((sum, entry) => sum + entry * entry, 0));
    if (norm === 0) {
      throw inputError(`row ${row} of the class vectors is zero`, {
        where,
        hint: 'a class needs a direction; rows are counted from 0',
      });
    }
    given.forEach((entry, k) => (rows[row * features + k] = entry / norm));
  }
  return rows;
}

/** Finds rows by where they fall on a random line: equal rows fall on equal places, so only near ones need comparing. */
function rowFinder(rows: Float32Array, classes: number, features: number) {
  const random = randomStream('custom', features);
  const line = Float64Array.from({ length: features }, () => random.normal());
  const reach = SAME * line.reduce((sum, entry) => sum + Math.abs(entry), 0);
  const places = Float64Array.from({ length: classes }, (_, row) => {
    let place = 0;
    for (let k = 0; k < features; k++) place += (line[k] ?? 0) * (rows[row * features + k] ?? 0);
    return place;
  });
  const order = Uint32Array.from(places.keys()).sort((a, b) => (places[a] ?? 0) - (places[b] ?? 0) || a - b);
  const placed = (rank: number): number => places[order[rank] ?? 0] ?? 0;

  const same = (a: number, b: number, sign: 1 | -1): boolean => {
    for (let k = 0; k < features; k++) {
      if (Math.abs(sign * (rows[a * features + k] ?? 0) - (rows[b * features + k] ?? 0)) > SAME) return false;
    }
    return true;
  };
  /** Another row equal to `sign` times this one. */
  return (row: number, sign: 1 | -1): number | undefined => {
    const wanted = sign * (places[row] ?? 0);
    let [low, high] = [0, classes];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (placed(middle) < wanted - reach) low = middle + 1;
      else high = middle;
    }
    for (let rank = low; rank < classes && placed(rank) <= wanted + reach; rank++) {
      const other = order[rank] ?? 0;
      if (other !== row && same(row, other, sign)) return other;
    }
    return undefined;
  };
}

/** Sum of a row over √N: its cosine with the constant direction. */
function constantPart(row: Float32Array): number {
  return row.reduce((sum, entry) => sum + entry, 0) / Math.sqrt(row.length);
}

/**
 * Given class vectors, `vectors` `[C, N]`, each scaled to unit length: embeddings of class names, means of a teacher's features. A
 * stored, untrained matrix.
 *
 * Its coherence is measured; where there are too many pairs for that, 1 is all that is promised.
 *
 * @throws a usage error where there are no vectors or they do not fit C and N; an input error naming the rows that are zero, not finite
 * or, up to a factor, equal.
 */
export function customGeometry(request: GeometryRequest & { readonly file: string }): Geometry {
  const { classes, features, vectors, file } = request;
  if (vectors === undefined) {
    throw usageError('a custom head needs its class vectors', {
      where: `head custom:file=${file}`,
      hint: 'pass them as "vectors": { data, classes, features }',
    });
  }
  if (vectors.classes !== classes || vectors.features !== features) {
    throw usageError('the class vectors do not fit', {
      where: file,
      expected: `${classes} rows, one for each class, of ${features} features`,
      received: `${vectors.classes} rows of ${vectors.features} numbers`,
    });
  }
  if (vectors.data.length !== classes * features) {
    throw usageError('the class vectors are not whole', {
      where: file,
      expected: `${classes} × ${features} = ${classes * features} numbers`,
      received: String(vectors.data.length),
    });
  }
  checkStorable('custom', classes, features, 'float32');
  const rows = unitRows(vectors, file);
  const find = rowFinder(rows, classes, features);
  for (let row = 0; row < classes; row++) {
    const twin = find(row, 1);
    if (twin !== undefined) {
      throw inputError(`rows ${row} and ${twin} of the class vectors are the same direction`, {
        where: file,
        hint: 'no classifier could tell these classes apart; rows are counted from 0',
      });
    }
  }
  const each = Array.from({ length: classes }, (_, row) => row);
  const stored = storedProducts({ matrix: float32([classes, features], rows), factor: 1 });
  const coherence = measuredOnce(stored, () => 1);
  return Object.freeze({
    ...stored,
    kind: 'custom',
    construction: `rows of ${file}`,
    bases: 0,
    antipodal: each.some((row) => find(row, -1) !== undefined),
    capacity: classes,
    get coherence(): number {
      return coherence();
    },
    balanced: each.every((row) => Math.abs(constantPart(stored.vector(row))) < SAME),
  } satisfies Geometry);
}
