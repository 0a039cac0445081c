import { randomStream } from '../core/random.ts';
import {
  constantCosines,
  cosineStatistics,
  effectiveDimension,
  packSigns,
  rowNorm,
  type CosineBins,
} from '../heads/cosines.ts';
import { repeatedRows } from '../heads/repeated-rows.ts';
import type { Geometry } from '../heads/geometry.ts';
import type { VectorFacts } from '../report/head-document.ts';

/** Up to so many vectors, all pairs are compared. */
export const MOST_COMPARED = 4096;

/** How many vectors of a larger set are compared: two million pairs. */
const SAMPLE = 2048;

/** Most multiply-adds that comparing may take: some seconds of plain JavaScript. */
const MOST_WORK = 1.2e10;

/** Most numbers that are held at once: 128 MB of float32. */
const MOST_NUMBERS = 2 ** 25;

/** The facts, and the fine histogram that they were made of. */
export interface MeasuredVectors {
  readonly facts: VectorFacts;
  readonly bins: CosineBins;
  /** Classes that were compared and have a vector equal to another one's. */
  readonly distinct: number;
}

/** Which of `count` vectors are compared: all, or class 0 and others drawn at random, in order. */
export function comparedClasses(count: number, features: number, work = MOST_WORK): Uint32Array {
  const affordable = Math.max(2, Math.floor(Math.min(Math.sqrt((2 * work) / features), MOST_NUMBERS / features)));
  if (count <= Math.min(MOST_COMPARED, affordable)) return Uint32Array.from({ length: count }, (_, index) => index);
  const size = Math.min(count, SAMPLE, affordable);
  const random = randomStream(0, 'compared-classes', count, features);
  const chosen = new Set([0]);
  while (chosen.size < size) chosen.add(random.integer(count));
  return Uint32Array.from(chosen).sort();
}

/** The basis that each class's vector is from; `undefined` where the vectors are not from several bases. */
function basisOfClass(geometry: Geometry): ((index: number) => number) | undefined {
  const { kind, order, antipodal, codes } = geometry;
  if (kind !== 'coset') return undefined;
  const size = antipodal ? 2 * order : order;
  return (index) => Math.floor((codes?.[index] ?? index) / size);
}

/** Measures the vectors of a geometry: all of them, or a sample; never more than some megabytes at once. */
export function measureGeometry(geometry: Geometry): MeasuredVectors {
  const { classes, features, vector } = geometry;
  // Signs are compared 32 at a time, which is as much cheaper as there are vectors of signs only.
  const work = ['rows', 'biorthogonal', 'coset'].includes(geometry.kind) ? 32 * MOST_WORK : MOST_WORK;
  const compared = comparedClasses(classes, features, work);
  const rows = new Float32Array(compared.length * features);
  compared.forEach((index, place) => {
    rows.set(vector(index), place * features);
  });
  const basisOf = basisOfClass(geometry);
  return measureRows(rows, features, compared, classes, basisOf);
}

/** Measures a matrix `[count, features]` that is there already: its rows for equality, all of them; a sample for cosines. */
export function measureMatrix(matrix: Float32Array, features: number): MeasuredVectors {
  const count = matrix.length / features;
  const compared = comparedClasses(count, features);
  const exhaustive = compared.length === count;
  const rows = exhaustive ? matrix : new Float32Array(compared.length * features);
  if (!exhaustive) {
    compared.forEach((index, place) => {
      rows.set(matrix.subarray(index * features, (index + 1) * features), place * features);
    });
  }
  const measured = measureRows(rows, features, compared, count);
  if (exhaustive) return measured;
  const { distinct, pairs, period } = repeatedRows(matrix, features);
  const constant = constantFacts(matrix, features, undefined);
  return {
    ...measured,
    distinct,
    facts: Object.freeze({ ...measured.facts, constant, repeated: { pairs, period: period ?? null } }),
  };
}

function measureRows(
  rows: Float32Array,
  features: number,
  compared: Uint32Array,
  classes: number,
  basisOf?: (index: number) => number,
): MeasuredVectors {
  const classOf = (row: number): number => compared[row] ?? 0;
  const statistics = cosineStatistics(
    rows,
    features,
    basisOf === undefined ? undefined : (row) => basisOf(classOf(row)),
  );
  const { bins, largestPair, within, between } = statistics;
  const norms = Float64Array.from({ length: compared.length }, (_, row) => rowNorm(rows, features, row));
  const { distinct, pairs, period } = repeatedRows(rows, features);
  const signs = packSigns(rows, features);
  const facts: VectorFacts = {
    examined: compared.length,
    pairs: statistics.pairs,
    exhaustive: compared.length === classes,
    coherence: statistics.largest,
    closest: largestPair === undefined ? null : [classOf(largestPair[0]), classOf(largestPair[1])],
    mean: statistics.mean,
    meanAbsolute: statistics.meanAbsolute,
    rootMeanSquare: statistics.rootMeanSquare,
    identicalPairs: statistics.identical,
    antipodalPairs: statistics.antipodal,
    withinBasis: within ?? null,
    betweenBases: between === undefined || between.pairs === 0 ? null : between,
    effectiveDimension: effectiveDimension(classes, statistics.rootMeanSquare),
    norms: {
      smallest: norms.reduce((least, norm) => Math.min(least, norm), Infinity),
      largest: norms.reduce((most, norm) => Math.max(most, norm), 0),
      mean: norms.reduce((sum, norm) => sum + norm, 0) / Math.max(1, norms.length),
    },
    signs: signs !== undefined,
    constant: constantFacts(rows, features, compared),
    repeated: {
      pairs: pairs.map(([earlier, later]) => [classOf(earlier), classOf(later)] as const),
      period: period ?? null,
    },
    values: statistics.values ?? null,
    // Sign vectors of n entries have cosines that are multiples of 2/n.
    histogram: shownHistogram(bins, Math.max(FINE, signs === undefined ? 0 : 2 / signs.used)),
  };
  return { facts: Object.freeze(facts), bins, distinct };
}

function constantFacts(
  rows: Float32Array,
  features: number,
  compared: Uint32Array | undefined,
): VectorFacts['constant'] {
  const cosines = constantCosines(rows, features);
  let [largestRow, sum] = [0, 0];
  cosines.forEach((cosine, row) => {
    sum += Math.abs(cosine);
    if (Math.abs(cosine) > Math.abs(cosines[largestRow] ?? 0)) largestRow = row;
  });
  return {
    classZero: cosines[0] ?? 0,
    meanAbsolute: sum / Math.max(1, cosines.length),
    largest: cosines[largestRow] ?? 0,
    largestClass: compared === undefined ? largestRow : (compared[largestRow] ?? 0),
  };
}

/** Half of the bars of the histogram that is shown; the middle one is around 0. */
const HALF_BARS = 30;

/** Width of a fine bin. */
const FINE = 1 / 2000;

/**
 * The fine bins as 61 bars, from −r to r with 0 in the middle of one, where r is the largest |cos| that occurs. Opposite vectors (the
 * first bin) are left out: a few of them would squeeze all the others into the middle.
 *
 * @param step where all cosines are multiples of one number, that number: every bar then has room for equally many of them
 */
function shownHistogram({ counts, sums }: CosineBins, step: number): VectorFacts['histogram'] {
  const places: { readonly place: number; readonly count: number }[] = [];
  counts.forEach((count, bin) => {
    if (count > 0 && bin > 0) places.push({ place: Math.round((sums[bin] ?? 0) / count / step), count });
  });
  const reach = places.reduce((most, { place }) => Math.max(most, Math.abs(place)), 0);
  // Odd, so that a bar has a middle one.
  const perBar = Math.max(1, 2 * Math.ceil((reach / HALF_BARS - 1) / 2) + 1);
  const shown = new Array<number>(2 * HALF_BARS + 1).fill(0);
  for (const { place, count } of places) {
    const bar = Math.round(place / perBar) + HALF_BARS;
    shown[bar] = (shown[bar] ?? 0) + count;
  }
  const edge = (HALF_BARS + 0.5) * perBar * step;
  return { from: -edge, to: edge, counts: shown };
}
