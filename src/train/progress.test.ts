import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Checkpoint } from './checkpoint.ts';
import type { JsonObject } from './json.ts';
import { progressFrom, progressState, type Progress } from './progress.ts';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const count = fc.nat();
const progress: fc.Arbitrary<Progress> = fc.record({
  step: count,
  epoch: count,
  batch: count,
  lossSum: finite,
  correctSum: count,
  bestAccuracy: finite,
  epochs: fc.array(
    fc.record({
      epoch: count,
      step: count,
      trainLoss: finite,
      trainAccuracy: finite,
      validationLoss: finite,
      validationAccuracy: finite,
      learningRate: finite,
    }),
  ),
  scale: fc.array(fc.record({ step: count, value: finite })),
  assignments: fc.array(fc.record({ epoch: count, before: finite, after: finite, gap: finite, slots: count })),
});

const checkpointOf = (
  state: JsonObject,
  { step, epoch, batch }: Pick<Progress, 'step' | 'epoch' | 'batch'>,
): Checkpoint => ({
  step,
  epoch,
  batch,
  tensors: new Map(),
  state,
});
const nowhere = { step: 0, epoch: 0, batch: 0 };

describe('progress', () => {
  test('survives a checkpoint exactly', () => {
    fc.assert(
      fc.property(progress, (value) => {
        const state = JSON.parse(JSON.stringify(progressState(value))) as JsonObject;
        expect(progressFrom(checkpointOf(state, value))).toEqual(value);
      }),
    );
  });

  test('starts at nothing', () => {
    expect(progressFrom(undefined)).toMatchObject({ ...nowhere, bestAccuracy: -1, epochs: [], scale: [] });
  });

  const whole = progressState(progressFrom(undefined));
  test.each([
    [{ ...whole, lossSum: 'x' }, 'state.lossSum: the checkpoint lacks a number; received string'],
    [{ correctSum: 0, lossSum: 0 }, 'state.bestAccuracy: the checkpoint lacks a number; received undefined'],
    [{ ...whole, epochs: {} }, 'state.epochs: the checkpoint lacks a list; received object'],
    [{ ...whole, epochs: [1] }, 'the checkpoint has a broken epoch record'],
    [{ ...whole, epochs: [{ epoch: 1 }] }, 'state.step: the checkpoint lacks a number; received undefined'],
    [{ ...whole, scale: [[1]] }, 'the checkpoint has a broken record of the scale'],
    [{ ...whole, scale: [null] }, 'the checkpoint has a broken record of the scale'],
  ])('refuses a state that is not whole: %#', (state, message) => {
    expect(() => progressFrom(checkpointOf(state, nowhere))).toThrow(message);
  });
});
