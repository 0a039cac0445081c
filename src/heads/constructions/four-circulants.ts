import { defined } from '../../core/errors.ts';
import { normalised, type SignMatrix } from './sign-matrix.ts';

/**
 * Four ±1 circulants A, B, C, D of order t with A·Aᵀ + B·Bᵀ + C·Cᵀ + D·Dᵀ = 4t·I make a Hadamard matrix of order 4t.
 *
 * The first rows are constant on the orbits of k → multiplier·k on the integers modulo t, so one sign an orbit describes them (orbits by
 * their smallest member, {0} first). This small search space is where they were found, by a search for four rows whose periodic
 * autocorrelations add up to zero (meeting in the middle, row sums a² + b² + c² + d² = 4t). Where −1 is a power of the multiplier the
 * circulants are symmetric: Williamson's matrices (J. Williamson, "Hadamard's determinant theorem and the sum of four squares", 1944).
 */
type FourCirculants = readonly [t: number, multiplier: number, signs: string];

/** One for each order that Sylvester's and Paley's constructions and their products leave out and the search reached. */
const known: readonly FourCirculants[] = [
  [23, 22, '+-++-++--+++ +++-+++-+--- --+++-+++-+- +++---++-+-+'],
  [29, 28, '+--+-+++-+++-++ ++----+++-++-+- +++++---+-+-++- --+-++---++-+++'],
  [39, 29, '+-+++++--- --++--+++- +++++----- -+++---+-+'],
  [43, 4, '-++-++- ++---++ +++--+- +++--+-'],
  [65, 9, '++++--++++----- +++---+-++-++-- -+++++--+--++-- -++-++-++--+-+-'],
  [73, 2, '-+--++++- +++-++--- +--+-+++- +++-+---+'],
  [93, 2, '-++++--+---+++ -+++---+-++--+ -++-++-+-+++-- +++-++-+++----'],
  [101, 36, '+++-++++--+---++--+-+ -++-+--++---+++-+-++- ++-+++-+++---++-+--+- --+-+++-++++--+++----'],
  [113, 16, '++-+++--+++++---- ++-++---++--++--+ ++-+----+-++++-++ +++-+--++-+-+-+--'],
  [119, 2, '---+++++- +-+-+-++- -+++--++- -++---+++'],
  [127, 2, '-+---+++-+-+++--++- ++----++-++-++-+-+- --+++++---+--+++--+ -++-++--+++++-+----'],
  [133, 4, '-+--++++-+-+++--+ +-+-+--+-+--++++- +-+-++---+++---++ ++-+-++++----+--+'],
  [163, 38, '+-+-+++-++++-+-+--- +-+-+-+-+-+----++++ --++--++-++++--+--+ +-+-++---++-+++-+--'],
  [209, 26, '--+-+--+--+++++++++++ -++--++--+++---+-+++- -++--++----++-+++++-- ---+--+++-+++-+--++-+'],
  [213, 20, '+-++++----+-++-+++-++- ++++--+-+++++-----++-- --++++++--+-++--++--+- +-++-++++----++-+++---'],
  [241, 24, '++++-+++-+++----- +---++-++--+++--+ +++++++-+-+------ +------+-+-++++++'],
  [267, 2, '+---+++-++-+++--++ --++-+---+--+++++- ++++-++++-+-+----- -++++---+-++--+-+-'],
  [377, 9, '--+++-+--++-++- +++----++-+--++ -++---+-+++--++ +-+++-+--+--+++'],
];

const byOrder: ReadonlyMap<number, FourCirculants> = new Map(known.map((entry) => [4 * entry[0], entry]));

/** The orders for which four circulants are stored. */
export const fourCirculantOrders: readonly number[] = Object.freeze([...byOrder.keys()]);

/** Whether four circulants of this order are stored. */
export const isFourCirculantOrder = (order: number): boolean => byOrder.has(order);

/** The orbit index of every integer modulo t, orbits numbered by their smallest member. */
function orbitsOf([t, multiplier]: FourCirculants): Int32Array {
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
const blocks = [
  ['A', 'BR', 'CR', 'DR'],
  ['-BR', 'A', 'DᵀR', '-CᵀR'],
  ['-CR', '-DᵀR', 'A', 'BᵀR'],
  ['-DR', 'CᵀR', '-BᵀR', 'A'],
].map((line) =>
  line.map((block) => ({
    row: 'ABCD'.indexOf(block.replace('-', '').charAt(0)),
    negated: block.startsWith('-'),
    transposed: block.includes('ᵀ'),
  })),
);

/** @throws an internal error where no circulants of this order are stored. */
export function fourCirculantMatrix(order: number): SignMatrix {
  const entry = defined(byOrder.get(order), `four circulants of order ${order}`);
  const [t, , signs] = entry;
  const orbit = orbitsOf(entry);
  const symmetric = orbit[1] === orbit[t - 1];
  const rows = signs.split(' ').map((row) => Int8Array.from(orbit, (index) => (row[index] === '+' ? 1 : -1)));
  const raw = (row: number, column: number): 1 | -1 => {
    const block = defined(blocks[Math.floor(row / t)]?.[Math.floor(column / t)], 'a block');
    const [i, j] = [row % t, column % t];
    const index = block.row === 0 ? j - i + t : block.transposed ? i + j + 1 : 2 * t - 1 - i - j;
    return (rows[block.row]?.[index % t] === 1) !== block.negated ? 1 : -1;
  };
  return normalised(order, `${symmetric ? 'Williamson' : 'Goethals–Seidel'} ${order}`, raw);
}
