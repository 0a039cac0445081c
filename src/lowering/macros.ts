import { staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { sizeOf } from '../core/shape.ts';
import { add, cast, greater, mul, reshape, slice } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';
import { batchNormGrad, batchNormTraining } from './portable-batchnorm.ts';
import { convInputGrad, convWeightGrad } from './portable-conv.ts';
import { averagePoolGrad, maxPoolGrad } from './portable-pool.ts';
import type { Operands, Pass } from './pass.ts';

/** How a node of operator K is written with other operators: its outputs' new values, or `undefined` to leave it. */
export type Recipe<K extends Op> = (pass: Pass, node: OpNode<K>, operands: Operands) => readonly Value[] | undefined;

export type Recipes = { readonly [K in Op]?: Recipe<K> };

/** A zero `[1]` that is not known before x is (not a number where x begins with none). */
export function nothingOf(b: Builder, x: Value): Value {
  return mul(b, slice(b, reshape(b, x, [sizeOf(staticShapeOf(x))]), 0, 0, 1), 0);
}

/** Every macro operator in standard operators, which every runtime executes. */
export const macros = {
  Detach: (_pass, _node, { input }) => [input(0)],
  GivenGradient: (_pass, _node, { input }) => [input(0)],
  Recompute: ({ builder: b }, _node, { input }) => [add(b, input(0), nothingOf(b, input(1)))],
  BatchNormTraining: ({ builder }, node, operands) => batchNormTraining(builder, node, operands),
  BatchNormGrad: ({ builder }, node, operands) => batchNormGrad(builder, node, operands),
  ReluGrad: ({ builder: b }, _node, { input }) => [mul(b, input(0), cast(b, greater(b, input(1), 0), 'float32'))],
  ClipGrad: ({ builder: b }, _node, { input, optional }) => {
    const [low, high] = [optional(2), optional(3)];
    const above = low === undefined ? input(0) : mul(b, input(0), cast(b, greater(b, input(1), low), 'float32'));
    return [high === undefined ? above : mul(b, above, cast(b, greater(b, high, input(1)), 'float32'))];
  },
  ConvInputGrad: (pass, node, operands) => [convInputGrad(pass, node, operands)],
  ConvWeightGrad: (pass, node, operands) => [convWeightGrad(pass, node, operands)],
  MaxPoolGrad: (pass, node, operands) => [maxPoolGrad(pass, node, operands)],
  AveragePoolGrad: (pass, node, operands) => [averagePoolGrad(pass, node, operands)],
} as const satisfies Recipes;

/** The node by its recipe; `undefined` if the table has none or the recipe leaves it. */
export function applyRecipe<K extends Op>(
  recipes: Recipes,
  op: K,
  pass: Pass,
  node: OpNode<K>,
  operands: Operands,
): readonly Value[] | undefined {
  return recipes[op]?.(pass, node, operands);
}
