import { usageError } from '../core/errors.ts';
import { nearestOf } from '../core/suggest.ts';
import type { Augmentation } from '../data/dataset.ts';
import { imageNetCrop } from '../data/resized-crop.ts';
import { parseHead } from '../heads/parse.ts';
import type { SoftmaxSpec } from '../heads/softmax.ts';
import type { HeadSpec } from '../heads/spec.ts';

/** Turns the text behind an option into its value; throws a usage error that names the option. */
export type Parser<T> = (text: string) => T;

/** A whole number of at least `least`. */
export function whole(where: string, least: number): Parser<number> {
  return (text) => {
    const value = Number(text);
    if (/^[+-]?\d+$/.test(text.trim()) && Number.isSafeInteger(value) && value >= least) return value;
    throw usageError('not a whole number in range', { where, expected: `${least} or more`, received: text });
  };
}

export interface Range {
  readonly above?: number;
  readonly least?: number;
  readonly below?: number;
}

/** A finite number; the ends of the range are open for `above` and `below`. */
export function real(where: string, { above, least, below }: Range): Parser<number> {
  const parts = [
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(least === undefined ? [] : [`${least} or more`]),
    ...(below === undefined ? [] : [`below ${below}`]),
  ];
  return (text) => {
    const value = Number(text);
    const inside = value > (above ?? -Infinity) && value >= (least ?? -Infinity) && value < (below ?? Infinity);
    if (text.trim() !== '' && Number.isFinite(value) && inside) return value;
    throw usageError('not a number in range', { where, expected: `a number ${parts.join(' and ')}`, received: text });
  };
}

/** One of a few words. */
export function oneOf<T extends string>(where: string, choices: readonly T[]): Parser<T> {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found !== undefined) return found;
    throw usageError('unknown choice', { where, received: text, legal: choices, ...nearestOf(text, choices) });
  };
}

/** A list with commas between its parts. */
export function listOf<T>(where: string, part: Parser<T>): Parser<readonly T[]> {
  return (text) => {
    const parts = text.split(',').map((each) => each.trim());
    if (parts.includes('')) {
      throw usageError('an empty place in a list', { where, expected: 'values with commas between', received: text });
    }
    return parts.map(part);
  };
}

export const heads: Parser<readonly HeadSpec[]> = listOf('--heads', parseHead);

export const seeds: Parser<readonly number[]> = listOf('--seeds', whole('--seeds', 0));

/** `HEIGHTxWIDTH` or `HEIGHTxWIDTHxCHANNELS`. */
export function imageSize(text: string): { height: number; width: number; channels?: 1 | 3 } {
  const [, height, width, channels] = /^(\d+)x(\d+)(?:x([13]))?$/i.exec(text) ?? [];
  if (height === undefined || width === undefined || Number(height) < 1 || Number(width) < 1) {
    throw usageError('not an image size', {
      where: '--image-size',
      expected: 'HEIGHTxWIDTH or HEIGHTxWIDTHxCHANNELS with 1 or 3 channels, as in 32x32 or 32x32x3',
      received: text,
    });
  }
  return {
    height: Number(height),
    width: Number(width),
    ...(channels === undefined ? {} : { channels: channels === '1' ? 1 : 3 }),
  };
}

/** `CHANNELSxHEIGHTxWIDTH`: the shape of a model's input. */
export function imageShape(text: string): { channels: number; height: number; width: number } {
  const [, channels, height, width] = /^(\d+)x(\d+)x(\d+)$/i.exec(text) ?? [];
  const sides = [channels, height, width].map(Number);
  if (sides.some((side) => !(side >= 1 && side <= 4096))) {
    throw usageError('not an image shape', {
      where: '--image',
      expected: 'CHANNELSxHEIGHTxWIDTH, as in 3x32x32',
      received: text,
    });
  }
  return { channels: Number(channels), height: Number(height), width: Number(width) };
}

/** `none`, or some of `crop=PIXELS`, `flip`, `resized-crop` (the ImageNet recipe’s) or `resized-crop=SHARE` (of the area, at least), `rotate=DEGREES`, `scale=SHARE` and `shift=PIXELS` with commas between. */
export function augmentation(text: string): Augmentation {
  let chosen: Augmentation = { cropPadding: 0, horizontalFlip: false };
  if (text === 'none') return chosen;
  for (const part of text.split(',').map((each) => each.trim())) {
    const [, name = part, value] = /^([a-z-]+)=(\d+(?:\.\d+)?)$/.exec(part) ?? [];
    const amount = Number(value);
    if (part === 'flip') chosen = { ...chosen, horizontalFlip: true };
    else if (part === 'resized-crop') chosen = { ...chosen, randomResizedCrop: imageNetCrop };
    else if (name === 'resized-crop' && amount > 0 && amount <= 1) {
      chosen = { ...chosen, randomResizedCrop: { ...imageNetCrop, scale: [amount, 1] } };
    } else if (name === 'crop' && Number.isInteger(amount)) chosen = { ...chosen, cropPadding: amount };
    else if (name === 'rotate' && amount <= 180) chosen = { ...chosen, rotationDegrees: amount };
    else if (name === 'scale' && amount < 1) chosen = { ...chosen, scale: amount };
    else if (name === 'shift' && value !== undefined) chosen = { ...chosen, shift: amount };
    else {
      throw usageError('unknown augmentation', {
        where: '--augment',
        received: part,
        legal: [
          'crop=PIXELS',
          'flip',
          'resized-crop or resized-crop=LEAST_SHARE (up to 1)',
          'rotate=DEGREES (up to 180)',
          'scale=SHARE (below 1)',
          'shift=PIXELS',
          'none',
        ],
        hint: 'as in --augment crop=4,flip or --augment rotate=8,scale=0.08,shift=2.5',
      });
    }
  }
  return chosen;
}

/** `warmup`, `init`, `off` or epochs as in `1,3`: after how many epochs classes are assigned to class vectors. */
export function assignment(text: string): readonly number[] {
  switch (text) {
    case 'off':
      return [];
    case 'init':
      return [0];
    case 'warmup':
      return [1];
    default:
      return listOf('--assign', whole('--assign', 0))(text);
  }
}

/** `auto`, `full`, `streaming` or `sampled=BASES`. */
export function softmax(text: string): SoftmaxSpec {
  const [kind = '', bases] = text.split('=');
  if (kind === 'sampled' && bases !== undefined) return { kind, bases: whole('--softmax sampled', 1)(bases) };
  if (bases === undefined && (kind === 'auto' || kind === 'full' || kind === 'streaming')) return { kind };
  throw usageError('unknown softmax', {
    where: '--softmax',
    received: text,
    legal: ['auto', 'full', 'streaming', 'sampled=BASES'],
  });
}
