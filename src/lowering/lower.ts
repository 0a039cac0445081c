import { internalError } from '../core/errors.ts';
import { checkGraph } from '../graph/check.ts';
import type { Graph } from '../graph/graph.ts';
import { definitionOf } from '../graph/ops.ts';
import { alignChannels } from './blocked-channels.ts';
import { lowerBlocked } from './blocked.ts';
import { checkpointActivations } from './checkpoint.ts';
import { fuse } from './fuse.ts';
import { mergeProducts } from './merge-products.ts';
import { mixedPrecision } from './mixed.ts';
import { lowerPortable } from './portable.ts';
import { scheduleForMemory } from './schedule.ts';
import { collapseReshapes, prune } from './tidy.ts';

/** What a graph is lowered to. */
export type LoweringTarget =
  /** Standard operators only: every device and browser. */
  | { readonly kind: 'portable' }
  /**
   * ONNX Runtime's CPU provider with its blocked layout of `block` channels (a runtime's `blockSize`). The graph uses an
   * internal operator domain and holds for this block size only: build it where it runs, never save it.
   */
  | { readonly kind: 'blocked'; readonly block: 8 | 16 };

/**
 * How exactly a graph computes: `float32`, or `mixed`: convolutions and matrix products in 16-bit floats, all else in float32.
 */
export type Precision = 'float32' | 'mixed';

/** How a graph is lowered, besides the target. */
export interface LoweringOptions {
  /** Whether a training step keeps only some activations and computes the others again in the backward pass: less memory, the same results. */
  readonly checkpoint?: boolean;
  /** `mixed` needs the portable target. Default: `float32`. */
  readonly precision?: Precision;
}

/**
 * The graph in operators that a runtime executes: sums of small matrix products become one product, macro operators are fused with
 * sums and ReLUs around them, then replaced; values that no output needs disappear. Inputs and outputs keep their names, types and order.
 */
export function lower(
  graph: Graph,
  target: LoweringTarget,
  { checkpoint = false, precision = 'float32' }: LoweringOptions = {},
): Graph {
  if (precision === 'mixed' && target.kind !== 'portable')
    throw internalError('mixed precision needs the portable lowering', { where: graph.name, received: target.kind });
  const merged = fuse(mergeProducts(graph));
  const fused = checkpoint ? checkpointActivations(merged) : merged;
  const lowered =
    target.kind === 'portable' ? lowerPortable(fused) : lowerBlocked(alignChannels(fused, target.block), target.block);
  const tidy = scheduleForMemory(prune(collapseReshapes(lowered)));
  for (const node of tidy.nodes) {
    if (node.kind === 'op' && definitionOf(node.op).domain === 'fixhead')
      throw internalError(`the ${target.kind} lowering left a macro operator`, { where: `${node.op} ${node.name}` });
  }
  return checkGraph(precision === 'mixed' ? mixedPrecision(tidy) : tidy, `${target.kind} lowering`);
}
