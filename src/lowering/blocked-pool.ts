import { float32 } from '../core/tensor.ts';
import type { Value } from '../graph/builder.ts';
import { reshape } from '../graph/functions.ts';
import type { OpNode } from '../graph/graph.ts';
import { blockedConv, type BlockedPass } from './blocked-values.ts';
import { averagePoolGradOn, maxPoolGradOn } from './portable-pool.ts';
import { axisWindows } from './window.ts';

/** Position of the height in the memory of a blocked value, `[N, C/b, H, W, b]`. */
const HEIGHT = 2;

/** A blocked value's memory as a tensor of five axes: the recipes for gradients of pooling need no other layout. */
function memoryOf(pass: BlockedPass, name: string): Value {
  const { builder: b, block } = pass;
  const [batch, channels, height, width] = pass.extents(name);
  return reshape(b, pass.blocked(name), [batch, channels / block, height, width, block]);
}

export function maxPool(pass: BlockedPass, node: OpNode<'MaxPool'>): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  if (!pass.isBlocked(x)) return false;
  pass.define(y, 'blocked', pass.builder.op('nchwc.MaxPool', [pass.blocked(x)], node.attributes));
  return true;
}

/** A depthwise convolution with a constant filter; windows that leave padding out of the count are not constant. */
export function averagePool(pass: BlockedPass, node: OpNode<'AveragePool'>): boolean {
  const [x = ''] = node.inputs;
  const [y = ''] = node.outputs;
  const { kernel_shape, pads, strides, count_include_pad } = node.attributes;
  const constant = count_include_pad === 1 || pads.every((amount) => amount === 0);
  if (!pass.isBlocked(x) || !constant) return false;
  const [, channels, height, width] = pass.extents(x);
  const [vertical, horizontal] = axisWindows(node.attributes, [1, channels, height, width], node.name);
  const taps = vertical.kernel * horizontal.kernel;
  const filter = pass.constant(`average_${channels}_${kernel_shape.join('x')}`, () =>
    float32([channels, 1, ...kernel_shape], new Float32Array(channels * taps).fill(1 / taps)),
  );
  const [top = 0, left = 0, bottom = 0, right = 0] = pads;
  const result = blockedConv(pass.builder, pass.blocked(x), filter, {
    kernel: [vertical.kernel, horizontal.kernel],
    pads: [top, left, bottom, right],
    strides: [strides[0] ?? 1, strides[1] ?? 1],
    group: channels,
  });
  pass.define(y, 'blocked', result);
  return true;
}

export function maxPoolGrad(pass: BlockedPass, node: OpNode<'MaxPoolGrad'>): boolean {
  const [gy = '', x = '', y = ''] = node.inputs;
  const [gx = ''] = node.outputs;
  if (pass.blockable(gx) === undefined || !(pass.isBlocked(x) || pass.isBlocked(gy))) return false;
  const values = [memoryOf(pass, gy), memoryOf(pass, x), memoryOf(pass, y)] as const;
  const gradient = maxPoolGradOn(pass, node.attributes, pass.extents(x), values, HEIGHT);
  pass.define(gx, 'blocked', reshape(pass.builder, gradient, pass.extents(gx)));
  return true;
}

export function averagePoolGrad(pass: BlockedPass, node: OpNode<'AveragePoolGrad'>): boolean {
  const [gy = ''] = node.inputs;
  const [gx = ''] = node.outputs;
  if (!pass.isBlocked(gy)) return false;
  const gradient = averagePoolGradOn(pass, node.attributes, memoryOf(pass, gy), HEIGHT);
  pass.define(gx, 'blocked', reshape(pass.builder, gradient, pass.extents(gx)));
  return true;
}
