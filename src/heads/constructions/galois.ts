import { defined, internalError } from '../../core/errors.ts';

/**
 * Finite fields, as far as Hadamard matrices and sign diagonals need them: squares and differences in GF(p^k), p odd;
 * products and traces in GF(2^n).
 */

/** The prime p and exponent k of q = p^k, or undefined where q is no prime power. */
export function primePower(q: number): { readonly prime: number; readonly exponent: number } | undefined {
  if (!Number.isSafeInteger(q) || q < 2) return undefined;
  let prime = q;
  for (let candidate = 2; candidate * candidate <= q; candidate++) {
    if (q % candidate === 0) {
      prime = candidate;
      break;
    }
  }
  let exponent = 0;
  for (let rest = q; rest > 1; rest /= prime) {
    if (rest % prime !== 0) return undefined;
    exponent++;
  }
  return { prime, exponent };
}

/** GF(q), q odd. Element 0 … q−1 stands for the polynomial whose coefficients are its digits in base p. */
export interface OddField {
  readonly order: number;
  /** The quadratic character χ: 0 at 0, +1 at the other squares, −1 elsewhere. */
  readonly character: Int8Array;
  /** a − b: digit by digit modulo p. */
  readonly difference: (a: number, b: number) => number;
}

/** @throws an internal error where q is not an odd prime power. */
export function oddField(q: number): OddField {
  const power = primePower(q);
  if (power === undefined || power.prime === 2) throw internalError(`${q} is no odd prime power`);
  const { prime, exponent } = power;
  if (exponent === 1) {
    const character = new Int8Array(q).fill(-1);
    character[0] = 0;
    for (let a = 1; 2 * a < q; a++) character[(a * a) % q] = 1;
    return Object.freeze({ order: q, character, difference: (a, b) => (a < b ? a - b + q : a - b) } satisfies OddField);
  }
  const difference = (a: number, b: number): number => {
    let result = 0;
    for (let place = 1; place < q; place *= prime) {
      const digit = (Math.floor(a / place) % prime) - (Math.floor(b / place) % prime);
      result += place * (digit < 0 ? digit + prime : digit);
    }
    return result;
  };
  return Object.freeze({ order: q, character: extensionCharacter(prime, exponent), difference } satisfies OddField);
}

/** χ on GF(p^k), k > 1: the even powers of a primitive element are the squares. */
function extensionCharacter(prime: number, exponent: number): Int8Array {
  const q = prime ** exponent;
  const top = q / prime;
  // x^k = Σ reduction[i]·x^i; the first reduction for which x generates all q − 1 nonzero elements will do.
  for (let code = 1; code < q; code++) {
    const reduction = Array.from({ length: exponent }, (_, i) => Math.floor(code / prime ** i) % prime);
    const character = new Int8Array(q);
    let element = 1;
    let steps = 0;
    do {
      character[element] = steps % 2 === 0 ? 1 : -1;
      const leading = Math.floor(element / top);
      const shifted = (element % top) * prime;
      element = reduction.reduce((sum, coefficient, i) => {
        const digit = (Math.floor(shifted / prime ** i) + leading * coefficient) % prime;
        return sum + digit * prime ** i;
      }, 0);
      steps++;
    } while (element !== 1 && character[element] === 0 && element !== 0);
    if (element === 1 && steps === q - 1) return character;
  }
  throw internalError(`no primitive polynomial for GF(${q})`);
}

/** GF(2^n). An element is an integer whose bit i is the coefficient of g^i; g, the element 2, generates the field. */
export interface BinaryField {
  readonly degree: number;
  /** How many nonzero elements there are: 2^n − 1, the period of `exp`. */
  readonly period: number;
  /** The smallest primitive polynomial of degree n, bit i the coefficient of g^i. */
  readonly polynomial: number;
  /** g^k for 0 ≤ k < 2^n − 1. */
  readonly exp: Uint16Array;
  /** The k of g^k = element, for element ≠ 0. */
  readonly log: Uint16Array;
  /** Tr(g^k) for 0 ≤ k < 2^n − 1, where Tr(y) = y + y² + y⁴ + … + y^(2^(n−1)) is 0 or 1. */
  readonly traceOfPower: Uint8Array;
}

/** The largest n for which `binaryField` makes tables. */
export const largestBinaryDegree = 16;

/** @throws an internal error where n is outside 1 … 16. */
export function binaryField(degree: number): BinaryField {
  if (!Number.isInteger(degree) || degree < 1 || degree > largestBinaryDegree) {
    throw internalError(`no tables for GF(2^${degree})`);
  }
  const period = 2 ** degree - 1;
  for (let polynomial = 2 ** degree + 1; polynomial < 2 ** (degree + 1); polynomial += 2) {
    const exp = powersOfGenerator(degree, polynomial);
    if (exp === undefined) continue;
    const log = new Uint16Array(period + 1);
    for (const [k, element] of exp.entries()) log[element] = k;
    const traceOfPower = Uint8Array.from(exp, (_, k) => {
      let sum = 0;
      for (let i = 0; i < degree; i++) sum ^= defined(exp[(k * 2 ** i) % period], 'a power of the generator');
      return sum;
    });
    return Object.freeze({ degree, period, polynomial, exp, log, traceOfPower } satisfies BinaryField);
  }
  throw internalError(`no primitive polynomial for GF(2^${degree})`);
}

/** g^0 … g^(2^n − 2) modulo a polynomial, or undefined where g has a smaller order. */
function powersOfGenerator(degree: number, polynomial: number): Uint16Array | undefined {
  const period = 2 ** degree - 1;
  const exp = new Uint16Array(period);
  let element = 1;
  for (let k = 0; k < period; k++) {
    if (k > 0 && element === 1) return undefined;
    exp[k] = element;
    element <<= 1;
    if (element > period) element ^= polynomial;
  }
  return element === 1 ? exp : undefined;
}
