import { permutation, randomStream } from '../core/random.ts';
import { aliasTable } from './alias-table.ts';
import { openDescent, type SkipGramMemory } from './skip-gram-memory.ts';
import { descendText, type SkipGramLoss, type SkipGramSampling } from './skip-gram.ts';

/** A whole training, as every worker gets it: text and tables are shared, not copied. */
export interface SkipGramJob {
  readonly tables: SkipGramMemory;
  readonly ids: Int32Array;
  /** `[V]` */
  readonly counts: Float64Array;
  readonly boundary: number;
  readonly window: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly subsample: number;
  readonly seed: number;
}

/** Words of text that are one piece of work; a piece goes on to the end of its sentence. */
const pieceLength = 10_000;
/** No piece is longer, also where sentences do not end. */
const longestPiece = 2 * pieceLength;
/** The rate never falls below this share of what it was, as in the authors' program. */
const lastRate = 1e-4;
/** Noise words are drawn with the probability count^0.75 / Σ count^0.75 (Mikolov et al. 2013b, section 2.2). */
const noisePower = 0.75;

/** Where the pieces of a text begin, and its end. */
export function pieceEdges(ids: Int32Array, boundary: number): readonly number[] {
  const edges = [0];
  for (let begin = 0; begin < ids.length;) {
    const longest = Math.min(ids.length, begin + longestPiece);
    const mark = ids.indexOf(boundary, begin + pieceLength - 1);
    begin = mark === -1 || mark >= longest ? longest : mark + 1;
    edges.push(begin);
  }
  return edges;
}

function samplingOf({ counts, subsample, window, boundary, tables }: SkipGramJob): SkipGramSampling {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return {
    window,
    negatives: tables.negatives,
    boundary,
    keep: counts.map((count) => {
      const ratio = (subsample * total) / count;
      return subsample === 0 || count === 0 ? 1 : Math.min(1, Math.sqrt(ratio) + ratio);
    }),
    noise: aliasTable(counts.map((count) => count ** noisePower)),
  };
}

/** What a piece of work gave, and how many words of text it was. */
export interface PieceResult extends SkipGramLoss {
  readonly words: number;
}

/** Does the pieces of a job by number. */
export interface SkipGramRunner {
  /** How many there are: all pieces of the text, once for each epoch. */
  readonly count: number;
  readonly run: (piece: number) => PieceResult;
}

/**
 * The work of one worker, from 0.
 *
 * Which words stay, the windows, the noise words and the learning rate are functions of (seed, epoch, piece): they are
 * the same for any number of workers, which differ in the order of their changes to the tables only. Each epoch takes the
 * pieces in an order of its own.
 */
export function openRunner(job: SkipGramJob, worker: number): SkipGramRunner {
  const { ids, seed, epochs, learningRate } = job;
  const descent = openDescent(job.tables, worker);
  const sampling = samplingOf(job);
  const edges = pieceEdges(ids, job.boundary);
  const pieces = edges.length - 1;
  const kept = new Int32Array(longestPiece);
  const pieceOf = (index: number): Int32Array => ids.subarray(edges[index], edges[index + 1]);
  let current = -1;
  let order = new Uint32Array();
  const wordsBefore = new Float64Array(pieces);
  const openEpoch = (epoch: number): void => {
    if (epoch === current) return;
    current = epoch;
    order = permutation(pieces, randomStream(seed, 'word2vec', 'order', epoch)) as Uint32Array<ArrayBuffer>;
    let words = epoch * ids.length;
    order.forEach((piece, place) => {
      wordsBefore[place] = words;
      words += pieceOf(piece).length;
    });
  };
  return {
    count: epochs * pieces,
    run: (number) => {
      const epoch = Math.floor(number / pieces);
      openEpoch(epoch);
      const place = number % pieces;
      const index = order[place] ?? 0;
      const text = pieceOf(index);
      const before = wordsBefore[place] ?? 0;
      const rate = (share: number): number =>
        learningRate * Math.max(lastRate, 1 - (before + share * text.length) / (epochs * ids.length));
      const random = randomStream(seed, 'word2vec', epoch, index);
      return { ...descendText(descent, text, sampling, random, rate, kept), words: text.length };
    },
  };
}
