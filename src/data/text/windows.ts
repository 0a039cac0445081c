import { inputError, usageError } from '../../core/errors.ts';

/** Stretches of a text in the order in which they are trained; column b of one goes on where column b of the one before ended. */
export interface TextWindows {
  readonly count: number;
  /** Token ids, each `[window·batch]` and time-major: step t of column b is at `t·batch + b`. */
  readonly at: (index: number) => { readonly inputs: Int32Array; readonly targets: Int32Array };
}

/** The same for measuring: with a weight of 1 for every token of the text and 0 for what only fills up. */
export interface ScoringWindows {
  readonly count: number;
  /** The window of that number, from 0. */
  readonly at: (index: number) => {
    readonly inputs: Int32Array;
    readonly targets: Int32Array;
    readonly weights: Float32Array;
  };
}

/**
 * A text as `batch` columns of equal length that are read side by side in windows of `window` steps (truncated back-propagation through time: the hidden state
 * is carried from window to window).
 *
 * Column b is `ids[b·length … (b+1)·length)` with length = ⌊tokens / (batch·window)⌋·window; the remainder of the text is dropped. Each of these tokens is a
 * target once, and its input is the token before it, for the first one of all `first`.
 *
 * @throws an input error if the text is shorter than one window of the batch.
 */
export function trainingWindows(ids: Int32Array, batch: number, window: number, first: number): TextWindows {
  checkShape(batch, window);
  const count = Math.floor(ids.length / (batch * window));
  if (count === 0) throw tooShort(ids.length, batch, window);
  const length = count * window;
  return Object.freeze({
    count,
    at: (index: number) => {
      checkIndex(index, count);
      const inputs = new Int32Array(window * batch);
      const targets = new Int32Array(window * batch);
      for (let column = 0; column < batch; column++) {
        const start = column * length + index * window;
        for (let step = 0; step < window; step++) {
          inputs[step * batch + column] = ids[start + step - 1] ?? first;
          targets[step * batch + column] = ids[start + step] ?? first;
        }
      }
      return { inputs, targets };
    },
  });
}

/**
 * A text in columns as {@link trainingWindows}, but whole: every token is a target with weight 1 exactly once. Column b begins at token ⌈tokens/batch⌉·b; where a
 * column has ended, inputs and targets are `first` and the weight is 0. With a batch of 1 every token is scored after all tokens before it.
 */
export function scoringWindows(ids: Int32Array, batch: number, window: number, first: number): ScoringWindows {
  checkShape(batch, window);
  if (ids.length === 0) throw inputError('a text without tokens cannot be scored');
  const length = Math.ceil(ids.length / batch);
  const count = Math.ceil(length / window);
  return Object.freeze({
    count,
    at: (index: number) => {
      checkIndex(index, count);
      const inputs = new Int32Array(window * batch).fill(first);
      const targets = new Int32Array(window * batch).fill(first);
      const weights = new Float32Array(window * batch);
      for (let column = 0; column < batch; column++) {
        const start = column * length + index * window;
        const end = Math.min((column + 1) * length, ids.length, start + window);
        for (let place = start; place < end; place++) {
          const cell = (place - start) * batch + column;
          inputs[cell] = ids[place - 1] ?? first;
          targets[cell] = ids[place] ?? first;
          weights[cell] = 1;
        }
      }
      return { inputs, targets, weights };
    },
  });
}

function checkShape(batch: number, window: number): void {
  for (const [what, value] of [
    ['batch size', batch],
    ['window', window],
  ] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw usageError(`not a ${what}`, { expected: 'a whole number from 1', received: String(value) });
    }
  }
}

function checkIndex(index: number, count: number): void {
  if (Number.isInteger(index) && index >= 0 && index < count) return;
  throw usageError('no such window', { expected: `0 … ${count - 1}`, received: String(index) });
}

function tooShort(tokens: number, batch: number, window: number): Error {
  const columns = Math.floor(tokens / window);
  const steps = Math.floor(tokens / batch);
  const fits = [
    ...(columns > 0 ? [`a batch of at most ${columns} with this window`] : []),
    ...(steps > 0 ? [`a window of at most ${steps} with this batch`] : []),
  ];
  return inputError('the text is shorter than one window', {
    expected: `at least ${batch * window} tokens: a batch of ${batch} with a window of ${window}`,
    received: `${tokens} tokens`,
    hint: fits.length === 0 ? 'give more text' : `choose ${fits.join(' or ')}, or give more text`,
  });
}
