import { defined, inputError, internalError } from '../core/errors.ts';
import { createLargest, type Largest, type Ranked } from '../core/largest.ts';
import { float32 } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import type { Graph } from '../graph/graph.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Runtime, Session } from '../runtime/runtime.ts';
import { confusionOf, type Answers } from './answers.ts';
import type { LabelledFeatures } from './features.ts';
import { checkedVote, neighbourVote, type NeighbourVote } from './task.ts';

/**
 * How well neighbours in the space of features tell the label of an image. `accuracy` is that of the weighted vote, `probability`
 * the winner's share of the votes; of equal votes the class that comes first counts as the larger.
 */
export interface KnnEvaluation extends Answers {
  /** Share of images that have the label of the one image nearest to them (of equally near ones the first). */
  readonly nearest: number;
  /** The vote; `neighbours` is at most the number of images that could vote. */
  readonly vote: NeighbourVote;
}

/** How often neighbours were right, as fractions: by the weighted vote, and by the nearest one alone. */
export type NeighbourScore = Pick<KnnEvaluation, 'accuracy' | 'nearest'>;

/** How {@link knnAccuracy} works; 200 neighbours and τ = 0.07 unless given. */
export interface KnnOptions extends Partial<NeighbourVote> {
  readonly signal?: AbortSignal;
  /** Called with the number of queries done. */
  readonly onProgress?: (done: number) => void;
}

/** Rows of one product of similarities: 16 MB of float32 at a time, and large enough that the product runs at full speed. */
const QUERY_ROWS = 256;
const BANK_ROWS = 16_384;

/** ⟨qᵢ, bⱼ⟩ of `queries` `[queries, N]` and `bank` `[bank, N]`: `similarities` `[queries, bank]`. */
function similarityGraph(dimension: number): Graph {
  const b = createBuilder('similarities');
  const queries = b.input('queries', 'float32', ['queries', dimension]);
  const bank = b.input('bank', 'float32', ['bank', dimension]);
  b.output(b.op('Gemm', [queries, bank, undefined], { alpha: 1, beta: 1, transA: 0, transB: 1 }), 'similarities');
  return checkGraph(b.build(), 'similarities');
}

function checkFeatures(name: string, { dimension, values, labels }: LabelledFeatures): void {
  if (labels.length === 0) throw inputError(`no images ${name}`);
  if (values.length !== labels.length * dimension) {
    throw internalError('features of another number than the labels', {
      where: name,
      expected: `${labels.length} × ${dimension}`,
      received: String(values.length),
    });
  }
  for (let place = 0; place < values.length; place++) {
    if (!Number.isFinite(values[place])) {
      throw inputError('a feature is not a finite number', {
        where: `image ${Math.floor(place / dimension)} ${name}`,
        received: String(values[place]),
        hint: 'training diverged: lower the learning rate (--lr) or add warm-up (--warmup); earlier checkpoints are whole',
      });
    }
  }
}

const rowsOf = ({ dimension, values }: LabelledFeatures, first: number, end: number) =>
  float32([end - first, dimension], values.subarray(first * dimension, end * dimension));

/** For each query of `[first, end)`, its nearest images of the bank. */
async function nearestTo(
  session: Session,
  bank: LabelledFeatures,
  queries: LabelledFeatures,
  [first, end]: readonly [number, number],
  neighbours: number,
): Promise<readonly Largest[]> {
  const found = Array.from({ length: end - first }, () => createLargest(neighbours));
  const feed = rowsOf(queries, first, end);
  for (let start = 0; start < bank.labels.length; start += BANK_ROWS) {
    const stop = Math.min(start + BANK_ROWS, bank.labels.length);
    const outputs = await session.run({ queries: feed, bank: rowsOf(bank, start, stop) });
    const similarities = defined(outputs['similarities'], 'similarities');
    if (similarities.dtype !== 'float32') throw internalError('similarities are float32');
    const { data } = similarities;
    found.forEach((largest, row) => {
      largest.offer(data.subarray(row * (stop - start), (row + 1) * (stop - start)), start);
    });
  }
  return found;
}

interface Ballot {
  readonly winner: number;
  /** The winner's share of all votes. */
  readonly share: number;
  /** How many classes did better than `label`. */
  readonly above: number;
}

/** Adds up exp(s/τ) for each label, relative to the nearest neighbour's, so that a small τ does not overflow. */
function count(
  { values: similarities, places }: Ranked,
  labels: Int32Array,
  label: number,
  temperature: number,
): Ballot {
  const closest = similarities[0] ?? 0;
  const votes = new Map<number, number>();
  let total = 0;
  places.forEach((place, rank) => {
    const weight = Math.exp(((similarities[rank] ?? 0) - closest) / temperature);
    const voted = labels[place] ?? 0;
    votes.set(voted, (votes.get(voted) ?? 0) + weight);
    total += weight;
  });
  let [winner, most] = [-1, -1];
  const own = votes.get(label) ?? 0;
  // Classes before the label that nobody voted for tie with it where nobody voted for it either.
  let above = own === 0 ? label : 0;
  for (const [candidate, weight] of votes) {
    if (weight > most || (weight === most && candidate < winner)) [winner, most] = [candidate, weight];
    if (own === 0 ? candidate > label : weight > own || (weight === own && candidate < label)) above++;
  }
  return { winner, share: most / total, above };
}

/**
 * Accuracy of the weighted vote of the k nearest neighbours (Wu et al. 2018, section 3.4): the label of a query is the class c
 * with the largest Σ exp(sᵢ/τ) over those of its k nearest images i of the bank that have label c, with sᵢ the cosine
 * between the two feature vectors.
 *
 * All similarities are computed, in blocks of 16 MB; nothing is approximated.
 *
 * @param bank images that vote, as a rule the training images; fewer than k of them all vote.
 * @param queries images whose labels are guessed, as a rule the validation images.
 * @throws an input error for an empty set, features of different dimensions, or one that is not a finite number; a usage error
 * for k < 1 or τ ≤ 0.
 */
export async function knnAccuracy(
  runtime: Runtime,
  bank: LabelledFeatures,
  queries: LabelledFeatures,
  options: KnnOptions = {},
): Promise<KnnEvaluation> {
  const { signal, onProgress, ...asked } = options;
  const { neighbours, temperature } = checkedVote({ ...neighbourVote, ...asked });
  checkFeatures('that could be neighbours', bank);
  checkFeatures('to be classified', queries);
  if (bank.dimension !== queries.dimension) {
    throw inputError('features of different dimensions', {
      expected: String(bank.dimension),
      received: String(queries.dimension),
    });
  }
  const vote = Object.freeze({ neighbours: Math.min(neighbours, bank.labels.length), temperature });
  const total = queries.labels.length;
  const predicted = new Int32Array(total);
  const probability = new Float32Array(total);
  let [correct, amongFive, nearest] = [0, 0, 0];
  await using session = await runtime.createSession(toOnnx(similarityGraph(bank.dimension)), 'inference');
  for (let first = 0; first < total; first += QUERY_ROWS) {
    signal?.throwIfAborted();
    const end = Math.min(first + QUERY_ROWS, total);
    const found = await nearestTo(session, bank, queries, [first, end], vote.neighbours);
    found.forEach((largest, row) => {
      const label = queries.labels[first + row] ?? 0;
      const ranked = largest.ranked();
      const { winner, share, above } = count(ranked, bank.labels, label, temperature);
      predicted[first + row] = winner;
      probability[first + row] = share;
      if (winner === label) correct++;
      if (above < 5) amongFive++;
      if (bank.labels[ranked.places[0] ?? 0] === label) nearest++;
    });
    onProgress?.(end);
  }
  return Object.freeze({
    accuracy: correct / total,
    top5: amongFive / total,
    nearest: nearest / total,
    vote,
    count: total,
    confusion: confusionOf(queries.labels, predicted),
    predicted,
    probability,
  });
}
