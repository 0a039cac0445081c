import { inputError, usageError } from '../../core/errors.ts';
import { permutation, randomStream } from '../../core/random.ts';
import { endNumber } from './encode.ts';
import { splitNames, type SplitName } from './layout.ts';

/** A corpus divided, and in words how. */
export interface DividedText {
  readonly parts: Readonly<Record<SplitName, readonly Int32Array[]>>;
  readonly how: string;
}

/** Shares of the tokens that are held out, and what decides which. */
export interface SplitChoice {
  readonly seed: number;
  readonly validation: number;
  readonly test: number;
}

/** Stretches into which a text of few files is cut: enough that shares of a tenth come out even, few enough that each is long. */
const stretches = 20;

/**
 * Divides texts by (seed): whole files where the shares of tokens come out between half and twice those asked for, otherwise stretches of whole lines.
 *
 * @param texts the numbers of words of each file; every line ends with {@link endNumber}
 */
export function divideTexts(texts: readonly Int32Array[], choice: SplitChoice): DividedText {
  const { validation, test, seed } = choice;
  if (!(validation > 0 && test > 0 && validation + test < 1)) {
    throw usageError('not shares of a text', {
      expected: 'a validation and a test fraction above 0 that leave some text for training',
      received: `${validation} and ${test}`,
    });
  }
  const whole = drawPieces(texts, choice);
  if (whole !== undefined) return { parts: whole, how: `whole files divided by seed ${seed}` };
  const cut = cutIntoStretches(texts);
  const parts = drawPieces(cut, choice) ?? drawPieces(texts.flatMap(linesOf), choice);
  if (parts !== undefined) return { parts, how: `stretches of lines divided by seed ${seed}` };
  const lines = texts.reduce((sum, text) => sum + linesOf(text).length, 0);
  throw inputError('the text cannot be divided', {
    expected: `lines or files of which some make up ${percent(validation)} and others ${percent(test)} of the text`,
    received: `${texts.length} ${texts.length === 1 ? 'file' : 'files'}, ${lines} ${lines === 1 ? 'line' : 'lines'}`,
    hint: 'put line ends into the text, one at the end of each paragraph, or give more of it',
  });
}

/** Takes pieces in an order that the seed decides, each where it brings a share closer to what is wanted; they stay in their own order within a part. */
function drawPieces(
  pieces: readonly Int32Array[],
  { seed, validation, test }: SplitChoice,
): DividedText['parts'] | undefined {
  const total = pieces.reduce((sum, { length }) => sum + length, 0);
  const order = permutation(pieces.length, randomStream(seed, 'text split'));
  const splits = new Array<SplitName>(pieces.length).fill('train');
  for (const [name, share] of [
    ['test', test],
    ['validation', validation],
  ] as const) {
    const wanted = share * total;
    let taken = 0;
    for (const place of order) {
      const size = pieces[place]?.length ?? 0;
      if (splits[place] !== 'train' || Math.abs(taken + size - wanted) >= Math.abs(taken - wanted)) continue;
      splits[place] = name;
      taken += size;
    }
    if (taken < wanted / 2 || taken > 2 * wanted) return undefined;
  }
  if (!splits.includes('train')) return undefined;
  const [train, held, last] = splitNames.map((name) => pieces.filter((_, place) => splits[place] === name));
  return { train: train ?? [], validation: held ?? [], test: last ?? [] };
}

/** All lines, in stretches of about equal numbers of tokens. */
function cutIntoStretches(texts: readonly Int32Array[]): Int32Array[] {
  const total = texts.reduce((sum, { length }) => sum + length, 0);
  const cut: Int32Array[] = [];
  for (const text of texts) {
    let start = 0;
    for (let end = 1; end <= text.length; end++) {
      if (text[end - 1] !== endNumber || (end < text.length && end - start < total / stretches)) continue;
      cut.push(text.subarray(start, end));
      start = end;
    }
  }
  return cut;
}

function linesOf(text: Int32Array): Int32Array[] {
  const lines: Int32Array[] = [];
  let start = 0;
  for (let end = 1; end <= text.length; end++) {
    if (text[end - 1] !== endNumber) continue;
    lines.push(text.subarray(start, end));
    start = end;
  }
  return lines;
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}
