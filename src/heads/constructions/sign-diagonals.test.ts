import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../core/random.ts';
import { hadamardMatrix } from './hadamard-matrix.ts';
import {
  blockDiagonals,
  expandFormWords,
  identityDiagonal,
  randomDiagonals,
  signDiagonalFamilies,
  signDiagonals,
  type SignDiagonals,
} from './sign-diagonals.ts';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The first of the families at order 2^m with this many bases. */
const familyAt = (exponent: number, depth: number): SignDiagonals => {
  const summary = signDiagonalFamilies(2 ** exponent)[depth];
  return signDiagonals(2 ** exponent, summary?.bases ?? NaN);
};

function unpack(bytes: Uint8Array, order: number): Int8Array {
  return Int8Array.from({ length: order }, (_, i) => (((bytes[i >> 3] ?? 0) >> (i & 7)) & 1 ? -1 : 1));
}

const signsOf = (diagonals: SignDiagonals, basis: number): Int8Array =>
  unpack(diagonals.packed(basis), diagonals.order);

/** N times the inner products of the rows of H·D_a and H·D_b: the Walsh–Hadamard transform of D_a·D_b, in place. */
function crossProducts(a: Int8Array, b: Int8Array): Int32Array {
  const values = Int32Array.from(a, (sign, i) => sign * (b[i] ?? NaN));
  for (let half = 1; half < values.length; half *= 2) {
    for (let i = 0; i < values.length; i++) {
      if ((i & half) !== 0) continue;
      const [u, v] = [values[i] ?? NaN, values[i + half] ?? NaN];
      values[i] = u + v;
      values[i + half] = u - v;
    }
  }
  return values;
}

/** The different sizes of cross products over pairs of bases, ascending. */
function sizes(diagonals: SignDiagonals, pairs: Iterable<readonly [number, number]>): number[] {
  const found = new Set<number>();
  const cache = new Map<number, Int8Array>();
  const signs = (basis: number): Int8Array => {
    const known = cache.get(basis) ?? signsOf(diagonals, basis);
    cache.set(basis, known);
    return known;
  };
  for (const [a, b] of pairs) for (const value of crossProducts(signs(a), signs(b))) found.add(Math.abs(value));
  return [...found].sort((x, y) => x - y);
}

function* allPairs(count: number): Generator<readonly [number, number]> {
  for (let a = 0; a < count; a++) for (let b = 0; b < a; b++) yield [a, b];
}

function* somePairs(count: number, pairs: number): Generator<readonly [number, number]> {
  const random = randomStream(1, 'pairs', count);
  for (let i = 0; i < pairs; i++) {
    const a = random.integer(Math.min(count, 2 ** 32));
    const b = random.integer(Math.min(count, 2 ** 32));
    if (a !== b) yield [a, b];
  }
}

describe('Kerdock sets (N = 4^k)', () => {
  test.each([2, 4, 6, 8])('m = %i: every cross product of every pair of bases is exactly ±1/√N', (m) => {
    const set = familyAt(m, 1);
    expect([set.family, set.bases, set.coherence, set.certain]).toEqual(['kerdock', 2 ** (m - 1), 2 ** (-m / 2), true]);
    expect(sizes(set, allPairs(set.bases))).toEqual([2 ** (m / 2)]);
  });

  test.each([10, 12, 14])('m = %i: so is every one of a sample', (m) => {
    const set = familyAt(m, 1);
    expect([set.family, set.bases]).toEqual(['kerdock', 2 ** (m - 1)]);
    expect(sizes(set, somePairs(set.bases, 40))).toEqual([2 ** (m / 2)]);
  });
});

describe('Gold sets (N = 2·4^k)', () => {
  test.each([3, 5, 7])('m = %i: every cross product of every pair of bases is 0 or ±√(2/N)', (m) => {
    const set = familyAt(m, 1);
    expect([set.family, set.bases, set.coherence]).toEqual(['gold', 2 ** m, 2 ** ((1 - m) / 2)]);
    expect(sizes(set, allPairs(set.bases))).toEqual([0, 2 ** ((m + 1) / 2)]);
  });

  test.each([9, 11, 13])('m = %i: so is every one of a sample, and D_a·D_b = D_{a xor b}', (m) => {
    const set = familyAt(m, 1);
    expect(sizes(set, somePairs(set.bases, 40))).toEqual([0, 2 ** ((m + 1) / 2)]);
    const [a, b] = [signsOf(set, 77), signsOf(set, 300)];
    expect(signsOf(set, 77 ^ 300)).toEqual(a.map((sign, i) => sign * (b[i] ?? NaN)));
  });
});

describe('Delsarte–Goethals sets', () => {
  // The product of two diagonals depends on the sum of their coefficients c alone, so these pairs stand for all.
  test.each([
    [4, 64, 0.5],
    [6, 1024, 0.25],
  ])('m = %i: all pairs of %i bases keep coherence %d', (m, bases, coherence) => {
    const set = familyAt(m, 2);
    expect([set.family, set.bases, set.coherence]).toEqual(['delsarte-goethals', bases, coherence]);
    const kerdock = range(2 ** (m - 1));
    const pairs = kerdock.flatMap((a) => range(bases).flatMap((b) => (a === b ? [] : [[a, b] as const])));
    const found = sizes(set, pairs);
    expect(found[found.length - 1]).toBe(coherence * set.order);
    const [a, b, c] = [bases / 2 + 3, bases / 4 + 5, bases / 4];
    expect(crossProducts(signsOf(set, a), signsOf(set, b))).toEqual(
      crossProducts(signsOf(set, (a ^ c) >>> 0), signsOf(set, (b ^ c) >>> 0)),
    );
  });

  // For odd m the sets are closed under products, so pairs with basis 0 stand for all.
  test.each([
    [5, 1024, 0.5],
    [7, 16384, 0.25],
  ])('m = %i: all pairs of %i bases keep coherence %d', (m, bases, coherence) => {
    const set = familyAt(m, 2);
    expect([set.family, set.bases, set.coherence]).toEqual(['delsarte-goethals', bases, coherence]);
    const found = sizes(
      set,
      range(bases - 1).map((i) => [0, i + 1] as const),
    );
    expect(found[found.length - 1]).toBe(coherence * set.order);
    const [a, b] = [signsOf(set, 777), signsOf(set, 300)];
    expect(signsOf(set, 777 ^ 300)).toEqual(a.map((sign, i) => sign * (b[i] ?? NaN)));
  });

  test.each([6, 7, 8, 9, 10, 11, 12])('m = %i: samples of every depth stay within it', (m) => {
    for (const { family, bases, coherence } of signDiagonalFamilies(2 ** m).slice(2)) {
      const set = signDiagonals(2 ** m, bases);
      expect([set.family, set.coherence]).toEqual([family, coherence]);
      const found = sizes(set, somePairs(bases, m < 9 ? 300 : 30));
      expect(found[found.length - 1]).toBeLessThanOrEqual(coherence * 2 ** m);
    }
  });

  test('start with the bases of the family below', () => {
    for (const m of [6, 7]) {
      const [, first, second, third] = range(4).map((depth) => familyAt(m, depth));
      for (const basis of [0, 1, 9, (first?.bases ?? 0) - 1]) {
        expect(second?.packed(basis)).toEqual(first?.packed(basis));
        expect(third?.packed(basis)).toEqual(first?.packed(basis));
      }
    }
  });
});

describe('the choice of a family', () => {
  test('is the least coherence that has enough bases', () => {
    const choices: readonly (readonly [number, number, string, number])[] = [
      [64, 1, 'identity', 0],
      [64, 2, 'kerdock', 1 / 8],
      [64, 32, 'kerdock', 1 / 8],
      [64, 33, 'delsarte-goethals', 1 / 4],
      [64, 1025, 'delsarte-goethals', 1 / 2],
      [128, 128, 'gold', 1 / 8],
      [128, 129, 'delsarte-goethals', 1 / 4],
      [1024, 977, 'delsarte-goethals', 1 / 16],
      [960, 1, 'identity', 0],
      [2, 1, 'identity', 0],
    ];
    for (const [order, bases, family, coherence] of choices) {
      const set = signDiagonals(order, bases);
      expect([set.family, set.coherence]).toEqual([family, coherence]);
      expect(set.bases).toBeGreaterThanOrEqual(bases);
    }
  });

  test('a million classes fit from 64 features on, at ascending coherence', () => {
    for (let m = 2; m <= 14; m++) {
      const families = signDiagonalFamilies(2 ** m);
      for (const [i, { bases, coherence }] of families.slice(1).entries()) {
        expect(bases).toBeGreaterThan(families[i]?.bases ?? NaN);
        expect(coherence).toBeGreaterThan(families[i]?.coherence ?? NaN);
        expect(coherence).toBeLessThan(1);
      }
      if (m >= 6) expect(2 ** m * (families[families.length - 1]?.bases ?? 0)).toBeGreaterThan(1e6);
      // Class numbers stay exact.
      for (const { bases } of families) expect(Number.isSafeInteger(bases * 2 ** m)).toBe(true);
    }
  });
});

describe('the three forms of a diagonal', () => {
  test('negative, packed and formWords agree for every family', () => {
    const cases = fc.integer({ min: 2, max: 14 }).chain((m) => {
      const families = signDiagonalFamilies(2 ** m);
      return fc.record({
        m: fc.constant(m),
        depth: fc.integer({ min: 0, max: families.length - 1 }),
        seed: fc.nat(),
        i: fc.nat(),
      });
    });
    fc.assert(
      fc.property(cases, ({ m, depth, seed, i }) => {
        const set = familyAt(m, depth);
        const basis = Math.floor(randomStream(seed).uniform() * set.bases);
        const words = set.formWords?.(basis) ?? new Uint32Array();
        expect(words).toHaveLength(m);
        expect(expandFormWords(words)).toEqual(set.packed(basis));
        const signs = signsOf(set, basis);
        for (let k = i; k < i + 200; k++) {
          expect(set.negative(basis, k % set.order)).toBe(signs[k % set.order] === -1);
        }
        expect(set.packed(basis)).toHaveLength(Math.ceil(set.order / 8));
        // The recurrence as documented, one index at a time.
        const x = i % set.order;
        let value = 0;
        for (let j = m - 1, rest = x; j >= 0; j--) {
          if (rest < 2 ** j) continue;
          rest -= 2 ** j;
          for (let low = (words[j] ?? 0) & rest; low !== 0; low &= low - 1) value ^= 1;
          value ^= ((words[j] ?? 0) >>> j) & 1;
        }
        expect(value === 1).toBe(set.negative(basis, x));
      }),
      { seed: 2, numRuns: 150 },
    );
  });

  test('basis 0 is the identity', () => {
    for (let m = 0; m <= 12; m++) {
      for (const { bases } of signDiagonalFamilies(2 ** m)) {
        expect(
          signDiagonals(2 ** m, bases)
            .packed(0)
            .every((byte) => byte === 0),
        ).toBe(true);
      }
    }
  });

  test('m = 3 and m = 4 are the published trace formulas', () => {
    // GF(8) with g³ = g + 1, products bit by bit: nothing shared with the tables under test.
    const times = (a: number, b: number): number => {
      let sum = 0;
      for (let i = 0, shifted = a; i < 3; i++) {
        if ((b >> i) & 1) sum ^= shifted;
        shifted <<= 1;
        if (shifted & 8) shifted ^= 0b1011;
      }
      return sum;
    };
    const power = (a: number, k: number): number => range(k).reduce((sum) => times(sum, a), 1);
    const trace = (a: number): number => a ^ power(a, 2) ^ power(a, 4);
    const gold = familyAt(3, 1);
    const kerdock = familyAt(4, 1);
    for (let a = 0; a < 8; a++) {
      for (let x = 0; x < 8; x++) {
        expect(gold.negative(a, x) ? 1 : 0).toBe(trace(times(a, power(x, 3))));
        for (const b of [0, 1]) {
          const y = times(a, x);
          expect(kerdock.negative(a, x + 8 * b) ? 1 : 0).toBe(trace(power(y, 3)) ^ (b * trace(y)));
        }
      }
    }
  });

  test('the bits of N = 64 and N = 128 are those of an independent implementation', () => {
    // SHA-256 of all packed diagonals in turn, computed in NumPy from the trace formulas.
    const digest = (set: SignDiagonals): string =>
      bytesToHex(sha256(Uint8Array.from(range(set.bases).flatMap((basis) => [...set.packed(basis)])))).slice(0, 16);
    expect([familyAt(6, 1), familyAt(7, 1)].map(digest)).toEqual(['4743acf71d980569', 'ee0664f831d99bd8']);
  });
});

describe('random diagonals', () => {
  test('are a function of the seed, the order and the basis, with unused bits 0', () => {
    const set = randomDiagonals(340, 5, 7);
    expect(set.packed(0).every((byte) => byte === 0)).toBe(true);
    const later = set.packed(4);
    expect(set.packed(1)).not.toEqual(later);
    expect(randomDiagonals(340, 9, 7).packed(4)).toEqual(later);
    expect(randomDiagonals(340, 5, 8).packed(4)).not.toEqual(later);
    expect(later).toHaveLength(43);
    expect((later[42] ?? 255) >> 4).toBe(0);
    expect(range(340).map((i) => set.negative(4, i))).toEqual([...unpack(later, 340)].map((sign) => sign === -1));
    // A copy is handed out.
    set.packed(4).fill(0);
    expect(set.packed(4)).toEqual(later);
  });

  test('have balanced, unrelated signs', () => {
    const set = randomDiagonals(4096, 40, 1);
    for (const [a, b] of allPairs(12)) {
      const [one, other] = [signsOf(set, a), signsOf(set, b)];
      const sum = one.reduce((total, sign, i) => total + sign * (other[i] ?? NaN), 0);
      // Six standard deviations of a sum of 4096 signs.
      expect(Math.abs(sum)).toBeLessThan(6 * 64);
    }
  });

  test('keep the stated coherence with a Hadamard matrix of any order, and not by much', () => {
    const [order, bases] = [340, 4];
    const { sign } = hadamardMatrix(order);
    const set = randomDiagonals(order, bases, 3);
    const rows = range(order).map((r) => Int8Array.from({ length: order }, (_, c) => sign(r, c)));
    let largest = 0;
    for (const [a, b] of allPairs(bases)) {
      const both = signsOf(set, a).map((value, i) => value * (signsOf(set, b)[i] ?? NaN));
      for (const row of rows.slice(0, 100)) {
        const signed = row.map((value, i) => value * (both[i] ?? NaN));
        for (const other of rows) {
          let product = 0;
          for (let i = 0; i < order; i++) product += (signed[i] ?? NaN) * (other[i] ?? NaN);
          largest = Math.max(largest, Math.abs(product) / order);
        }
      }
    }
    expect(set.certain).toBe(false);
    expect(largest).toBeLessThanOrEqual(set.coherence);
    expect(largest).toBeGreaterThan(set.coherence / 2);
    // √(2/N·ln(2K/δ)), K = 6·340², δ = 1e−6.
    expect(set.coherence).toBeCloseTo(Math.sqrt((2 / 340) * Math.log((2 * 6 * 340 * 340) / 1e-6)), 12);
  });

  test('promise nothing where the bound exceeds 1, and orthogonality where there is one basis', () => {
    expect(randomDiagonals(8, 2, 0).coherence).toBe(1);
    const one = randomDiagonals(12, 1, 0);
    expect([one.coherence, one.certain]).toEqual([0, true]);
  });
});

describe('diagonals of blocks', () => {
  test('D ⊗ I with H = Sylvester ⊗ P keep the coherence of D at orders that are no power of two', () => {
    const matrix = hadamardMatrix(192);
    expect(matrix.construction).toBe('Sylvester 2^4 ⊗ Paley I (q = 11)');
    const set = blockDiagonals(signDiagonals(16, 8), 12);
    expect([set.family, set.order, set.bases, set.coherence, set.formWords]).toEqual([
      'kerdock',
      192,
      8,
      0.25,
      undefined,
    ]);
    const vectors = range(8).flatMap((basis) => {
      const signs = signsOf(set, basis);
      return range(192).map((r) => Int8Array.from(signs, (sign, c) => sign * matrix.sign(r, c)));
    });
    const products = new Set<number>();
    for (let i = 0; i < vectors.length; i += 7) {
      for (let j = 0; j < i; j++) {
        let product = 0;
        for (let k = 0; k < 192; k++) product += (vectors[i]?.[k] ?? NaN) * (vectors[j]?.[k] ?? NaN);
        products.add(Math.abs(product));
      }
    }
    expect([...products].sort((a, b) => a - b)).toEqual([0, 48]);
  });

  test('packed and negative agree', () => {
    const set = blockDiagonals(signDiagonals(32, 32), 52);
    for (const basis of [0, 1, 31]) {
      expect(range(1664).map((i) => set.negative(basis, i))).toEqual(
        [...signsOf(set, basis)].map((sign) => sign === -1),
      );
    }
  });

  test('blocks of one entry change nothing', () => {
    const set = signDiagonals(16, 8);
    expect(blockDiagonals(set, 1)).toBe(set);
  });
});

describe('bad input', () => {
  test('too many bases, with what there is', () => {
    expect(() => signDiagonals(4, 3)).toThrow(
      /too many bases of order 4; expected at most 2, received 3; a larger order/,
    );
    expect(() => signDiagonals(2, 2)).toThrow(/expected at most 1, received 2; .*powers of two from 4 to 65536/);
    expect(() => signDiagonals(340, 2)).toThrow(
      /expected at most 1, received 2; .*random diagonals exist for every order/,
    );
  });

  test.each([0, -1, 1.5, NaN])('%d as an order or a number of bases', (value) => {
    for (const call of [
      () => signDiagonals(value, 1),
      () => signDiagonalFamilies(value),
      () => randomDiagonals(value, 1, 0),
      () => identityDiagonal(value),
    ]) {
      expect(call).toThrow(/not a possible order of diagonals; expected a positive integer/);
    }
    for (const call of [() => signDiagonals(16, value), () => randomDiagonals(16, value, 0)]) {
      expect(call).toThrow(/not a possible number of bases; expected a positive integer/);
    }
    expect(() => blockDiagonals(identityDiagonal(4), value)).toThrow(/not a possible block size/);
  });

  test('a basis or an entry that does not exist', () => {
    const sets = [
      identityDiagonal(16),
      signDiagonals(16, 8),
      randomDiagonals(16, 8, 0),
      blockDiagonals(signDiagonals(4, 2), 4),
    ];
    for (const set of sets) {
      for (const basis of [-1, set.bases, 0.5]) {
        const message = new RegExp(`no such basis; expected an integer from 0 to ${set.bases - 1}`);
        expect(() => set.negative(basis, 0)).toThrow(message);
        expect(() => set.packed(basis)).toThrow(message);
        if (set.formWords !== undefined) expect(() => set.formWords?.(basis)).toThrow(message);
      }
      for (const index of [-1, 16, NaN]) {
        expect(() => set.negative(0, index)).toThrow(/no such entry of a diagonal; expected an integer from 0 to 15/);
      }
    }
  });
});
