import { defined } from '../core/errors.ts';
import type { Builder, Value } from '../graph/builder.ts';
import { add, mul, neg, reduceMean, reduceSum, relu, reshape, sub } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import { affine, blockedConv, ones, type BlockedPass } from './blocked-values.ts';
import { inverseDeviation } from './portable-batchnorm.ts';

/** What the backward step takes over from the forward step of the same layer. */
interface Statistics {
  readonly node: OpNode<'BatchNormTraining'>;
  /** The input less a constant per channel: normalisation does not see it, and sums of squares keep their digits. */
  readonly x: Value;
  /** Mean of x per channel; undefined for zero. */
  readonly mean: Value | undefined;
  /** 1/√(σ² + ε) */
  readonly inverse: Value;
  /** scale/√(σ² + ε) */
  readonly factor: Value;
}

export interface BatchNorms {
  readonly forward: (node: OpNode<'BatchNormTraining'>) => boolean;
  readonly backward: (node: OpNode<'BatchNormGrad'>) => boolean;
}

type Extents = readonly [number, number, number, number];

/** Σ over pixels of a∘c, `[N, C]`: a convolution of every channel of every image with a kernel as large as itself. */
function dot(b: Builder, a: Value, c: Value, [batch, channels, height, width]: Extents): Value {
  const group = batch * channels;
  const product = blockedConv(b, reshape(b, a, [1, group, height, width]), reshape(b, c, [group, 1, height, width]), {
    kernel: [height, width],
    group,
  });
  return reshape(b, product, [batch, channels]);
}

const pixelMeans = (b: Builder, x: Value, [batch, channels]: Extents): Value =>
  reshape(b, b.op('nchwc.GlobalAveragePool', [x], {}), [batch, channels]);

/**
 * Batch normalisation on blocked values. Variance is E[x²] − E[x]² of an x whose mean is near zero: the producing
 * convolution subtracted an estimate of it, or it is subtracted here.
 */
export function batchNorms(pass: BlockedPass): BatchNorms {
  const { builder: b } = pass;
  /** By the name of the mean. */
  const known = new Map<string, Statistics>();

  const statistics = (node: OpNode<'BatchNormTraining'>, extents: Extents) => {
    const [batch, channels, height, width] = extents;
    const [xName = '', scaleName = ''] = node.inputs;
    const shifted = pass.form(xName, 'shifted');
    const pixels = batch * height * width;
    const squares = (x: Value): Value => mul(b, reduceSum(b, dot(b, x, x, extents), [0]), 1 / pixels);
    let x: Value, mean: Value, offset: Value | undefined, variance: Value;
    if (shifted !== undefined) {
      x = shifted.value;
      offset = reduceMean(b, pixelMeans(b, x, extents), [0]);
      mean = add(b, offset, shifted.shift);
      variance = relu(b, sub(b, squares(x), mul(b, offset, offset)));
    } else {
      const given = pass.blocked(xName);
      mean = reduceMean(b, pixelMeans(b, given, extents), [0]);
      x = affine(pass, given, ones(pass, channels), neg(b, mean));
      offset = undefined;
      variance = squares(x);
    }
    const inverse = inverseDeviation(b, variance, node.attributes.epsilon);
    const factor = mul(b, pass.plain(scaleName), inverse);
    return { node, x, mean: offset, inverse, factor, outputs: [mean, variance] as const };
  };

  const forward = (node: OpNode<'BatchNormTraining'>): boolean => {
    const [x = '', , biasName = '', sum = ''] = node.inputs;
    const extents = pass.blockable(x);
    if (extents === undefined) return false;
    const found = statistics(node, extents);
    const [y = '', mean = '', variance = ''] = node.outputs;
    known.set(mean, found);
    const bias = pass.plain(biasName);
    const shift = found.mean === undefined ? bias : sub(b, bias, mul(b, found.mean, found.factor));
    const activation = { relu: node.attributes.relu === 1 };
    const sole = sum === '' || pass.hasOneReader(sum);
    // A sum that others read must not be overwritten, and ONNX Runtime would copy it first, on one thread: the sum is added
    // to the normalised values instead.
    const result = sole
      ? affine(pass, found.x, found.factor, shift, { sum: sum === '' ? undefined : pass.blocked(sum), ...activation })
      : affine(pass, pass.blocked(sum), ones(pass, extents[1]), undefined, {
          sum: affine(pass, found.x, found.factor, shift),
          ...activation,
        });
    pass.define(y, 'blocked', result);
    pass.define(mean, 'plain', found.outputs[0]);
    pass.define(variance, 'plain', found.outputs[1]);
    return true;
  };

  /** From the forward step if this is its gradient, else from the given mean and variance. */
  const statisticsFor = (node: OpNode<'BatchNormGrad'>): Pick<Statistics, 'x' | 'mean' | 'inverse' | 'factor'> => {
    const [, x = '', scale = '', mean = '', variance = ''] = node.inputs;
    const found = known.get(mean);
    const same =
      found?.node.inputs[0] === x &&
      found.node.inputs[1] === scale &&
      found.node.outputs[2] === variance &&
      found.node.attributes.epsilon === node.attributes.epsilon;
    if (same) return found;
    const centred = affine(
      pass,
      pass.blocked(x),
      ones(pass, defined(pass.blockable(x), x)[1]),
      neg(b, pass.plain(mean)),
    );
    const inverse = inverseDeviation(b, pass.plain(variance), node.attributes.epsilon);
    return { x: centred, mean: undefined, inverse, factor: mul(b, pass.plain(scale), inverse) };
  };

  /**
   * gx = factor·(gy + p·x + q) with channel vectors p and q. Where gy has no other reader, one pass adds p·x + q to it in
   * place, and the factor is left to whoever reads gx: convolutions take it into their filters. Else two passes.
   */
  const backward = (node: OpNode<'BatchNormGrad'>): boolean => {
    const [gyName = '', xName = ''] = node.inputs;
    const extents = pass.blockable(xName);
    if (extents === undefined) return false;
    const [batch, , height, width] = extents;
    const share = -1 / (batch * height * width);
    const { x, mean, inverse, factor } = statisticsFor(node);
    const gy = pass.blocked(gyName);
    const gbias = mul(b, reduceSum(b, pixelMeans(b, gy, extents), [0]), height * width);
    const products = reduceSum(b, dot(b, gy, x, extents), [0]);
    const centred = mean === undefined ? products : sub(b, products, mul(b, mean, gbias));
    const gscale = mul(b, centred, inverse);
    const p = mul(b, mul(b, gscale, inverse), share);
    const mass = mul(b, gbias, share);
    const q = mean === undefined ? mass : sub(b, mass, mul(b, mean, p));
    const [gx = '', gscaleName = '', gbiasName = ''] = node.outputs;
    if (pass.hasOneReader(gyName))
      pass.define(gx, 'scaled', { value: affine(pass, x, p, q, { sum: gy }), scale: factor });
    else {
      const correction = affine(pass, x, mul(b, factor, p), mul(b, factor, q));
      pass.define(gx, 'blocked', affine(pass, gy, factor, undefined, { sum: correction }));
    }
    pass.define(gscaleName, 'plain', gscale);
    pass.define(gbiasName, 'plain', gbias);
    return true;
  };

  return { forward, backward };
}
