import { normalizeAxis, sameShape } from '../core/shape.ts';
import type { Builder, Value } from '../graph/builder.ts';
import { add, div, exp, log, reduceMax, reduceSum, sub } from '../graph/functions.ts';
import type { Graph } from '../graph/graph.ts';
import { inferTypes } from '../graph/shapes.ts';
import { applyRecipe, macros, type Recipes } from './macros.ts';
import { copyNode, operandsOf, startPass } from './pass.ts';
import { layerNormalizationInFull, powOfOneShape } from './portable-broadcast.ts';
import { forAnyDevice } from './portable-conv-forms.ts';
import { concatInTree, convInputGrad, convWeightGrad, splitInSlices } from './portable-conv.ts';
import { einsumByProducts } from './portable-einsum.ts';
import { logSumExp, overNoAxes } from './portable-reductions.ts';
import { sliceOrGather } from './portable-slices.ts';

/**
 * Every macro operator in standard operators, and standard operators restated where ONNX Runtime's WebGPU provider would
 * hand them to the CPU (LogSoftmax, Sum, Mean), exceed its buffer limit (long Concat and Split), compute them wrongly
 * (some grouped convolutions, Slices, reductions, products and Resizes) or not at all (convolutions of three extents, operands
 * that repeat).
 */
export function lowerPortable(graph: Graph): Graph {
  const pass = startPass(graph);
  const { builder: b } = pass;
  const lowered = new Map<string, Value>();
  const nameOf = (name: string): string => lowered.get(name)?.name ?? name;
  for (const node of graph.nodes) {
    const results =
      node.kind === 'foreign'
        ? undefined
        : b.scoped(node.name, () => {
            const operands = operandsOf(node, (name) => lowered.get(name) ?? b.value(name));
            return applyRecipe(portable, node.op, pass, node, operands);
          });
    if (results === undefined) copyNode(b, node, nameOf);
    else
      node.outputs.forEach((name, index) => {
        const value = results[index];
        if (value !== undefined) lowered.set(name, value);
      });
  }
  return pass.finish(nameOf);
}

const sumOf = (b: Builder, names: readonly string[], input: (index: number) => Value): Value =>
  names.map((_, index) => input(index)).reduce((total, value) => add(b, total, value));

const portable: Recipes = {
  ...macros,
  // log softmax(x) = (x − max x) − log Σ exp(x − max x)
  LogSoftmax: ({ builder: b }, node, { input }) => {
    const x = input(0);
    const axes = [normalizeAxis(node.attributes.axis, x.type.shape.length, node.name)];
    const shifted = sub(b, x, reduceMax(b, x, axes, { keepdims: true }));
    return [sub(b, shifted, log(b, reduceSum(b, exp(b, shifted), axes, { keepdims: true })))];
  },
  Sum: ({ builder: b }, node, { input }) => [sumOf(b, node.inputs, input)],
  Mean: ({ builder: b }, node, { input }) => [div(b, sumOf(b, node.inputs, input), node.inputs.length)],
  Concat: ({ builder: b }, node, { input }) => [
    concatInTree(
      b,
      node.inputs.map((_, index) => input(index)),
      node.attributes.axis,
    ),
  ],
  Split: ({ builder: b }, node, { input }) => splitInSlices(b, input(0), node.attributes.split, node.attributes.axis),
  Conv: ({ builder: b }, node, { input, optional }) =>
    node.attributes.group === 1 ? undefined : [forAnyDevice.conv(b, input(0), input(1), optional(2), node.attributes)],
  ConvTranspose: (pass, node, { input, optional }) => [
    forAnyDevice.transposed(pass, input(0), input(1), optional(2), node.attributes),
  ],
  ConvInputGrad: (pass, node, operands) => [convInputGrad(pass, node, operands, forAnyDevice)],
  ConvWeightGrad: (pass, node, operands) => [convWeightGrad(pass, node, operands, forAnyDevice)],
  ReduceL1: overNoAxes,
  ReduceL2: overNoAxes,
  ReduceSumSquare: overNoAxes,
  ReduceLogSum: overNoAxes,
  ReduceLogSumExp: logSumExp,
  Einsum: einsumByProducts,
  Slice: sliceOrGather,
  Pow: powOfOneShape,
  LayerNormalization: layerNormalizationInFull,
  // Where no extent changes ONNX Runtime's CPU provider copies, whatever the scales; the one for WebGPU moves elements.
  Resize: (_pass, node, { input }) => {
    const x = input(0);
    const [y] = inferTypes(node.op, node.name, [x.type], node.attributes);
    return y !== undefined && sameShape(y.shape, x.type.shape) ? [x] : undefined;
  },
};
