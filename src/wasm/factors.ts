import { hadamardMatrix } from '../heads/constructions/hadamard-matrix.ts';
import { kronecker, type SignMatrix } from '../heads/constructions/sign-matrix.ts';

/** One factor of H = F₁ ⊗ F₂ ⊗ …, applied along its own axis. */
export interface Factor {
  readonly order: number;
  /** The product of the orders of the factors behind it: the distance of neighbours along its axis. */
  readonly stride: number;
  /** The matrix of a dense factor as the kernel reads it, else undefined (Sylvester's). */
  readonly matrix: Float32Array | undefined;
  /** Floats of a row of `matrix`. */
  readonly width: number;
}

/** The kernel multiplies the last axis by 16 columns of a matrix at a time. */
const COLUMNS = 16;

/** The factors of the Hadamard matrix of this order; none where the order is a power of two. */
export function factorsOf(order: number): readonly Factor[] {
  if (Number.isInteger(Math.log2(order))) return [];
  let stride = order;
  return mergeShortTail(hadamardMatrix(order).factors).map((piece) => {
    stride /= piece.order;
    if (piece.sylvester) return { order: piece.order, stride, matrix: undefined, width: 0 };
    return stride === 1
      ? { order: piece.order, stride, ...transposed(piece) }
      : { order: piece.order, stride, matrix: rowMajor(piece), width: piece.order };
  });
}

/** Vectors of four floats need strides that are multiples of 4: a last factor of order 2 is multiplied into the one before. */
function mergeShortTail(factors: readonly SignMatrix[]): readonly SignMatrix[] {
  const [last, before] = [factors.at(-1), factors.at(-2)];
  return last?.order === 2 && before !== undefined ? [...factors.slice(0, -2), kronecker(before, last)] : factors;
}

function rowMajor({ order, sign }: SignMatrix): Float32Array {
  return Float32Array.from({ length: order * order }, (_, i) => sign(Math.floor(i / order), i % order));
}

/** The transpose, with zeros behind each row up to a multiple of COLUMNS. */
function transposed({ order, sign }: SignMatrix): Pick<Factor, 'matrix' | 'width'> {
  const width = Math.ceil(order / COLUMNS) * COLUMNS;
  const matrix = new Float32Array(order * width);
  for (let column = 0; column < order; column++) {
    for (let row = 0; row < order; row++) matrix[column * width + row] = sign(row, column);
  }
  return { matrix, width };
}
