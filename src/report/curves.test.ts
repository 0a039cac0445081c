import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { reportInput } from '../../test/support/report-input.ts';
import { ceiling, epochAxis, epochCurves, niceAxis, scaleCurves } from './curves.ts';
import { type ReportInput } from './comparison.ts';

describe('curves', () => {
  it('draws the error in per cent, a line a seed and their mean', () => {
    const [learned] = epochCurves(
      reportInput({ epochs: 2, accuracy: (_, seed) => 0.9 - 0.02 * seed }),
      'validationError',
    );
    expect(learned?.runs.map((run) => run.map(([x, y]) => [x, Number(y.toFixed(9))]))).toEqual([
      [
        [1, 25],
        [2, 10],
      ],
      [
        [1, 30],
        [2, 12],
      ],
    ]);
    expect(learned?.mean.map(([, y]) => Number(y.toFixed(9)))).toEqual([27.5, 11]);
  });

  it('ends the mean where a run ends, and leaves out what is not finite', () => {
    const input = reportInput({ epochs: 3 });
    const histories = input.histories.map((run, index) =>
      index === 0
        ? {
            ...run,
            epochs: run.epochs
              .slice(0, 2)
              .map((epoch) => ({ ...epoch, trainLoss: epoch.epoch === 1 ? Number.NaN : 1 })),
          }
        : run,
    );
    const [learned] = epochCurves({ ...input, histories } satisfies ReportInput, 'trainLoss');
    expect(learned?.runs.map((run) => run.length)).toEqual([1, 3]);
    expect(learned?.mean.map(([x]) => x)).toEqual([2]);
  });

  it('has a scale only for heads that learn one, in the colour slot of the comparison', () => {
    expect(scaleCurves(reportInput()).map((curve) => [curve.head, curve.index])).toEqual([['hadamard', 1]]);
  });
});

describe('axes', () => {
  it('cover the values with at most a few round ticks', () => {
    const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), positive, (low, span) => {
        fc.pre(low + span > low && span > 1e-7 * Math.abs(low));
        const axis = niceAxis(low, low + span, 5);
        const slack = 1e-6 * span;
        expect(axis.min).toBeLessThanOrEqual(low + slack);
        expect(axis.max).toBeGreaterThanOrEqual(low + span - slack);
        expect(axis.ticks.length).toBeGreaterThanOrEqual(2);
        expect(axis.ticks.length).toBeLessThanOrEqual(7);
      }),
    );
  });

  it('put ticks on whole epochs, a single one in the middle', () => {
    expect(epochAxis([1])).toEqual({ min: 0.5, max: 1.5, ticks: [1] });
    expect(epochAxis([1, 2, 3])).toEqual({ min: 1, max: 3, ticks: [1, 2, 3] });
    expect(epochAxis(Array.from({ length: 164 }, (_, index) => index + 1)).ticks).toEqual([25, 50, 75, 100, 125, 150]);
  });

  it('let the first epochs of a long run leave the frame and say how high they went', () => {
    const curve = (values: readonly number[]) => ({
      head: 'learned',
      index: 0,
      mean: [],
      runs: [values.map((value, index) => [index + 1, value] as const)],
    });
    const cropped = ceiling([[curve([90, ...Array.from({ length: 19 }, () => 8)])]]);
    expect(cropped.cropped).toBe(90);
    expect(cropped.axis.max).toBeLessThan(20);
    expect(ceiling([[curve([90, 8, 8])]])).toEqual({ axis: { min: 0, max: 100, ticks: [0, 20, 40, 60, 80, 100] } });
  });
});
