import { defined, internalError } from '../core/errors.ts';
import { formatHead } from '../heads/parse.ts';
import type { ClassChange, FixDocument, FixMeasure } from '../report/fix-document.ts';
import { writeFixReport } from '../report/fix-page.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { runPaths } from '../train/run-folder.ts';
import { openClassifier, readClassifierFile } from './classifier-file.ts';
import { foundClassifier, trainedText } from './fix-facts.ts';
import { classScores, readBefore, scoresOf, timeOneImage, type Before, type ClassScore } from './fix-measure.ts';
import { openOriginal } from './original.ts';
import type { TrainedRun } from './training-run.ts';

/** A model whose classifier was replaced, with its run. */
export interface FixedRun {
  readonly run: TrainedRun;
  /** `undefined` for a run that was interrupted. */
  readonly document: FixDocument | undefined;
}

const share = ({ count, correct }: ClassScore): number => (count === 0 ? 0 : correct / count);

/** The classes that have validation images, before and after. */
function changesOf(
  labels: readonly string[],
  before: Before['classes'],
  after: readonly ClassScore[],
): readonly ClassChange[] {
  return labels.flatMap((label, index) => {
    const now = after[index];
    if (now === undefined || now.count === 0) return [];
    const then = before?.[index];
    return [{ label, count: now.count, before: then === undefined ? null : share(then), after: share(now) }];
  });
}

/**
 * Measures the new model beside the original and writes the run's `report.html`. Of an interrupted run there is nothing to measure yet.
 *
 * @throws an input error where the run's files are damaged.
 */
export async function finishFix(run: TrainedRun, { runtime }: { readonly runtime: Runtime }): Promise<FixedRun> {
  const { config, dataset, evaluation, folder, parameters, exportedBytes, result } = run;
  if (evaluation === undefined) return { run, document: undefined };
  const { original: choice } = config;
  if (choice === undefined || !('loss' in evaluation)) {
    throw internalError('not a run that replaced a classifier', { where: folder });
  }
  const paths = runPaths(folder);
  const before = await readBefore(paths.before);
  const original = await openOriginal(paths.original, choice);
  const { image } = original.cut;
  // The labels beside the copy are those of the new model, which may have other classes.
  await using old = await openClassifier(runtime, { ...original.file, labels: undefined }, image);
  await using now = await openClassifier(runtime, await readClassifierFile(paths.model), image);
  const [oldTime, newTime] = await timeOneImage([old, now], image);
  const after: FixMeasure = {
    ...scoresOf(evaluation),
    bytes: exportedBytes,
    parameters: parameters.total,
    classifierParameters: parameters.classifier,
    milliseconds: defined(newTime, 'a time'),
  };
  const { teacher } = choice;
  const taught: FixDocument['provenance'] =
    teacher === undefined
      ? []
      : [['teacher', `the original, temperature ${teacher.temperature}, share of the loss ${teacher.weight}`]];
  const document: FixDocument = {
    model: choice.file,
    data: dataset.name,
    classifier: foundClassifier(original.cut),
    head: formatHead(config.head),
    trained: trainedText(original.cut, choice.train, choice.adapter),
    before: { ...before.measure, milliseconds: defined(oldTime, 'a time') },
    after,
    classes: changesOf(dataset.classes, before.classes, classScores(evaluation, dataset.classes.length)),
    epochs: result.epochs,
    notes: before.notes,
    provenance: [
      ['device', runtime.description],
      ['epochs', String(config.recipe.epochs)],
      ['batch size', String(config.recipe.batchSize)],
      ['learning rate', String(config.recipe.learningRate)],
      ['seed', String(config.seed)],
      ...taught,
    ],
  };
  await writeFixReport(paths.report, document);
  return { run, document };
}
