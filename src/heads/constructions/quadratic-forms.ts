import { defined } from '../../core/errors.ts';
import { binaryField, type BinaryField } from './galois.ts';
import { lazy, oddParity } from './sign-matrix.ts';

/**
 * Quadratic forms Q over GF(2)^m as signs (−1)^Q(x) of the columns x of Sylvester's matrix H of order N = 2^m.
 *
 * Row i of H·D and row j of H·D', with D = diag (−1)^Q and D' = diag (−1)^Q', have the inner product Σ ±(−1)^(Q+Q')(x), which is 0
 * or ±2^(m − r/2), r the rank of the alternating form of Q + Q'. Sets of forms whose differences have rank at least r so give bases of
 * coherence 2^(−r/2).
 */
export interface FormSet {
  /** The exponent m of the order N = 2^m. */
  readonly exponent: number;
  /** How many forms there are; form 0 is zero. */
  readonly count: number;
  /** Largest |cos| between a row of H·D_a and one of H·D_b, a ≠ b. */
  readonly coherence: number;
  /** Q_form(index) = 1. */
  readonly isOne: (form: number, index: number) => boolean;
}

/** The largest exponent m for which there are form sets. */
export const largestFormExponent = 16;

/**
 * The Kerdock set (depth 1) and the Delsarte–Goethals sets (depth r > 1), m even, m ≥ 2r: (N/2)^r forms, coherence 2^(r−1)/√N.
 *
 * With n = m − 1 and the index split into x ∈ GF(2^n) (low bits) and b ∈ {0, 1} (top bit):
 * Q(x, b) = Σ_{i=1}^{(n−1)/2} Tr((a·x)^(1+2^i)) + b·Tr(a·x) + Σ_{i=1}^{r−1} Tr(c_i·x^(1+2^i)).
 * Form number = a + N/2·c₁ + (N/2)²·c₂ + …, so the first N/2 forms are the Kerdock set. A. M. Kerdock, "A class of low-rate nonlinear
 * binary codes", 1972; P. Delsarte and J.-M. Goethals, "Alternating bilinear forms over GF(q)", 1975.
 */
export function evenForms(exponent: number, depth: number): FormSet {
  const size = 2 ** (exponent - 1);
  const tables = lazy(() => {
    const field = binaryField(exponent - 1);
    const { period, traceOfPower } = field;
    const kerdock = new Uint8Array(period);
    for (let i = 1; 2 * i < field.degree; i++) {
      for (let k = 0; k < period; k++)
        kerdock[k] = (kerdock[k] ?? 0) ^ (traceOfPower[(k * (1 + 2 ** i)) % period] ?? 0);
    }
    return { ...field, kerdock };
  });
  return Object.freeze({
    exponent,
    count: size ** depth,
    coherence: 2 ** (depth - 1 - exponent / 2),
    isOne: (form, index) => {
      const x = index % size;
      if (x === 0 || form === 0) return false;
      const { period, log, kerdock, traceOfPower } = tables();
      const logX = log[x] ?? 0;
      const a = form % size;
      let bit = 0;
      if (a !== 0) {
        const k = ((log[a] ?? 0) + logX) % period;
        bit = (kerdock[k] ?? 0) ^ (index >= size ? (traceOfPower[k] ?? 0) : 0);
      }
      return (bit ^ traceSum(tables(), Math.floor(form / size), logX)) === 1;
    },
  } satisfies FormSet);
}

/**
 * Gold's set (depth 1) and the Delsarte–Goethals sets (depth r > 1), m odd, m ≥ 2r + 1: N^r forms, coherence √(2^(2r−1)/N).
 *
 * Q(x) = Σ_{i=1}^{r} Tr(c_i·x^(1+2^i)), x, c_i ∈ GF(2^m); form number = c₁ + N·c₂ + N²·c₃ + …, so the first N forms are Gold's and the sum of
 * two forms is the form of the bitwise difference of their numbers. R. Gold, "Maximal recursive sequences with 3-valued recursive
 * cross-correlation functions", 1968.
 */
export function oddForms(exponent: number, depth: number): FormSet {
  const size = 2 ** exponent;
  const field = lazy(() => binaryField(exponent));
  return Object.freeze({
    exponent,
    count: size ** depth,
    coherence: 2 ** (depth - (exponent + 1) / 2),
    isOne: (form, index) => index !== 0 && form !== 0 && traceSum(field(), form, field().log[index] ?? 0) === 1,
  } satisfies FormSet);
}

/** Σ_{i ≥ 1} Tr(c_i·x^(1+2^i)), the c_i the digits of `coefficients` in base 2^n, x = g^logX. */
function traceSum({ degree, period, log, traceOfPower }: BinaryField, coefficients: number, logX: number): 0 | 1 {
  const size = period + 1;
  let bit = 0;
  for (let i = 1, rest = coefficients; rest > 0; i++, rest = Math.floor(rest / size)) {
    const c = rest % size;
    if (c !== 0) bit ^= traceOfPower[((log[c] ?? 0) + (1 + 2 ** (i % degree)) * logX) % period] ?? 0;
  }
  return bit === 1 ? 1 : 0;
}

/**
 * A form as m words: bit j of word j is Q(e_j), and bit i < j of word j is Q(e_i + e_j) + Q(e_i) + Q(e_j), where e_j is the index 2^j.
 */
export function formWordsOf({ exponent, isOne }: FormSet, form: number): Uint32Array {
  const value = (index: number): number => (isOne(form, index) ? 1 : 0);
  const unit = Array.from({ length: exponent }, (_, j) => value(2 ** j));
  return Uint32Array.from(unit, (own, j) =>
    unit.slice(0, j).reduce((word, other, i) => word + (value(2 ** i + 2 ** j) ^ other ^ own) * 2 ** i, own * 2 ** j),
  );
}

/** Bit b of byte r: the parity of b AND r, for b, r < 8. */
const parityOfLowBits = Uint8Array.from({ length: 8 }, (_, r) =>
  Array.from({ length: 8 }, (_bit, b) => (oddParity(b & r) ? 2 ** b : 0)).reduce((sum, bit) => sum + bit, 0),
);

/**
 * All N = 2^m values of the form that m words describe (see `SignDiagonals.formWords`), bit-packed: the value at an index is bit
 * index mod 8 of byte index div 8, the least significant bit first. For m < 3 the unused bits of the only byte are 0.
 *
 * The recurrence: Q(0) = 0, and for j = 0 … m−1 and x < 2^j, Q(x + 2^j) = Q(x) + parity(x AND R_j) + bit j of R_j.
 */
export function expandFormWords(words: Uint32Array): Uint8Array {
  const exponent = words.length;
  const packed = new Uint8Array(Math.max(1, 2 ** (exponent - 3)));
  for (let j = 0; j < Math.min(3, exponent); j++) {
    const word = defined(words[j], 'a form word');
    const half = 2 ** j;
    const flips = (parityOfLowBits[word & (half - 1)] ?? 0) ^ (((word >>> j) & 1) === 1 ? 0xff : 0);
    packed[0] = (packed[0] ?? 0) | ((((packed[0] ?? 0) ^ flips) & (2 ** half - 1)) << half);
  }
  for (let j = 3; j < exponent; j++) {
    const word = defined(words[j], 'a form word');
    const half = 2 ** (j - 3);
    const flips = (parityOfLowBits[word & 7] ?? 0) ^ (((word >>> j) & 1) === 1 ? 0xff : 0);
    for (let k = 0; k < half; k++) {
      packed[half + k] = (packed[k] ?? 0) ^ flips ^ (oddParity((k << 3) & word) ? 0xff : 0);
    }
  }
  return packed;
}
