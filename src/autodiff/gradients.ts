import { defined, inputError, internalError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import { createBuilder, staticShapeOf, type Builder, type Value } from '../graph/builder.ts';
import { add, reduceSum, reshape, scalar } from '../graph/functions.ts';
import { operatorName, type Graph, type GraphNode, type OpNode } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';
import type { GradientContext, GradientRules } from './rule.ts';
import { elementwiseRules } from './rules/elementwise.ts';
import { imageRules } from './rules/images.ts';
import { blockedRules, macroRules } from './rules/macros.ts';
import { movementRules } from './rules/movement.ts';
import { normalizationRules } from './rules/normalization.ts';
import { productRules } from './rules/products.ts';
import { reductionRules } from './rules/reductions.ts';
import { isFloat } from './types.ts';

/** Every operator's rule, or its reason for having none. Complete: an operator without an entry does not compile. */
export const gradientRules: GradientRules = {
  ...elementwiseRules,
  ...productRules,
  ...movementRules,
  ...reductionRules,
  ...imageRules,
  ...normalizationRules,
  ...macroRules,
  ...blockedRules,
};

/** Which derivatives are wanted. */
export interface GradientRequest {
  /** Name of the scalar value to differentiate. */
  readonly loss: string;
  /** Names of the values whose gradients are wanted. */
  readonly wrt: readonly string[];
}

/** A graph that also computes gradients. */
export interface GradientGraph {
  /** The given graph, its outputs unchanged, with the gradient nodes behind it. */
  readonly graph: Graph;
  /** Name of the gradient's value for each wanted name, of that value's shape. */
  readonly gradients: ReadonlyMap<string, string>;
}

function stops(node: GraphNode): boolean {
  if (node.kind === 'foreign') return false;
  const rule = gradientRules[node.op];
  return typeof rule !== 'function' && rule.stops === true;
}

/**
 * Names of the values through which a gradient can flow back to one of `sources`. Integers and booleans stop it: a mask such as
 * Cast(x > 0) is constant almost everywhere, so its derivative is zero and costs no node. So do step functions such as Floor, and
 * Detach, because it says so.
 */
function reachable(graph: Graph, sources: readonly string[]): Set<string> {
  const reached = new Set(sources);
  for (const node of graph.nodes) {
    if (!node.inputs.some((input) => reached.has(input)) || stops(node)) continue;
    for (const output of node.outputs) {
      const type = graph.types.get(output);
      if (type === undefined || isFloat(type.dtype)) reached.add(output);
    }
  }
  return reached;
}

/** Sums a gradient of a broadcast result back to the shape of the operand: the transpose of broadcasting. */
function sumToShape(b: Builder, gradient: Value, target: Value): Value {
  const shape = staticShapeOf(target);
  const from = staticShapeOf(gradient);
  if (sameShape(shape, from)) return gradient;
  const missing = from.length - shape.length;
  const axes = from.flatMap((dim, axis) =>
    axis < missing || (shape[axis - missing] === 1 && dim !== 1) ? [axis] : [],
  );
  return reshape(b, axes.length === 0 ? gradient : reduceSum(b, gradient, axes), shape);
}

function contextFor(
  b: Builder,
  graph: Graph,
  node: OpNode,
  grads: ReadonlyMap<string, Value>,
  one: Value,
  wanted: (input: string) => boolean,
): GradientContext {
  const named = (list: readonly string[], index: number): string =>
    defined(list[index], `value ${index} of ${node.name}`);
  return {
    b,
    where: node.name,
    attributes: node.attributes,
    count: node.inputs.length,
    input: (index) => b.value(named(node.inputs, index)),
    output: (index) => b.value(named(node.outputs, index)),
    optional: (index) => {
      const input = node.inputs[index] ?? '';
      return input === '' ? undefined : b.value(input);
    },
    constant: (index) => {
      const input = node.inputs[index] ?? '';
      return wanted(input) ? undefined : graph.initializers.get(input);
    },
    grad: (index = 0) => defined(grads.get(named(node.outputs, index)), `gradient of ${node.name}`),
    isLoss: grads.get(named(node.outputs, 0)) === one,
    hasGrad: (index) => grads.has(named(node.outputs, index)),
    needs: (index) => {
      const input = node.inputs[index];
      return input !== undefined && wanted(input);
    },
  };
}

function differentiate<K extends Op>(op: K, context: GradientContext<K>): readonly (Value | undefined)[] {
  const rule = (gradientRules as GradientRules<K>)[op];
  if (typeof rule === 'function') return rule(context);
  throw inputError(`no gradient through ${op}`, { where: context.where, hint: rule.noGradient });
}

/**
 * Reverse-mode differentiation: extends the graph by the gradients ∂loss/∂v for each wanted value v.
 *
 * One backward pass over the nodes. A node is visited only if its output has a gradient and one of its inputs leads to a
 * wanted value, and a rule computes only the gradients that are wanted: a fixed matrix costs no node at all.
 *
 * @throws an input error if the loss is not a float32 scalar, does not depend on a wanted value, or if a gradient would have to
 * pass through an operator without a rule.
 */
export function gradients(graph: Graph, { loss, wrt }: GradientRequest): GradientGraph {
  const b = createBuilder(graph.name, graph);
  const lossValue = b.value(loss);
  if (lossValue.type.shape.length !== 0 || lossValue.type.dtype !== 'float32') {
    throw inputError('the loss must be a float32 scalar', {
      where: loss,
      received: `${lossValue.type.dtype}${formatShape(lossValue.type.shape)}`,
    });
  }
  const reached = reachable(graph, wrt);
  const wanted = (name: string): boolean => reached.has(name);
  const one = scalar(b, 1);
  const grads = new Map<string, Value>([[loss, one]]);

  const accumulate = (name: string, contribution: Value): void => {
    const value = b.value(name);
    const summed = sumToShape(b, contribution, value);
    const before = grads.get(name);
    grads.set(name, before === undefined ? summed : add(b, before, summed));
  };

  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => grads.has(output)) || !node.inputs.some((input) => reached.has(input))) continue;
    if (node.kind === 'foreign') {
      throw inputError(`no gradient through ${operatorName(node)}`, {
        where: node.name,
        hint: 'the operator is not in the table; freeze what lies before it',
      });
    }
    b.scoped(`gradient/${node.name}`, () => {
      const contributions = differentiate(node.op, contextFor(b, graph, node, grads, one, wanted));
      if (contributions.length !== node.inputs.length) {
        throw internalError('a gradient rule must answer for every input', { where: `${node.op} ${node.name}` });
      }
      node.inputs.forEach((input, index) => {
        const contribution = contributions[index];
        if (contribution !== undefined && input !== '' && wanted(input)) accumulate(input, contribution);
      });
    });
  }

  const result = new Map<string, string>();
  for (const name of wrt) {
    const gradient = grads.get(name);
    if (gradient === undefined)
      throw inputError('the loss does not depend on a wanted value', { where: loss, received: name });
    result.set(name, gradient.name);
  }
  return Object.freeze({ graph: b.build(), gradients: result });
}
