import { internalError } from '../core/errors.ts';
import { staticShape } from '../core/shape.ts';
import type { Builder, Value } from '../graph/builder.ts';
import { reshape, transpose } from '../graph/functions.ts';

/**
 * Channels of x `[batch, groups·k, h, w]` in the order in which they are dealt to groups: channel g·k + i becomes channel i·groups + g, so
 * that the next grouped convolution sees channels of every group (Zhang et al. 2018, ShuffleNet).
 */
export function channelShuffle(b: Builder, x: Value, groups: number): Value {
  const [channels = 0, height = 0, width = 0] = staticShape(x.type.shape.slice(1), x.name);
  if (channels % groups !== 0)
    throw internalError(`${channels} channels do not make ${groups} groups`, { where: x.name });
  const apart = reshape(b, x, [0, groups, channels / groups, height, width]);
  return reshape(b, transpose(b, apart, [0, 2, 1, 3, 4]), [0, channels, height, width]);
}
