import { float32 } from '../core/tensor.ts';
import { defined } from '../core/errors.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import {
  add,
  concat,
  detach,
  givenGradient,
  log,
  matmul,
  reduceMax,
  reduceMean,
  reshape,
  softmax,
  sub,
} from '../graph/functions.ts';
import { after, rowChunks, rowsIn } from './row-chunks.ts';

/** A classifier whose vectors are the rows of a table, on a batch. */
export interface TableScores {
  /** y `[batch, N]`. */
  readonly scaled: Value;
  /** W `[V, N]`. */
  readonly table: Value;
  /** b `[V]`. */
  readonly bias: Value | undefined;
  /** int32 `[batch]`. */
  readonly labels: Value;
}

/**
 * About how many logits are held at a time: 16 MB of them for a fixed table, 64 MB for a trained one, and twice that, with the
 * probabilities. Each chunk of a trained table's gradient is added to the sum of those before, which costs a pass over the table;
 * a product of fewer than {@link FEWEST_ROWS} rows takes longer a row.
 */
const FIXED_LOGITS = 2 ** 22;
const TRAINED_LOGITS = 2 ** 24;
const FEWEST_ROWS = 64;

const gemm = (b: Builder, x: Value, y: Value, sum: Value | undefined, alpha: number, transA: 0 | 1, transB: 0 | 1) =>
  b.op('Gemm', [x, y, sum], { alpha, beta: 1, transA, transB });

/** How many rows are taken at a time. */
export function rowsAtOnce(words: number, isTrained: boolean): number {
  return Math.max(FEWEST_ROWS, Math.floor((isTrained ? TRAINED_LOGITS : FIXED_LOGITS) / words));
}

/**
 * Softmax cross-entropy of logits z = y·Wᵀ + b, averaged over the batch: (1/batch)·Σ (log Σ_w exp z_w − z_label).
 *
 * Value and derivative together, a chunk of rows after the other: G = softmax(z) − (1 at the label) gives the loss's gradients
 * G·W/batch to y, Gᵀ·y/batch to W and Σ G/batch to b. So there are three large products, two where W is a constant, no logits are
 * computed twice or held for the backward pass, and the one-hot targets are never written: one number a row is changed instead.
 *
 * @param rows how many are taken at a time
 */
export function tableLoss(b: Builder, scores: TableScores, rows?: number): Value {
  const { scaled, table, bias, labels } = scores;
  const [batch = 1] = staticShapeOf(labels);
  const [words = 1] = staticShapeOf(table);
  const isTrained = b.constantOf(table) === undefined;
  const [y, w] = [detach(b, scaled), detach(b, table)];
  const offset = bias === undefined ? undefined : detach(b, bias);
  const biasIsTrained = bias !== undefined && b.constantOf(bias) === undefined;

  const losses: Value[] = [];
  const toScaled: Value[] = [];
  let toTable: Value | undefined;
  let toBias: Value | undefined;
  let before: readonly Value[] = [];
  for (const chunk of rowChunks(batch, rows ?? rowsAtOnce(words, isTrained))) {
    const size = chunk.end - chunk.first;
    const each = (value: number, shape: readonly number[]): Value =>
      b.constant(float32(shape, new Float32Array(size).fill(value)), 'each');
    const x = after(b, rowsIn(b, y, chunk), before);
    const label = reshape(b, rowsIn(b, labels, chunk), [size, 1]);
    const z = gemm(b, x, w, offset, 1, 0, 1);
    const own = b.op('GatherElements', [z, label], { axis: 1 });
    const largest = reduceMax(b, z, [1], { keepdims: true });
    const probabilities = softmax(b, z);
    const peak = reduceMax(b, probabilities, [1], { keepdims: true });
    // log Σ exp z = max z − log max softmax(z).
    const loss = sub(b, sub(b, largest, own), log(b, peak));
    // The last reader of the probabilities, so that it may change them where they are.
    const change = after(b, each(-1, [size, 1]), [peak]);
    const g = b.op('ScatterElements', [probabilities, label, change], { axis: 1, reduction: 'add' });
    const part = gemm(b, g, w, undefined, 1 / batch, 0, 0);
    if (isTrained) toTable = gemm(b, g, x, toTable, 1 / batch, 1, 0);
    if (biasIsTrained) {
      const sum = matmul(b, each(1 / batch, [1, size]), g);
      toBias = toBias === undefined ? sum : add(b, toBias, sum);
    }
    losses.push(loss);
    toScaled.push(part);
    before = [loss, part, toTable, toBias].filter((value) => value !== undefined);
  }

  const joined = (parts: readonly Value[]): Value =>
    parts.length === 1 ? defined(parts[0], 'a chunk') : concat(b, parts, 0);
  const value = reduceMean(b, joined(losses), [0, 1]);
  const known = givenGradient(b, value, scaled, joined(toScaled));
  const withTable = toTable === undefined ? known : givenGradient(b, known, table, toTable);
  if (bias === undefined || toBias === undefined) return withTable;
  return givenGradient(b, withTable, bias, reshape(b, toBias, [words]));
}
