import { defined } from '../core/errors.ts';
import { sameShape } from '../core/shape.ts';
import type { Value } from '../graph/builder.ts';
import type { Graph, OpNode } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';
import { clip, clipGradient, reluGradient } from './blocked-activations.ts';
import { batchNorms, type BatchNorms } from './blocked-batchnorm.ts';
import { convolution, inputGradient } from './blocked-conv.ts';
import {
  depthwiseConvolution,
  depthwiseInputGradient,
  depthwiseWeightGradient,
  isDepthwise,
} from './blocked-depthwise.ts';
import { averagePool, averagePoolGrad, maxPool, maxPoolGrad } from './blocked-pool.ts';
import { expand } from '../graph/functions.ts';
import { affine, ones, startBlockedPass, type BlockedPass } from './blocked-values.ts';
import { weightGradient } from './blocked-weight-gradient.ts';
import { applyRecipe, macros, nothingOf } from './macros.ts';
import { copyNode, operandsOf } from './pass.ts';

/**
 * Forward and backward pass in ONNX Runtime's blocked CPU layout. Its operators were made for inference with constant
 * weights, but their kernels accept computed ones; batch normalisation, residual sums, ReLUs, channel sums and weight
 * gradients all become blocked convolutions. A node that does not fit (channels not divisible by the block, groups, unusual
 * geometry) is lowered by the portable recipes, with conversions around that node only.
 */
export function lowerBlocked(graph: Graph, block: 8 | 16): Graph {
  const pass = startBlockedPass(graph, block);
  const { builder: b } = pass;
  const context: Context = { graph, pass, norms: batchNorms(pass) };
  for (const node of graph.nodes) {
    if (node.kind === 'foreign') {
      copyNode(b, node, (name) => plainName(pass, name));
      continue;
    }
    b.scoped(node.name, () => {
      if (emitBlocked(context, node.op, node)) return;
      const results = applyRecipe(macros, node.op, pass, node, operandsOf(node, pass.plain));
      if (results === undefined) copyNode(b, node, (name) => pass.plain(name).name);
      else
        node.outputs.forEach((name, index) => {
          pass.define(name, 'plain', defined(results[index], name));
        });
    });
  }
  return pass.finish((name) => plainName(pass, name));
}

/** Values of foreign nodes may have no type and then no Value; they keep their names. */
const plainName = (pass: BlockedPass, name: string): string =>
  pass.builder.has(name) || pass.isKnown(name) ? pass.plain(name).name : name;

interface Context {
  readonly graph: Graph;
  readonly pass: BlockedPass;
  readonly norms: BatchNorms;
}

/** How a node of operator K is emitted on blocked values; false where its operands do not fit. */
type BlockedRecipe<K extends Op> = (context: Context, node: OpNode<K>) => boolean;

const elementwise = {
  Relu: unary,
  HardSwish: unary,
  Sigmoid: unary,
  Tanh: unary,
  Neg: unary,
  Abs: unary,
  Identity: unary,
  Add: binary,
  Sub: binary,
  Mul: binary,
  Div: binary,
  Max: binary,
  Min: binary,
} as const;

const blockedRecipes: { readonly [K in Op]?: BlockedRecipe<K> } = {
  ...elementwise,
  Conv: ({ graph, pass }, node) =>
    isDepthwise(node.attributes.group, shapeOf(graph, node.inputs[1]))
      ? depthwiseConvolution(pass, node)
      : convolution(pass, node),
  ConvInputGrad: ({ graph, pass }, node) =>
    isDepthwise(node.attributes.group, shapeOf(graph, node.inputs[1]))
      ? depthwiseInputGradient(pass, node)
      : inputGradient(pass, node),
  ConvWeightGrad: ({ graph, pass }, node) =>
    isDepthwise(node.attributes.group, shapeOf(graph, node.outputs[0]))
      ? depthwiseWeightGradient(pass, node)
      : weightGradient(pass, node),
  BatchNormTraining: ({ norms }, node) => norms.forward(node),
  BatchNormGrad: ({ norms }, node) => norms.backward(node),
  ReluGrad: ({ pass }, node) => reluGradient(pass, node),
  Clip: ({ graph, pass }, node) => clip(graph, pass, node),
  ClipGrad: ({ graph, pass }, node) => clipGradient(graph, pass, node),
  GlobalAveragePool: globalAveragePool,
  MaxPool: ({ pass }, node) => maxPool(pass, node),
  MaxPoolGrad: ({ pass }, node) => maxPoolGrad(pass, node),
  AveragePool: ({ pass }, node) => averagePool(pass, node),
  AveragePoolGrad: ({ pass }, node) => averagePoolGrad(pass, node),
  Concat: concatenation,
  Slice: blocksOfChannels,
  Expand: uniform,
  Recompute: recompute,
};

const shapeOf = (graph: Graph, name = ''): readonly number[] =>
  (graph.types.get(name)?.shape ?? []).filter((extent): extent is number => typeof extent === 'number');

const emitBlocked = <K extends Op>(context: Context, op: K, node: OpNode<K>): boolean =>
  blockedRecipes[op]?.(context, node) ?? false;

function unary(
  { pass }: Context,
  node: OpNode<'Relu' | 'HardSwish' | 'Sigmoid' | 'Tanh' | 'Neg' | 'Abs' | 'Identity'>,
): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  if (!pass.isBlocked(x)) return false;
  pass.define(y, 'blocked', pass.builder.op(node.op, [pass.blocked(x)], {}));
  return true;
}

/** Operands of equal shape, or one of them a scalar. */
function binary({ graph, pass }: Context, node: OpNode<'Add' | 'Sub' | 'Mul' | 'Div' | 'Max' | 'Min'>): boolean {
  // Max and Min take any number.
  if (node.inputs.length !== 2) return false;
  const [a = '', c = ''] = node.inputs;
  const [result = ''] = node.outputs;
  const shape = graph.types.get(result)?.shape ?? [];
  if (pass.blockable(result) === undefined || !(pass.isBlocked(a) || pass.isBlocked(c))) return false;
  // The gradient of a batch normalisation takes a sum along.
  for (const [name, other] of [
    [a, c],
    [c, a],
  ] as const) {
    const plus = pass.form(name, 'plus');
    const same = pass.blockable(other) !== undefined && sameShape(graph.types.get(other)?.shape ?? [], shape);
    if (node.op !== 'Add' || plus === undefined || a === c || !same) continue;
    if (![name, other].every(pass.hasOneReader)) continue;
    pass.define(result, 'blocked', plus(pass.blocked(other)));
    return true;
  }
  const operands = [a, c].map((name): Value | undefined => {
    const given = graph.types.get(name)?.shape ?? [];
    if (given.length === 0) return pass.plain(name);
    return sameShape(given, shape) ? pass.blocked(name) : undefined;
  });
  const [left, right] = operands;
  if (left === undefined || right === undefined) return false;
  pass.define(result, 'blocked', pass.builder.op(node.op, [left, right], {}));
  return true;
}

function globalAveragePool({ pass }: Context, node: OpNode<'GlobalAveragePool'>): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  if (!pass.isBlocked(x)) return false;
  // One pixel: blocked and row-major are the same.
  pass.define(y, 'plain', pass.builder.op('nchwc.GlobalAveragePool', [pass.blocked(x)], {}));
  return true;
}

/** `[N, C, 1, 1]` repeated over pixels is kept as it is until somebody needs the pixels. */
function uniform({ graph, pass }: Context, node: OpNode<'Expand'>): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const extents = pass.blockable(y);
  if (extents === undefined || graph.types.get(x)?.shape.join() !== [extents[0], extents[1], 1, 1].join()) return false;
  pass.define(y, 'uniform', pass.plain(x));
  return true;
}

/** Made when somebody wants it: a batch normalisation takes the parts. */
function concatenation({ pass }: Context, node: OpNode<'Concat'>): boolean {
  const [y = ''] = node.outputs;
  if (node.attributes.axis !== 1 || pass.blockable(y) === undefined) return false;
  if (!node.inputs.every((name) => pass.blockable(name) !== undefined) || !node.inputs.some(pass.isBlocked))
    return false;
  pass.define(
    y,
    'parts',
    node.inputs.flatMap((name) => pass.form(name, 'parts') ?? [name]),
  );
  return true;
}

/** Whole blocks of channels. */
function blocksOfChannels({ pass }: Context, node: OpNode<'Slice'>): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const { starts, ends, axes, steps } = node.attributes;
  const whole = [...starts, ...ends].every((position) => position >= 0 && position % pass.block === 0);
  if (!pass.isBlocked(x) || pass.blockable(y) === undefined || axes.join() !== '1' || steps[0] !== 1 || !whole)
    return false;
  pass.define(y, 'blocked', pass.builder.op('Slice', [pass.blocked(x)], node.attributes));
  return true;
}

/** x times 1 plus a zero that waits. */
function recompute({ pass }: Context, node: OpNode<'Recompute'>): boolean {
  const { builder: b } = pass;
  const [x = '', after = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const extents = pass.blockable(x);
  if (extents === undefined || !pass.isBlocked(x)) return false;
  const [, channels] = extents;
  const bias = expand(b, nothingOf(b, pass.anyForm(after)), [channels]);
  pass.define(y, 'blocked', affine(pass, pass.blocked(x), ones(pass, channels), bias));
  return true;
}
