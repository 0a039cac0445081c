import { describe, expect, test } from 'vitest';
import { createBuilder, type Builder, type Value } from '../builder.ts';
import type { AttributesOf } from '../ops.ts';

const resize: AttributesOf<'Resize'> = {
  axes: [2, 3],
  scales: [],
  sizes: [],
  mode: 'nearest',
  coordinate_transformation_mode: 'half_pixel',
  nearest_mode: 'floor',
  cubic_coeff_a: -0.75,
  exclude_outside: 0,
};
const transposed: AttributesOf<'ConvTranspose'> = {
  kernel_shape: [3, 3],
  pads: [1, 1, 1, 1],
  strides: [2, 2],
  dilations: [1, 1],
  group: 1,
  output_padding: [0, 0],
};
const layer = { axis: 1, epsilon: 1e-5 };

describe('shape rules of images and normalisation refuse', () => {
  test.each<readonly [string, (b: Builder, f: (...shape: (number | string)[]) => Value) => unknown, string]>([
    [
      'neither scales nor sizes',
      (b, f) => b.op('Resize', [f(1, 2, 3, 4)], resize),
      'Resize: Resize takes scales or sizes; received scales [] and sizes []',
    ],
    [
      'both scales and sizes',
      (b, f) => b.op('Resize', [f(1, 2, 3, 4)], { ...resize, scales: [2, 2], sizes: [6, 8] }),
      'Resize takes scales or sizes; received scales [2, 2] and sizes [6, 8]',
    ],
    [
      'a size too many',
      (b, f) => b.op('Resize', [f(1, 2, 3, 4)], { ...resize, sizes: [1, 6, 8] }),
      'Resize needs one scale or size for each axis; expected 2, for the axes [2, 3], received [1, 6, 8]',
    ],
    [
      'a scale of zero',
      (b, f) => b.op('Resize', [f(1, 2, 3, 4)], { ...resize, scales: [2, 0] }),
      'scales and sizes must be positive; received 0',
    ],
    [
      'a symbolic extent to be scaled',
      (b, f) => b.op('Resize', [f(1, 2, 'h', 4)], { ...resize, scales: [2, 2] }),
      'dimension must be a number; received [1, 2, h, 4]',
    ],
    [
      'output padding as large as the stride',
      (b, f) => b.op('ConvTranspose', [f(1, 2, 3, 4), f(2, 3, 3, 3)], { ...transposed, output_padding: [0, 2] }),
      'ConvTranspose: output padding must be smaller than the stride; expected at most 1, received 2',
    ],
    [
      'groups that do not divide the channels',
      (b, f) => b.op('ConvTranspose', [f(1, 3, 3, 4), f(3, 3, 3, 3)], { ...transposed, group: 2 }),
      'convolution channels do not fit; received input [1, 3, 3, 4], filter [3, 3, 3, 3], 2 groups',
    ],
    [
      'a bias of a transposed convolution that does not fit its output',
      (b, f) => b.op('ConvTranspose', [f(1, 2, 3, 4), f(2, 3, 3, 3), f(2)], transposed),
      'wrong shape of bias; expected [3], received [2]',
    ],
    [
      'a filter for another number of extents',
      (b, f) => b.op('ConvTranspose', [f(1, 2, 3), f(2, 3, 3, 3)], transposed),
      'the filter does not fit',
    ],
    [
      'pooling without an extent',
      (b, f) => b.op('MaxPool', [f(2, 3)], { kernel_shape: [], pads: [], strides: [], dilations: [] }),
      'rank too small; expected [batch, channels, ...extents], received [2, 3]',
    ],
    [
      'a scale of a layer norm that does not fit',
      (b, f) => b.op('LayerNormalization', [f(2, 3, 4), f(3)], layer),
      'LayerNormalization: shapes do not broadcast',
    ],
    [
      'a bias of a layer norm that is larger than what is normalised',
      (b, f) => b.op('LayerNormalization', [f(2, 3, 4), f(3, 4), f(2, 3, 4)], layer),
      'wrong shape of bias; expected [3, 4], received [2, 3, 4]',
    ],
    [
      'a scale of an instance norm that is no channel vector',
      (b, f) => b.op('InstanceNormalization', [f(2, 3, 4), f(4), f(3)], { epsilon: 1e-5 }),
      'wrong shape of scale; expected [3], received [4]',
    ],
    [
      'an even number of neighbouring channels',
      (b, f) => b.op('LRN', [f(2, 3, 4, 4)], { size: 4, alpha: 1, beta: 1, bias: 1 }),
      'the number of channels must be odd; received 4',
    ],
  ])('%s', (_, build, message) => {
    const b = createBuilder('refused');
    let count = 0;
    const float = (...shape: (number | string)[]): Value => b.input(`x${count++}`, 'float32', shape);
    expect(() => build(b, float)).toThrow(message);
  });
});
