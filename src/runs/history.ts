import { sizeOf } from '../core/shape.ts';
import type { Mistake, RunHistory } from '../report/comparison.ts';
import type { TrainedRun } from './training-run.ts';

const SHOWN_MISTAKES = 24;

/** The validation images that were wrong with the most confidence, worst first. */
function worstMistakes({ dataset, evaluation }: TrainedRun): readonly Mistake[] {
  if (evaluation === undefined) return [];
  const { validation, image } = dataset;
  const { channels, height, width } = image;
  const pixels = sizeOf([channels, height, width]);
  const wrong = Array.from(validation.labels, (label, index) => ({
    index,
    label,
    predicted: evaluation.predicted[index] ?? 0,
    probability: evaluation.probability[index] ?? 0,
  })).filter(({ label, predicted }) => label !== predicted);
  return wrong
    .sort((a, b) => b.probability - a.probability || a.index - b.index)
    .slice(0, SHOWN_MISTAKES)
    .map(({ index, ...mistake }) => {
      const source = validation.sources?.[index];
      return {
        ...mistake,
        pixels: validation.pixels.slice(index * pixels, (index + 1) * pixels),
        channels,
        height,
        width,
        ...(source === undefined ? {} : { source }),
      };
    });
}

/** What the report draws of one run. */
export function historyOf(run: TrainedRun): RunHistory {
  return {
    head: run.model.head.name,
    seed: run.config.seed,
    epochs: run.result.epochs,
    scale: run.result.scale,
    confusion: run.evaluation?.confusion ?? [],
    mistakes: worstMistakes(run),
  };
}
