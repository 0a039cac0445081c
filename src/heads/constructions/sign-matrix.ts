import { oddField } from './galois.ts';

/** A ±1 matrix H of order n with H·Hᵀ = n·I whose first row and first column are all +1 (normalised). */
export interface SignMatrix {
  readonly order: number;
  /** How it is made, such as `Sylvester 2^5`, `Paley I (q = 11)` or `Sylvester 2^2 ⊗ Paley I (q = 19)`. */
  readonly construction: string;
  /** Whether it is Sylvester's matrix in natural order, so that the fast Walsh–Hadamard transform multiplies by it. */
  readonly sylvester: boolean;
  /** The entry at a row and a column, both 0 … order − 1 (not checked). */
  readonly sign: (row: number, column: number) => 1 | -1;
}

/** A value computed when it is first asked for. */
export function lazy<T extends object>(make: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= make());
}

/** Whether the number of one bits of a 32-bit word is odd. */
export function oddParity(word: number): boolean {
  let bits = word ^ (word >>> 16);
  bits ^= bits >>> 8;
  bits ^= bits >>> 4;
  return ((0x6996 >>> (bits & 15)) & 1) === 1;
}

/** Sylvester's matrix of order 2^k in natural order: entry (−1)^(number of ones in row AND column). J. J. Sylvester, 1867. */
export function sylvesterMatrix(exponent: number): SignMatrix {
  return Object.freeze({
    order: 2 ** exponent,
    construction: `Sylvester 2^${exponent}`,
    sylvester: true,
    sign: (row, column) => (oddParity(row & column) ? -1 : 1),
  } satisfies SignMatrix);
}

/**
 * Paley's first construction, order q + 1 for a prime power q = 3 mod 4: I + S with the skew S = [[0, 1ᵀ], [−1, Q]],
 * Q_ij = χ(g_i − g_j), rows 1 … q negated to normalise. R. E. A. C. Paley, "On orthogonal matrices", 1933.
 */
export function paleyOne(q: number): SignMatrix {
  const field = lazy(() => oddField(q));
  return Object.freeze({
    order: q + 1,
    construction: `Paley I (q = ${q})`,
    sylvester: false,
    sign: (row, column) => {
      if (row === 0 || column === 0) return 1;
      const { character, difference } = field();
      // −χ(a − b) = χ(b − a) because −1 is no square; the diagonal is −1.
      return character[difference(column - 1, row - 1)] === 1 ? 1 : -1;
    },
  } satisfies SignMatrix);
}

/**
 * Paley's second construction, order 2(q + 1) for a prime power q = 1 mod 4:
 * S ⊗ [[1, 1], [1, −1]] + I ⊗ [[1, −1], [−1, −1]] with the symmetric S = [[0, 1ᵀ], [1, Q]], Q_ij = χ(g_i − g_j).
 */
export function paleyTwo(q: number): SignMatrix {
  const field = lazy(() => oddField(q));
  const raw = (row: number, column: number): 1 | -1 => {
    const [i, j] = [row >> 1, column >> 1];
    const bothSecond = (row & column & 1) === 1;
    if (i === j) return row % 2 === 0 && column % 2 === 0 ? 1 : -1;
    if (i === 0 || j === 0) return bothSecond ? -1 : 1;
    const { character, difference } = field();
    return (character[difference(i - 1, j - 1)] === 1) !== bothSecond ? 1 : -1;
  };
  return normalised(2 * (q + 1), `Paley II (q = ${q})`, raw);
}

/** A matrix with rows and columns negated so that the first row and the first column are +1. */
export function normalised(
  order: number,
  construction: string,
  raw: (row: number, column: number) => 1 | -1,
): SignMatrix {
  const edges = lazy(() => ({
    row: Int8Array.from({ length: order }, (_, column) => raw(0, column)),
    // The corner must be counted once: with it in the column, row 0 becomes +1 as well.
    column: Int8Array.from({ length: order }, (_, row) => raw(row, 0) * raw(0, 0)),
  }));
  return Object.freeze({
    order,
    construction,
    sylvester: false,
    sign: (row, column) => {
      const { row: first, column: left } = edges();
      return (first[column] === left[row]) === (raw(row, column) === 1) ? 1 : -1;
    },
  } satisfies SignMatrix);
}

/** A ⊗ B: entry (r, c) is A(r div b, c div b)·B(r mod b, c mod b) with b the order of B. */
export function kronecker(outer: SignMatrix, inner: SignMatrix): SignMatrix {
  if (outer.order === 1) return inner;
  if (inner.order === 1) return outer;
  if (outer.sylvester && inner.sylvester) return sylvesterMatrix(Math.log2(outer.order) + Math.log2(inner.order));
  const b = inner.order;
  return Object.freeze({
    order: outer.order * b,
    construction: `${outer.construction} ⊗ ${inner.construction}`,
    sylvester: false,
    sign: (row, column) =>
      outer.sign(Math.floor(row / b), Math.floor(column / b)) === inner.sign(row % b, column % b) ? 1 : -1,
  } satisfies SignMatrix);
}
