import { defined } from '../core/errors.ts';
import { float32, int32, type HostTensor } from '../core/tensor.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import {
  add,
  concat,
  detach,
  div,
  exp,
  gather,
  log,
  matmul,
  maximum,
  mul,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  softmax,
  sub,
} from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { rowProducts, type ClassScores } from './class-scores.ts';
import { blocksFor, offsetsOf, otherLogits, rowsAtOnce } from './block-logits.ts';
import type { Geometry, SlotBlock } from './geometry.ts';
import { after, rowChunks, rowsIn } from './row-chunks.ts';

/** What one pass over all classes tells of the classes that a sample does not belong to. Shapes `[batch, 1]`. */
export interface OtherClasses {
  /** ℓ = log Σ_{s ≠ t} exp z_s, with its gradient to the scaled features (not to the bias: see `biasTerm`). */
  readonly logSumExp: Value;
  /** max_{s ≠ t} z_s; no gradient. */
  readonly largest: Value;
}

/** What a pass over all classes tells besides, where it was asked. */
export interface StreamedClasses extends OtherClasses {
  /**
   * (1/batch)·Σ_i exp(z_is − log Σ_s′ exp z_is′) for each class s, `[C]`: what the other classes add to the mean loss's gradient to the
   * bias. Only where the own logits were given and the pass saw all classes of a sample at once.
   */
  readonly biasShare: Value | undefined;
}

/** `[batch, N + 2]`: a mean of class vectors, weighted by softmax; the log of the weights' sum; the largest logit. */
interface Summary {
  readonly mean: Value;
  readonly logSum: Value;
  readonly largest: Value;
}

function unpacked(b: Builder, packed: Value, features: number): Summary {
  return {
    mean: slice(b, packed, 1, 0, features),
    logSum: slice(b, packed, 1, features, features + 1),
    largest: slice(b, packed, 1, features + 1, features + 2),
  };
}

/** One value, so that the runtime finishes a block before anything small that depends on it is used for another one. */
const packed = (b: Builder, { mean, logSum, largest }: Summary): Value => concat(b, [mean, logSum, largest], 1);

/** Of a block's logits: m = Σ softmax(z)_s·q_s, log Σ exp z_s = max z − log max softmax(z), and max z. */
function summary(c: LayerContext, block: SlotBlock, z: Value): Summary & { readonly weights: Value } {
  const { b } = c;
  const weights = softmax(b, z);
  const largest = reduceMax(b, z, [1], { keepdims: true });
  return {
    mean: block.transposed(c, weights),
    logSum: sub(b, largest, log(b, reduceMax(b, weights, [1], { keepdims: true }))),
    largest,
    weights,
  };
}

function merged(b: Builder, one: Summary, two: Summary): Summary {
  const shift = maximum(b, one.logSum, two.logSum);
  const [first, second] = [exp(b, sub(b, one.logSum, shift)), exp(b, sub(b, two.logSum, shift))];
  const sum = add(b, first, second);
  return {
    mean: add(b, mul(b, one.mean, div(b, first, sum)), mul(b, two.mean, div(b, second, sum))),
    logSum: add(b, shift, log(b, sum)),
    largest: maximum(b, one.largest, two.largest),
  };
}

/** What a pass gathers, before the gradient is attached to it. */
interface Pass {
  readonly total: Value;
  readonly biasShare: Value | undefined;
}

/** Blocks of classes for the whole batch, merged by their own log-sum-exps. */
function byClasses(c: LayerContext, scores: ClassScores, slots: Value): Pass {
  const { b } = c;
  const { geometry, scaled } = scores;
  const fixed = detach(b, scaled);
  const [batch = 1] = staticShapeOf(scaled);
  const blocks = blocksFor(geometry, batch);
  const logits = otherLogits(c, slots, blocks, offsetsOf(c, scores, blocks));
  const { features } = geometry;
  const total = blocks.reduce<Value | undefined>((sum, block, index) => {
    const next = packed(b, summary(c, block, logits(fixed, index)));
    // The sum so far comes last: the runtime goes for the last operand first, so it takes the blocks one after the other.
    return sum === undefined ? next : packed(b, merged(b, unpacked(b, next, features), unpacked(b, sum, features)));
  }, undefined);
  return { total: defined(total, 'a block'), biasShare: undefined };
}

/** Chunks of samples, each with all classes; the share of the bias too if there is one and the own logits `[batch, 1]` are known. */
function byRows(c: LayerContext, scores: ClassScores, slots: Value, own: Value | undefined, rows: number): Pass {
  const { b } = c;
  const { geometry, scaled, bias } = scores;
  const [fixed, ownLogit] = [detach(b, scaled), own === undefined ? undefined : detach(b, own)];
  const [batch = 1] = staticShapeOf(scaled);
  const blocks = geometry.blocks(geometry.slots);
  const block = defined(blocks[0], 'a block');
  const offsets = offsetsOf(c, scores, blocks);
  const parts: Value[] = [];
  let share: Value | undefined;
  let before: readonly Value[] = [];
  for (const chunk of rowChunks(batch, rows)) {
    const y = after(b, rowsIn(b, fixed, chunk), before);
    const z = otherLogits(c, rowsIn(b, slots, chunk), blocks, offsets)(y, 0);
    const { weights, ...sums } = summary(c, block, z);
    const part = packed(b, sums);
    if (bias !== undefined && ownLogit !== undefined) {
      // From softmax over the others to softmax over all: times e^ℓ/(e^ℓ + e^z_t) = 1/(1 + e^(z_t − ℓ)).
      const odds = exp(b, sub(b, rowsIn(b, ownLogit, chunk), sums.logSum));
      const factors = div(b, 1 / batch, add(b, odds, 1));
      const sum = matmul(b, reshape(b, factors, [1, chunk.end - chunk.first]), weights);
      share = share === undefined ? sum : add(b, share, sum);
    }
    parts.push(part);
    before = share === undefined ? [part] : [part, share];
  }
  const perSlot = share === undefined ? undefined : reshape(b, share, [block.count]);
  return { total: concat(b, parts, 0), biasShare: perSlot && ofClasses(b, geometry, blocks, perSlot) };
}

/**
 * One pass over all classes that keeps few logits: value and derivative together.
 *
 * The gradient of ℓ = log Σ exp⟨q_s, y⟩ to y is m = Σ softmax(z)_s·q_s, and both ℓ and m are sums over classes. So ℓ + ⟨m, y − y⟩ with
 * constants ℓ and m has the value and the gradient, and nothing is computed again in the backward pass.
 *
 * Either a few samples are taken at a time with all their classes, or, where there are very many classes, all samples with a block of
 * classes, each adding its part: then at no time are there more logits than a block's, and memory does not depend on C. Blocks
 * are merged by their own log-sum-exps, so any finite logits are right, however large α and b become.
 *
 * @param own the own classes' logits as the loss has them, `[batch, 1]`, where the gradient to the bias is wanted
 */
export function otherClasses(c: LayerContext, scores: ClassScores, slots: Value, own?: Value): StreamedClasses {
  const { b } = c;
  const { geometry, scaled } = scores;
  return b.scoped('stream', () => {
    const [batch = 1] = staticShapeOf(scaled);
    const rows = rowsAtOnce(geometry, batch);
    const { total, biasShare } = rows === undefined ? byClasses(c, scores, slots) : byRows(c, scores, slots, own, rows);
    const { mean, logSum, largest } = unpacked(b, total, geometry.features);
    return { logSumExp: add(b, logSum, rowProducts(b, mean, sub(b, scaled, detach(b, scaled)))), largest, biasShare };
  });
}

/** A number for each slot of the blocks, one block after the other, in the order of the classes. */
function ofClasses(b: Builder, geometry: Geometry, blocks: readonly SlotBlock[], perSlot: Value): Value {
  const perClass = placeOfClass(geometry, blocks);
  return perClass === undefined ? perSlot : gather(b, perSlot, b.constant(perClass, 'place_of_class'), 0);
}

/**
 * {@link StreamedClasses.biasShare} by a second pass, for classes in blocks: a class's gradient needs every sample's finished
 * ℓ `[batch, 1]` (over all classes, the own one included). The pass reads y + 0·ℓ: so it cannot start before the first one has ended,
 * and the runtime cannot merge it with the first one, which would keep all logits in memory.
 */
function secondPass(c: LayerContext, scores: ClassScores, slots: Value, logSumExp: Value): Value {
  const { b } = c;
  const { geometry, scaled } = scores;
  const total = detach(b, logSumExp);
  const fixed = add(b, detach(b, scaled), mul(b, total, 0));
  const [batch = 1] = staticShapeOf(scaled);
  const blocks = blocksFor(geometry, batch);
  const logits = otherLogits(c, slots, blocks, offsetsOf(c, scores, blocks));
  const parts = blocks.map((_, index) => reduceMean(b, exp(b, sub(b, logits(fixed, index), total)), [0]));
  return ofClasses(b, geometry, blocks, concat(b, parts, 0));
}

/**
 * A term whose value is 0 and whose gradient to the bias is what the other classes add to it: (1/batch)·Σ exp(z_s − ℓ) for each
 * class s, with ℓ the log-sum-exp over all classes, `[batch, 1]`.
 */
export function biasTerm(
  c: LayerContext,
  scores: ClassScores & { readonly bias: Value },
  { biasShare }: StreamedClasses,
  slots: Value,
  logSumExp: Value,
): Value {
  const { b } = c;
  const { bias } = scores;
  return b.scoped('bias', () => {
    const share = biasShare ?? secondPass(c, scores, slots, logSumExp);
    return reduceSum(b, mul(b, share, sub(b, bias, detach(b, bias))), [0]);
  });
}

/** Where each class stands among the slots of the blocks one after the other; `undefined` where class i stands at i. */
function placeOfClass({ codes }: Geometry, blocks: readonly SlotBlock[]): HostTensor | undefined {
  if (codes === undefined) return undefined;
  const starts = blocks.map(({ count }, index) => ({ count, first: blocks[index]?.first ?? 0, start: 0 }));
  let start = 0;
  for (const block of starts) {
    block.start = start;
    start += block.count;
  }
  const end = blocks.reduce((most, { first, count }) => Math.max(most, first + count), 0);
  const place = new Int32Array(end);
  for (const block of starts) for (let k = 0; k < block.count; k++) place[block.first + k] = block.start + k;
  return int32(
    [codes.length],
    Int32Array.from(codes, (slot) => place[slot] ?? 0),
  );
}

/** Σ_c q_c over all classes, `[1, N]`: of constants, so the runtime computes it once, when it loads the graph. */
function sumOfVectors(c: LayerContext, geometry: Geometry, batch: number): Value {
  const { b } = c;
  const parts = blocksFor(geometry, batch).map((block) => {
    const weights = block.used ?? new Float32Array(block.count).fill(1);
    return block.transposed(c, b.constant(float32([1, block.count], weights), 'used'));
  });
  return parts.reduce((sum, part) => add(b, sum, part));
}

/** Σ_c z_c over all classes, `[batch, 1]`: what label smoothing needs, without the logits. */
export function sumOfLogits(c: LayerContext, { geometry, scaled, bias }: ClassScores): Value {
  const { b } = c;
  return b.scoped('sum', () => {
    const [batch = 1] = staticShapeOf(scaled);
    const fixed = rowProducts(b, scaled, sumOfVectors(c, geometry, batch));
    return bias === undefined ? fixed : add(b, fixed, reduceSum(b, bias, [0]));
  });
}
