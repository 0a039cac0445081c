import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectAllclose } from '../../test/support/allclose.ts';
import { constantSchedule, cosineSchedule, learningRateAt, stepSchedule, type ScheduleSpec } from './schedule.ts';

/** What PyTorch's schedulers give for epochs 0 … 11. */
interface Fixture {
  readonly schedules: readonly {
    readonly schedule: string;
    readonly options: Readonly<Record<string, number | readonly number[]>>;
    readonly base: number;
    readonly rates: readonly number[];
  }[];
}
const { schedules } = JSON.parse(
  readFileSync(new URL('../../test/pytorch/fixtures/optimizers.json', import.meta.url), 'utf8'),
) as Fixture;

/** The schedule here that a PyTorch scheduler should equal; undefined for those that fixhead does not have. */
function specOf({ schedule, options }: Fixture['schedules'][number]): ScheduleSpec | undefined {
  const { gamma, milestones, step_size, eta_min } = options;
  if (schedule === 'multistep' && Array.isArray(milestones)) return stepSchedule(milestones, { factor: Number(gamma) });
  if (schedule === 'step')
    return stepSchedule(
      [1, 2, 3].map((k) => k * Number(step_size)),
      { factor: Number(gamma) },
    );
  if (schedule === 'cosine' && eta_min === undefined) return cosineSchedule();
  return undefined;
}

describe('schedules agree with PyTorch', () => {
  const known = schedules.map((given) => ({ ...given, spec: specOf(given) })).filter(({ spec }) => spec !== undefined);

  test('step, several milestones and cosine are compared', () => {
    expect(new Set(known.map(({ schedule }) => schedule))).toEqual(new Set(['step', 'multistep', 'cosine']));
  });

  test.each(known)('$schedule $options', ({ spec, base, rates }) => {
    if (spec === undefined) return;
    const ours = rates.map((_, epoch) => learningRateAt(spec, base, epoch, { epochs: 12, stepsPerEpoch: 1 }));
    expectAllclose(ours, rates, { what: 'rates', rtol: 1e-12 });
  });
});

describe('learningRateAt', () => {
  const length = { epochs: 10, stepsPerEpoch: 20 };

  test('a step schedule changes between epochs, warm-up included in the count', () => {
    const spec = stepSchedule([2, 5], { factor: 0.5, warmupEpochs: 1 });
    const rate = (step: number): number => learningRateAt(spec, 1, step, length);
    expect([rate(0), rate(19), rate(20), rate(39), rate(40), rate(99), rate(100), rate(199)]).toEqual([
      0.05, 1, 1, 1, 0.5, 0.5, 0.25, 0.25,
    ]);
  });

  test('cosine falls from the full rate after the warm-up to almost nothing, and is half way in the middle', () => {
    const spec = cosineSchedule({ warmupEpochs: 0.5 });
    const rates = Array.from({ length: 200 }, (_, step) => learningRateAt(spec, 2, step, length));
    expect(rates[0]).toBeCloseTo(0.2, 12);
    expect(rates[9]).toBe(2);
    expect(rates[10]).toBe(2);
    expect(rates[105]).toBeCloseTo(1, 12);
    expect(rates[199]).toBeLessThan(2e-4);
    expect(rates[199]).toBeGreaterThan(0);
    expect(rates.slice(10).every((rate, index) => index === 0 || rate < (rates[9 + index] ?? NaN))).toBe(true);
  });

  test('the warm-up rises by equal parts from one step’s share to the full rate', () => {
    const spec = constantSchedule({ warmupEpochs: 0.2 });
    const rates = [0, 1, 2, 3, 4, 5].map((step) => learningRateAt(spec, 0.1, step, length));
    expectAllclose(rates, [0.025, 0.05, 0.075, 0.1, 0.1, 0.1], { what: 'warm-up', rtol: 1e-12 });
  });

  test('a warm-up as long as the training never leaves it', () => {
    for (const spec of [cosineSchedule({ warmupEpochs: 10 }), constantSchedule({ warmupEpochs: 12 })]) {
      const rates = Array.from({ length: 200 }, (_, step) => learningRateAt(spec, 1, step, length));
      expect(rates.every((rate) => rate > 0 && rate <= 1)).toBe(true);
    }
  });
});

describe('schedules refuse', () => {
  test.each([
    [() => stepSchedule([3, 3]), 'milestones must increase; received 3, 3'],
    [() => stepSchedule([-1]), 'milestones must increase; received -1'],
    [() => stepSchedule([NaN]), 'milestones must increase; received NaN'],
    [() => stepSchedule([1], { factor: 0 }), 'factor out of range; expected 0 < factor ≤ 1, received 0'],
    [() => cosineSchedule({ warmupEpochs: -1 }), 'warm-up must be a number of epochs; received -1'],
    [() => constantSchedule({ warmupEpochs: Infinity }), 'warm-up must be a number of epochs; received Infinity'],
  ])('%#', (make, message) => {
    expect(make).toThrow(message);
  });
});
