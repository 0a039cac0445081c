import { type ReportInput, type RunHistory } from './comparison.ts';
import { mean } from './format.ts';

export type Point = readonly [x: number, y: number];

/** The curve of one head: a line a seed, and their mean. */
export interface Curve {
  readonly head: string;
  /** Position of the head in the comparison: its colour and dash everywhere. */
  readonly index: number;
  readonly mean: readonly Point[];
  readonly runs: readonly (readonly Point[])[];
}

type Epoch = RunHistory['epochs'][number];

/** What is drawn over epochs. Errors are in per cent, `100 · (1 − accuracy)`; losses as training reported them. */
export const EPOCH_METRICS = Object.freeze({
  trainError: (epoch: Epoch): number => 100 * (1 - epoch.trainAccuracy),
  validationError: (epoch: Epoch): number => 100 * (1 - epoch.validationAccuracy),
  trainLoss: (epoch: Epoch): number => epoch.trainLoss,
  validationLoss: (epoch: Epoch): number => epoch.validationLoss ?? Number.NaN,
});

export type EpochMetric = keyof typeof EPOCH_METRICS;

/** One curve a head that has any finite point, in the order of the comparison. */
export function epochCurves(input: ReportInput, metric: EpochMetric): readonly Curve[] {
  return curves(input, (run) => run.epochs.map((epoch) => [epoch.epoch, EPOCH_METRICS[metric](epoch)]));
}

/** The scale α over training steps, for the heads that learn one. */
export function scaleCurves(input: ReportInput): readonly Curve[] {
  return curves(input, (run) => run.scale.map((point) => [point.step, point.value]));
}

function curves(input: ReportInput, points: (run: RunHistory) => readonly Point[]): readonly Curve[] {
  return input.document.heads
    .map(({ head }, index) => {
      const runs = input.histories
        .filter((run) => run.head === head)
        .map((run) => points(run).filter((point) => point.every((value) => Number.isFinite(value))))
        .filter((run) => run.length > 0);
      return { head, index, mean: meanOf(runs), runs };
    })
    .filter((curve) => curve.runs.length > 0);
}

/** The mean where every run has a point: a mean whose members change along the way would jump for no reason. */
function meanOf(runs: readonly (readonly Point[])[]): readonly Point[] {
  const [first, ...others] = runs;
  if (first === undefined) return [];
  const tables = others.map((run) => new Map(run));
  return first.flatMap(([x, y]): readonly Point[] => {
    const rest = tables.map((table) => table.get(x)).filter((value) => value !== undefined);
    return rest.length === others.length ? [[x, mean([y, ...rest])]] : [];
  });
}

/** A round step of 1, 2, 2.5 or 5 times a power of ten that divides `range` into at most `parts`. */
export function niceStep(range: number, parts: number): number {
  const raw = range / parts;
  if (!(raw > 0) || !Number.isFinite(raw)) return 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= raw * (1 - 1e-9)) ?? 10;
  return factor * power;
}

export interface Axis {
  readonly min: number;
  readonly max: number;
  readonly ticks: readonly number[];
  /** What stands at the ticks, where it is not the numbers themselves: the numbers whose logarithms they are. */
  readonly labels?: readonly string[];
}

/** Multiples of a round step over `[low, high]`, the ends rounded outwards to ticks. */
export function niceAxis(low: number, high: number, parts: number): Axis {
  const step = niceStep(high - low, parts);
  const from = Math.floor(low / step + 1e-9);
  const to = Math.max(Math.ceil(high / step - 1e-9), from + 1);
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => Number(((from + index) * step).toPrecision(12)));
  return { min: ticks[0] ?? 0, max: ticks.at(-1) ?? 1, ticks };
}

/** Whole epochs from the first to the last; a single epoch sits in the middle of its axis. */
export function epochAxis(epochs: readonly number[]): Axis {
  const first = Math.min(...epochs);
  const last = Math.max(...epochs);
  if (!(first < last)) return { min: first - 0.5, max: first + 0.5, ticks: [first] };
  const step = Math.max(1, Math.floor(niceStep(last - first, 8)));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return { min: first, max: last, ticks: ticks.filter((epoch) => step === 1 || epoch % step === 0) };
}

/**
 * The top of an axis that starts at 0. In a long run the first epochs can be so far above the rest that nothing else
 * can be read; then they may leave the frame, by at most a tenth of the epochs, and `cropped` says how high they went.
 */
export function ceiling(curveSets: readonly (readonly Curve[])[]): { readonly axis: Axis; readonly cropped?: number } {
  const values = curveSets
    .flat()
    .flatMap((curve) => curve.runs.flat().map(([, y]) => y))
    .sort((a, b) => a - b);
  const top = values.at(-1) ?? 1;
  const epochs = Math.max(0, ...curveSets.flat().flatMap((curve) => curve.runs.map((run) => run.length)));
  const most = values[Math.ceil(values.length * 0.9) - 1] ?? top;
  if (epochs >= 10 && top > 2.5 * most && most > 0) return { axis: niceAxis(0, 1.1 * most, 5), cropped: top };
  return { axis: niceAxis(0, top > 0 ? top : 1, 5) };
}
