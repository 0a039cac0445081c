import { sizeOf } from '../../src/core/shape.ts';
import type { normalizationOps } from '../../src/graph/ops/normalization.ts';
import { accumulate, at, atBroadcast, generate, item, zeros, type EvaluateTable, type NdArray } from './array.ts';

/** Channel (axis 1) of the element at an offset. */
function channelOf(x: NdArray): (at: number) => number {
  const channels = item(x.shape, 1);
  const perChannel = sizeOf(x.shape.slice(2));
  return (at) => Math.floor(at / perChannel) % channels;
}

/** Mean over all axes but the channels of `value(offset, channel)`. */
function channelMean(x: NdArray, value: (at: number, channel: number) => number): NdArray {
  const mean = zeros([item(x.shape, 1)]);
  const channel = channelOf(x);
  const count = x.data.length / mean.data.length;
  x.data.forEach((_, at) => {
    accumulate(mean, channel(at), value(at, channel(at)) / count);
  });
  return mean;
}

/** (x − mean)/√(variance + ε), per channel. */
function normalized(x: NdArray, mean: NdArray, variance: NdArray, epsilon: number): NdArray {
  const channel = channelOf(x);
  return {
    shape: x.shape,
    data: x.data.map((value, at) => {
      const c = channel(at);
      return (value - item(mean.data, c)) / Math.sqrt(item(variance.data, c) + epsilon);
    }),
  };
}

function scaleAndShift(x: NdArray, scale: NdArray, shift: NdArray): NdArray {
  const channel = channelOf(x);
  const data = x.data.map((value, at) => value * item(scale.data, channel(at)) + item(shift.data, channel(at)));
  return { shape: x.shape, data };
}

/** (x − mean)/√(variance + ε) over each run of `count` elements, biased variance. */
function normalizedRuns(x: NdArray, count: number, epsilon: number): NdArray {
  const result = zeros(x.shape);
  for (let start = 0; start < x.data.length; start += count) {
    const run = x.data.subarray(start, start + count);
    const mean = run.reduce((sum, value) => sum + value, 0) / count;
    const variance = run.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
    run.forEach((value, at) => {
      result.data[start + at] = (value - mean) / Math.sqrt(variance + epsilon);
    });
  }
  return result;
}

export const normalization: EvaluateTable<keyof typeof normalizationOps | 'BatchNormTraining' | 'BatchNormGrad'> = {
  LayerNormalization: ({ input, inputs, attributes: { axis, epsilon } }) => {
    const x = input(0);
    const hat = normalizedRuns(x, sizeOf(x.shape.slice(axis)), epsilon);
    const affine = (index: readonly number[]): number =>
      at(hat, index) * atBroadcast(input(1), index) + (inputs[2] === undefined ? 0 : atBroadcast(inputs[2], index));
    return [generate(x.shape, affine)];
  },
  InstanceNormalization: ({ input, attributes: { epsilon } }) => {
    const x = input(0);
    return [scaleAndShift(normalizedRuns(x, sizeOf(x.shape.slice(2)), epsilon), input(1), input(2))];
  },
  LRN: ({ input, attributes: { size, alpha, beta, bias } }) => {
    const x = input(0);
    const channels = item(x.shape, 1);
    const normalize = (index: readonly number[]): number => {
      const channel = item(index, 1);
      let squares = 0;
      const last = Math.min(channels - 1, channel + Math.ceil((size - 1) / 2));
      for (let c = Math.max(0, channel - Math.floor((size - 1) / 2)); c <= last; c++) {
        squares += at(x, [item(index, 0), c, ...index.slice(2)]) ** 2;
      }
      return at(x, index) / (bias + (alpha / size) * squares) ** beta;
    };
    return [generate(x.shape, normalize)];
  },
  Dropout: ({ input }) => [input(0)],
  BatchNormalization: ({ input, attributes: { epsilon } }) => [
    scaleAndShift(normalized(input(0), input(3), input(4), epsilon), input(1), input(2)),
  ],
  BatchNormTraining: ({ input, inputs, attributes: { epsilon, relu } }) => {
    const [x, sum] = [input(0), inputs[3]];
    const mean = channelMean(x, (at) => item(x.data, at));
    const variance = channelMean(x, (at, channel) => (item(x.data, at) - item(mean.data, channel)) ** 2);
    const y = scaleAndShift(normalized(x, mean, variance, epsilon), input(1), input(2));
    const summed = sum === undefined ? y.data : y.data.map((value, at) => value + item(sum.data, at));
    return [{ shape: x.shape, data: relu === 1 ? summed.map((value) => Math.max(value, 0)) : summed }, mean, variance];
  },
  // With x̂ the normalised input, M elements a channel and means over them:
  // gbias = Σ gy, gscale = Σ gy·x̂, gx = scale/√(variance + ε) · (gy − mean(gy) − x̂·mean(gy·x̂))
  BatchNormGrad: ({ input, attributes: { epsilon } }) => {
    const [gy, x, scale, mean, variance] = [input(0), input(1), input(2), input(3), input(4)];
    const hat = normalized(x, mean, variance, epsilon);
    const channel = channelOf(x);
    const meanGy = channelMean(gy, (at) => item(gy.data, at));
    const meanGyHat = channelMean(gy, (at) => item(gy.data, at) * item(hat.data, at));
    const count = x.data.length / mean.data.length;
    const gx = gy.data.map((value, at) => {
      const c = channel(at);
      const centred = value - item(meanGy.data, c) - item(hat.data, at) * item(meanGyHat.data, c);
      return (item(scale.data, c) / Math.sqrt(item(variance.data, c) + epsilon)) * centred;
    });
    const total = ({ shape, data }: NdArray): NdArray => ({ shape, data: data.map((value) => value * count) });
    return [{ shape: x.shape, data: gx }, total(meanGyHat), total(meanGy)];
  },
};
