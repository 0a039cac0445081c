/**
 * What the cosines between many vectors are, measured pair by pair: nothing here trusts a construction.
 * Rows need not have length 1; a row of zeros has cosine 0 with everything.
 */

/** Two directions with a cosine above this are one: a class in each could never be told apart. Far above float32 rounding. */
const SAME_DIRECTION = 1 - 1e-6;

/** Bins of the fine histogram on each side of 0; bin k holds the cosines nearest to k/2000. */
const HALF = 2000;

/** Cosines count as one value where they differ by no more than float32 rounding explains. */
const ONE_VALUE = 4e-6;

/** Most values that are listed one by one. */
const MOST_VALUES = 12;

/** The fine histogram: bin k = −2000 … 2000 at place k + 2000. The sums keep means exact whatever the width of a bin. */
export interface CosineBins {
  readonly counts: Float64Array;
  readonly sums: Float64Array;
}

/** The cosines of all pairs of rows. */
export interface CosineStatistics {
  readonly vectors: number;
  readonly pairs: number;
  /** Largest |cos| of a pair that is not antipodal (cos = −1); 0 where there is none. */
  readonly largest: number;
  /** The pair that has it. */
  readonly largestPair: readonly [number, number] | undefined;
  readonly mean: number;
  readonly meanAbsolute: number;
  readonly rootMeanSquare: number;
  /** Pairs of one direction (cos = 1). */
  readonly identical: number;
  /** Pairs of opposite directions (cos = −1). */
  readonly antipodal: number;
  /** Every value that occurs, where these are few: with the share of the pairs that have it. */
  readonly values: readonly { readonly cosine: number; readonly share: number }[] | undefined;
  /** Pairs of one basis and pairs of two, where the vectors come from bases. */
  readonly within: { readonly pairs: number; readonly largest: number } | undefined;
  readonly between: { readonly pairs: number; readonly largest: number } | undefined;
  readonly bins: CosineBins;
}

/**
 * The Welch bound √((C − N)/(N(C − 1))): no set of C unit vectors in R^N has a smaller largest |cos|, nor a smaller root mean
 * square of them (Welch 1974); 0 for C ≤ N, where orthogonal vectors exist.
 */
export function welchBound(count: number, features: number): number {
  return count <= features ? 0 : Math.sqrt((count - features) / (features * (count - 1)));
}

/**
 * Measures all pairs of rows of `[count, features]`.
 *
 * @param basisOf the basis that a row comes from, to tell pairs of one basis from pairs of two
 */
export function cosineStatistics(
  rows: Float32Array,
  features: number,
  basisOf?: (row: number) => number,
): CosineStatistics {
  const vectors = rows.length / features;
  const counts = new Float64Array(2 * HALF + 1);
  const sums = new Float64Array(2 * HALF + 1);
  const [lows, highs] = [new Float64Array(2 * HALF + 1).fill(2), new Float64Array(2 * HALF + 1).fill(-2)];
  const bases = basisOf === undefined ? undefined : Int32Array.from({ length: vectors }, (_, row) => basisOf(row));
  const same = { pairs: 0, largest: 0 };
  const other = { pairs: 0, largest: 0 };
  let [largest, first, second] = [0, -1, -1];
  let [sum, absolute, squares, identical, antipodal] = [0, 0, 0, 0, 0];
  forEachPair(rows, features, (i, j, cosine) => {
    const size = Math.abs(cosine);
    sum += cosine;
    absolute += size;
    squares += cosine * cosine;
    const bin = Math.round(Math.max(-1, Math.min(1, cosine)) * HALF) + HALF;
    counts[bin] = (counts[bin] ?? 0) + 1;
    sums[bin] = (sums[bin] ?? 0) + cosine;
    if (cosine < (lows[bin] ?? 2)) lows[bin] = cosine;
    if (cosine > (highs[bin] ?? -2)) highs[bin] = cosine;
    if (cosine > SAME_DIRECTION) identical++;
    const opposite = cosine < -SAME_DIRECTION;
    if (opposite) antipodal++;
    else if (size > largest) [largest, first, second] = [size, i, j];
    if (bases !== undefined) {
      const group = bases[i] === bases[j] ? same : other;
      group.pairs++;
      if (!opposite && size > group.largest) group.largest = size;
    }
  });
  const pairs = (vectors * (vectors - 1)) / 2;
  const perPair = Math.max(1, pairs);
  return Object.freeze({
    vectors,
    pairs,
    largest,
    largestPair: first < 0 ? undefined : ([first, second] as const),
    mean: sum / perPair,
    meanAbsolute: absolute / perPair,
    rootMeanSquare: Math.sqrt(squares / perPair),
    identical,
    antipodal,
    values: fewValues({ counts, sums }, lows, highs, perPair),
    within: bases === undefined ? undefined : same,
    between: bases === undefined ? undefined : other,
    bins: { counts, sums },
  });
}

/** The values that occur, where each bin that is not empty holds one, and there are few. */
function fewValues(
  { counts, sums }: CosineBins,
  lows: Float64Array,
  highs: Float64Array,
  pairs: number,
): CosineStatistics['values'] {
  const values: { cosine: number; share: number }[] = [];
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin] ?? 0;
    if (count === 0) continue;
    if ((highs[bin] ?? 0) - (lows[bin] ?? 0) > ONE_VALUE || values.length === MOST_VALUES) return undefined;
    const mean = (sums[bin] ?? 0) / count;
    // What is within rounding of 0 or ±1 is that.
    const near = Math.round(mean);
    values.push({ cosine: Math.abs(mean - near) < ONE_VALUE ? near + 0 : mean, share: count / pairs });
  }
  return values.length === 0 ? undefined : values;
}

/**
 * Effective dimension C²/Σᵢⱼ cos²ᵢⱼ of C directions, from the root mean square of their pairs' cosines: N where they fill R^N evenly
 * (a tight frame; Benedetto & Fickus 2003), C where they are orthogonal, 1 where they are all one.
 */
export function effectiveDimension(count: number, rootMeanSquare: number): number {
  return count / (1 + (count - 1) * rootMeanSquare ** 2);
}

/** Calls `visit` with the cosine of each pair i < j: by counting bits where all entries are ± one number, else in float64. */
function forEachPair(
  rows: Float32Array,
  features: number,
  visit: (i: number, j: number, cosine: number) => void,
): void {
  const signs = packSigns(rows, features);
  if (signs === undefined) forEachDensePair(rows, features, visit);
  else forEachSignPair(signs, visit);
}

interface PackedSigns {
  /** `[count, words]` one bit a sign. */
  readonly bits: Int32Array;
  readonly words: number;
  /** How many features the rows use; the others are 0 in all of them. */
  readonly used: number;
}

/** The rows' signs, 32 to a word, if all of them are ± one number on the same features and 0 on the others. */
export function packSigns(rows: Float32Array, features: number): PackedSigns | undefined {
  const used: number[] = [];
  for (let k = 0; k < features; k++) if (rows[k] !== 0) used.push(k);
  if (used.length === 0) return undefined;
  const count = rows.length / features;
  const words = Math.ceil(used.length / 32);
  const magnitude = Math.abs(rows[used[0] ?? 0] ?? 0);
  const bits = new Int32Array(count * words);
  for (let row = 0; row < count; row++) {
    let nonZero = 0;
    for (let k = 0; k < features; k++) if (rows[row * features + k] !== 0) nonZero++;
    if (nonZero !== used.length) return undefined;
    for (let place = 0; place < used.length; place++) {
      const entry = rows[row * features + (used[place] ?? 0)] ?? 0;
      if (Math.abs(entry) !== magnitude) return undefined;
      if (entry < 0) {
        const word = row * words + (place >>> 5);
        bits[word] = (bits[word] ?? 0) | (1 << (place & 31));
      }
    }
  }
  return { bits, words, used: used.length };
}

/** ⟨a, b⟩/n of sign vectors is 1 − 2·(number of different signs)/n: exact. */
function forEachSignPair(
  { bits, words, used }: PackedSigns,
  visit: (i: number, j: number, cosine: number) => void,
): void {
  const count = bits.length / words;
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      let different = 0;
      for (let word = 0; word < words; word++) {
        different += ones((bits[i * words + word] ?? 0) ^ (bits[j * words + word] ?? 0));
      }
      visit(i, j, 1 - (2 * different) / used);
    }
  }
}

/** Ones among the 32 bits of a word: sums of pairs, of fours, of eights, then of the four bytes by one multiplication. */
function ones(word: number): number {
  let sum = word - ((word >>> 1) & 0x55555555);
  sum = (sum & 0x33333333) + ((sum >>> 2) & 0x33333333);
  sum = (sum + (sum >>> 4)) & 0x0f0f0f0f;
  return Math.imul(sum, 0x01010101) >>> 24;
}

function forEachDensePair(
  rows: Float32Array,
  features: number,
  visit: (i: number, j: number, cosine: number) => void,
): void {
  const count = rows.length / features;
  const inverse = Float64Array.from({ length: count }, (_, row) => {
    const norm = rowNorm(rows, features, row);
    return norm > 0 ? 1 / norm : 0;
  });
  for (let i = 0; i < count; i++) {
    const own = rows.subarray(i * features, (i + 1) * features);
    // Four rows at a time: each number of row i is read once for four products.
    for (let j = i + 1; j < count; j += 4) {
      const [a, b, c, d] = [j, j + 1, j + 2, j + 3].map((row) => Math.min(row, count - 1) * features) as [
        number,
        number,
        number,
        number,
      ];
      let [p, q, r, s] = [0, 0, 0, 0];
      for (let k = 0; k < features; k++) {
        const entry = own[k] ?? 0;
        p += entry * (rows[a + k] ?? 0);
        q += entry * (rows[b + k] ?? 0);
        r += entry * (rows[c + k] ?? 0);
        s += entry * (rows[d + k] ?? 0);
      }
      const products = [p, q, r, s];
      for (let place = 0; place < 4 && j + place < count; place++) {
        visit(i, j + place, (products[place] ?? 0) * (inverse[i] ?? 0) * (inverse[j + place] ?? 0));
      }
    }
  }
}

/** Length of one row of `[count, features]`. */
export function rowNorm(rows: Float32Array, features: number, row: number): number {
  let squares = 0;
  for (let k = row * features; k < (row + 1) * features; k++) squares += (rows[k] ?? 0) ** 2;
  return Math.sqrt(squares);
}

/** Cosine of each row of `[count, features]` with the constant direction (1, …, 1)/√N; 0 for a row of zeros. */
export function constantCosines(rows: Float32Array, features: number): Float64Array {
  return Float64Array.from({ length: rows.length / features }, (_, row) => {
    const norm = rowNorm(rows, features, row);
    let sum = 0;
    for (let k = row * features; k < (row + 1) * features; k++) sum += rows[k] ?? 0;
    return norm > 0 ? sum / (norm * Math.sqrt(features)) : 0;
  });
}
