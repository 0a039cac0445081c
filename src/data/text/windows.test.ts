import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scoringWindows, trainingWindows } from './windows.ts';

const first = -7;
const texts = fc
  .tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 12 }))
  // Ids that tell their place, so that nothing can stand in for another.
  .map(([length, batch, window]) => ({ ids: Int32Array.from({ length }, (_, place) => 1000 + place), batch, window }));

/** Column `column` of the arrays of all windows, one after the other. */
function column(windows: readonly (Int32Array | Float32Array)[], batch: number, which: number): number[] {
  return windows.flatMap((window) => [...window].filter((_, cell) => cell % batch === which));
}

const all = <T>({ count, at }: { count: number; at: (index: number) => T }): T[] =>
  Array.from({ length: count }, (_, index) => at(index));

describe('trainingWindows', () => {
  test('every token but the remainder is a target once, columns go on from window to window, inputs precede targets', () => {
    fc.assert(
      fc.property(texts, ({ ids, batch, window }) => {
        fc.pre(ids.length >= batch * window);
        const windows = all(trainingWindows(ids, batch, window, first));
        const length = Math.floor(ids.length / (batch * window)) * window;
        for (let which = 0; which < batch; which++) {
          const targets = column(
            windows.map((each) => each.targets),
            batch,
            which,
          );
          const inputs = column(
            windows.map((each) => each.inputs),
            batch,
            which,
          );
          expect(targets).toEqual([...ids.slice(which * length, (which + 1) * length)]);
          expect(inputs[0]).toBe(which === 0 ? first : ids[which * length - 1]);
          expect(inputs.slice(1)).toEqual(targets.slice(0, -1));
        }
        expect(ids.length - batch * length).toBeLessThan(batch * window);
      }),
    );
  });

  test('is time-major', () => {
    const { count, at } = trainingWindows(Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), 2, 2, 0);
    expect(count).toBe(2);
    expect(at(0)).toEqual({ inputs: Int32Array.of(0, 4, 1, 5), targets: Int32Array.of(1, 5, 2, 6) });
    expect(at(1)).toEqual({ inputs: Int32Array.of(2, 6, 3, 7), targets: Int32Array.of(3, 7, 4, 8) });
  });

  test('a window longer than the text is an error that says what fits', () => {
    const ids = new Int32Array(100);
    expect(() => trainingWindows(ids, 20, 35, 0)).toThrow(
      'the text is shorter than one window; expected at least 700 tokens: a batch of 20 with a window of 35, received 100 tokens; ' +
        'choose a batch of at most 2 with this window or a window of at most 5 with this batch, or give more text',
    );
    expect(() => trainingWindows(ids, 2, 300, 0)).toThrow(
      'choose a window of at most 50 with this batch, or give more text',
    );
    expect(() => trainingWindows(new Int32Array(0), 1, 1, 0)).toThrow('received 0 tokens; give more text');
    expect(trainingWindows(ids, 2, 50, 0).count).toBe(1);
  });

  test('refuses shapes and places that there are not', () => {
    const ids = new Int32Array(100);
    expect(() => trainingWindows(ids, 0, 5, 0)).toThrow('not a batch size; expected a whole number from 1, received 0');
    expect(() => trainingWindows(ids, 2, 2.5, 0)).toThrow('not a window; expected a whole number from 1, received 2.5');
    expect(() => trainingWindows(ids, 2, 5, 0).at(10)).toThrow('no such window; expected 0 … 9, received 10');
  });
});

describe('scoringWindows', () => {
  test('every token has weight 1 exactly once, behind the token before it; the rest only fills up', () => {
    fc.assert(
      fc.property(texts, ({ ids, batch, window }) => {
        const windows = all(scoringWindows(ids, batch, window, first));
        const scored: number[] = [];
        for (let which = 0; which < batch; which++) {
          const targets = column(
            windows.map((each) => each.targets),
            batch,
            which,
          );
          const inputs = column(
            windows.map((each) => each.inputs),
            batch,
            which,
          );
          const weights = column(
            windows.map((each) => each.weights),
            batch,
            which,
          );
          const length = weights.filter((weight) => weight === 1).length;
          expect(weights).toEqual(weights.map((_, place) => (place < length ? 1 : 0)));
          for (const [place, target] of targets.entries()) {
            if (place >= length) expect([target, inputs[place]]).toEqual([first, first]);
            else expect(inputs[place]).toBe(target === 1000 ? first : target - 1);
          }
          scored.push(...targets.slice(0, length));
        }
        expect(scored).toEqual([...ids]);
        expect(windows.reduce((sum, { weights }) => sum + weights.reduce((a, b) => a + b, 0), 0)).toBe(ids.length);
      }),
    );
  });

  test('refuses a text without tokens', () => {
    expect(() => scoringWindows(new Int32Array(0), 1, 5, 0)).toThrow('a text without tokens cannot be scored');
  });
});
