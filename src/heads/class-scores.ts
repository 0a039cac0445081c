import { int32 } from '../core/tensor.ts';
import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { add, gather, mul, reduceSum, reshape } from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import { slotTableName } from './assigned.ts';
import type { Geometry } from './geometry.ts';
import { marginLogit } from './margin.ts';
import type { Margin } from './spec.ts';

/** The logits of a fixed head for a batch, before they are computed: z_c = α·⟨q_c, x̂⟩ + b_c. */
export interface ClassScores {
  readonly geometry: Geometry;
  /** x̂ `[batch, N]`, rows of unit length. */
  readonly unit: Value;
  /** y = α·x̂ `[batch, N]`. */
  readonly scaled: Value;
  readonly scale: Value | number;
  /** b `[C]`. */
  readonly bias: Value | undefined;
  /** int32 `[batch]`. */
  readonly labels: Value;
}

/** The logit of each sample's own class, `[batch, 1]`, computed from that class's vector alone. */
export interface OwnScore {
  /** The own class's slot in the geometry, int32 `[batch]`. */
  readonly slots: Value;
  /** z_t as inference has it. */
  readonly plain: Value;
  /** z_t as the loss has it: with the margin, where there is one. */
  readonly logit: Value;
}

/** A number that exceeds every logit and any sum of them, far inside float32. */
export const BEYOND = 1e30;

/** The slot of each class, as indices; `undefined` where class i has slot i. */
export function slotOfClass(b: Builder, { codes }: Geometry): Value | undefined {
  return codes === undefined ? undefined : b.constant(int32([codes.length], Int32Array.from(codes)), slotTableName);
}

/** The class of each slot; class 0 where none has the slot. */
export function classOfSlot({ codes, slots }: Geometry): Int32Array | undefined {
  if (codes === undefined) return undefined;
  const classes = new Int32Array(slots);
  codes.forEach((slot, index) => (classes[slot] = index));
  return classes;
}

/** ⟨a, b⟩ for each row: `[batch, 1]`. */
export const rowProducts = (b: Builder, x: Value, y: Value): Value =>
  reduceSum(b, mul(b, x, y), [1], { keepdims: true });

/** The own class's score; the margin (if any) lowers it for the loss only. */
export function ownScore(c: LayerContext, scores: ClassScores, margin: Margin | undefined): OwnScore {
  const { b } = c;
  const { geometry, unit, scale, bias, labels } = scores;
  const [batch = 1] = staticShapeOf(labels);
  // Not in a scope of its own: stored vectors are named after the layer that first asks for them.
  const table = slotOfClass(b, geometry);
  const slots = table === undefined ? labels : gather(b, table, labels, 0);
  const cosine = rowProducts(b, geometry.rowsOf(c, slots), unit);
  const offset = bias === undefined ? undefined : reshape(b, gather(b, bias, labels, 0), [batch, 1]);
  const withBias = (z: Value): Value => (offset === undefined ? z : add(b, z, offset));
  const plain = withBias(mul(b, cosine, scale));
  return {
    slots,
    plain,
    logit: margin === undefined ? plain : withBias(marginLogit(b, margin, cosine, scale)),
  };
}
