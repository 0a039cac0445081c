import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { inputError } from '../core/errors.ts';
import { median } from '../core/statistics.ts';
import { float32 } from '../core/tensor.ts';
import type { ImageDataset } from '../data/dataset.ts';
import type { FixMeasure } from '../report/fix-document.ts';
import { writeFileAtomically } from '../train/atomic.ts';
import type { Evaluation } from '../train/evaluate.ts';
import type { OpenClassifier } from './classifier-file.ts';

/** How often a class occurs among labelled images, and how often it is answered right. */
export interface ClassScore {
  readonly count: number;
  readonly correct: number;
}

/** The answers for each class, in the order of the classes. */
export function classScores({ confusion }: Pick<Evaluation, 'confusion'>, classes: number): readonly ClassScore[] {
  const scores = Array.from({ length: classes }, () => ({ count: 0, correct: 0 }));
  for (const { label, predicted, count } of confusion) {
    const score = scores[label];
    if (score === undefined) continue;
    score.count += count;
    if (predicted === label) score.correct += count;
  }
  return scores;
}

/** What was measured of the original before anything was trained: kept with the run, so that its report can be made later. */
export interface Before {
  readonly measure: FixMeasure;
  /** `null` where its classes are not those of the data. */
  readonly classes: readonly ClassScore[] | null;
  readonly notes: readonly string[];
}

const number = z.number().nullable();
const stored = z.object({
  measure: z.object({
    ...{ accuracy: number, top5: number, loss: number, milliseconds: number },
    ...{ bytes: z.number(), parameters: z.number(), classifierParameters: z.number() },
  }),
  classes: z.array(z.object({ count: z.number(), correct: z.number() })).nullable(),
  notes: z.array(z.string()),
});

export async function writeBefore(path: string, before: Before): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(before)}\n`);
}

/** @throws an input error where the file is missing or damaged. */
export async function readBefore(path: string): Promise<Before> {
  try {
    return stored.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw inputError('what was measured of the original model cannot be read', {
      where: path,
      hint: 'start the run again with --overwrite',
      cause,
    });
  }
}

/** Accuracy and loss, or nothing where there was nothing to measure them on. */
export function scoresOf(evaluation: Evaluation | undefined): Pick<FixMeasure, 'accuracy' | 'top5' | 'loss'> {
  if (evaluation === undefined) return { accuracy: null, top5: null, loss: null };
  const { accuracy, top5, loss } = evaluation;
  return { accuracy, top5, loss };
}

const ROUNDS = 15;
const WARM_UP = 3;
/** A model that takes this long is timed with fewer rounds. */
const LONG_MS = 400;

/**
 * Median milliseconds of one image, alternating between the models so that whatever else the machine does hits both. A model with a
 * fixed batch takes its whole batch.
 */
export async function timeOneImage(
  classifiers: readonly OpenClassifier[],
  image: ImageDataset['image'],
): Promise<readonly number[]> {
  const { channels, height, width } = image;
  const inputs = classifiers.map(({ batchSize = 1 }) => {
    const shape = [batchSize, channels, height, width];
    return float32(shape, new Float32Array(batchSize * channels * height * width).fill(0.5));
  });
  const times: number[][] = classifiers.map(() => []);
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    for (const [index, { session }] of classifiers.entries()) {
      const images = inputs[index];
      if (images === undefined) continue;
      const started = performance.now();
      await session.run({ images });
      const elapsed = performance.now() - started;
      if (round >= WARM_UP || elapsed > LONG_MS) times[index]?.push(elapsed);
    }
    if (times.some((each) => each.length >= 3 && median(each) > LONG_MS)) break;
  }
  return times.map((each) => median(each));
}
