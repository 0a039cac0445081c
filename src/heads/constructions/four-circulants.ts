import { defined } from '../../core/errors.ts';
import { lazy, normalised, type SignMatrix } from './sign-matrix.ts';

/**
 * Four ±1 circulants A, B, C, D of order t with A·Aᵀ + B·Bᵀ + C·Cᵀ + D·Dᵀ = 4t·I make a Hadamard matrix of order 4t.
 * The first rows are constant on the orbits of k → multiplier·k on the integers modulo t, so one sign an orbit describes them
 * (orbits by their smallest member, {0} first). With multiplier t − 1 the circulants are symmetric: Williamson's matrices.
 */
interface FourCirculants {
  readonly t: number;
  readonly multiplier: number;
  readonly signs: readonly [string, string, string, string];
  readonly name: 'Williamson' | 'Goethals–Seidel';
}

const known: readonly FourCirculants[] = [
  // Baumert, Golomb and Hall, "Discovery of an Hadamard matrix of order 92", 1962.
  {
    t: 23,
    multiplier: 22,
    name: 'Williamson',
    signs: ['+++-++---+-+', '++-++++---++', '+-+-+--++-++', '+++--+----+-'],
  },
  // Baumert and Hall, "Hadamard matrices of the Williamson type", 1965, has others of this order.
  {
    t: 29,
    multiplier: 28,
    name: 'Williamson',
    signs: ['+-+---++--+-+++', '+++---++--+-+--', '++--+--+-+++-++', '++++-++-+---+++'],
  },
];

const byOrder: ReadonlyMap<number, FourCirculants> = new Map(known.map((entry) => [4 * entry.t, entry]));

/** Whether four circulants of this order are stored. */
export const isFourCirculantOrder = (order: number): boolean => byOrder.has(order);

/** The orbit index of every integer modulo t, orbits numbered by their smallest member. */
function orbitsOf({ t, multiplier }: FourCirculants): Int32Array {
  const orbit = new Int32Array(t).fill(-1);
  let count = 0;
  for (let start = 0; start < t; start++) {
    if (orbit[start] !== -1) continue;
    for (let k = start; orbit[k] === -1; k = (k * multiplier) % t) orbit[k] = count;
    count++;
  }
  return orbit;
}

/**
 * The array of Goethals and Seidel ("A skew Hadamard matrix of order 36", 1970), R the reversal of t columns:
 *
 * ```
 *   A    BR    CR    DR
 * −BR    A    DᵀR  −CᵀR
 * −CR  −DᵀR    A    BᵀR
 * −DR   CᵀR  −BᵀR    A
 * ```
 *
 * Every block but A is back-circulant: BR has b[−1−i−j] and BᵀR has b[i+j+1] at (i, j), indices modulo t.
 */
const blockRows = [
  ['A', 'B', 'C', 'D'],
  ['-B', 'A', "D'", "-C'"],
  ['-C', "-D'", 'A', "B'"],
  ['-D', "C'", "-B'", 'A'],
] as const;

/** @throws an internal error where no circulants of this order are stored. */
export function fourCirculantMatrix(order: number): SignMatrix {
  const entry = defined(byOrder.get(order), `four circulants of order ${order}`);
  const { t, name, signs } = entry;
  const rows = lazy(() => {
    const orbit = orbitsOf(entry);
    return signs.map((row) => Int8Array.from(orbit, (index) => (row[index] === '+' ? 1 : -1)));
  });
  const raw = (row: number, column: number): 1 | -1 => {
    const code = defined(blockRows[Math.floor(row / t)]?.[Math.floor(column / t)], 'a block');
    const negated = code.startsWith('-');
    const letter = code.charCodeAt(negated ? 1 : 0) - 65;
    const [i, j] = [row % t, column % t];
    const index = letter === 0 ? j - i + t : code.endsWith("'") ? i + j + 1 : 2 * t - 1 - i - j;
    return (rows()[letter]?.[index % t] === 1) !== negated ? 1 : -1;
  };
  return normalised(order, `${name} ${order}`, raw);
}
