import type { OnTrainEvent } from '../train/events.ts';
import type { TrainedRun } from '../runs/training-run.ts';
import { runPaths } from '../train/run-folder.ts';
import { bytes, whole } from './format.ts';
import { exitCodes, type CliContext, type Output } from './io.ts';
import { baselineText, judgementDocument, judgementText } from './judgement.ts';
import type { Reporter } from './progress.ts';

/** The result of a training run as data: what `train --json` prints. */
export function trainingDocument(run: TrainedRun) {
  const { folder, config, dataset, result, evaluation, baselines, parameters, exportedBytes } = run;
  const last = result.epochs.at(-1);
  return {
    run: folder,
    status: result.status,
    dataset: {
      name: dataset.name,
      classes: dataset.classes.length,
      train: dataset.train.count,
      validation: dataset.validation.count,
    },
    model: run.model.name,
    head: run.model.head.name,
    seed: config.seed,
    epochs: result.epochs.length,
    validationAccuracy: last?.validationAccuracy ?? null,
    trainAccuracy: last?.trainAccuracy ?? null,
    evaluation: evaluation === undefined ? null : judgementDocument(evaluation),
    ...(baselines === undefined ? {} : { baselines }),
    parameters,
    stepMilliseconds: result.stepMilliseconds,
    ...(config.recipe.precision === 'mixed' ? { skippedSteps: result.skippedSteps } : {}),
    exported: evaluation === undefined ? null : runPaths(folder).model,
    exportedBytes,
  };
}

/** Prints a training run's result, or how to go on with one that was stopped. */
export function showTraining(run: TrainedRun, output: Output, reporter: Reporter, context: CliContext): void {
  const { evaluation, baselines, parameters, exportedBytes } = run;
  const classifies = run.config.task.kind === 'classes';
  if (evaluation !== undefined) {
    output.print(
      [
        `${run.model.name} with head ${run.model.head.name} on ${run.dataset.name}: ${judgementText(evaluation)}`,
        ...(baselines === undefined ? [] : [baselineText(baselines)]),
        `${whole(parameters.trainable)} of ${whole(parameters.total)} parameters trained, ${whole(parameters.classifierTrainable)} of them in the classifier`,
        `Model: ${runPaths(run.folder).model} (${bytes(exportedBytes)})`,
        classifies
          ? `Try: fixhead predict ${run.folder} IMAGES`
          : `It gives features, vectors of ${whole(run.model.backbone.features)} numbers; fixhead evaluate ${run.folder} measures them again`,
      ].join('\n'),
    );
  }
  output.document(trainingDocument(run));
  if (run.result.status === 'interrupted') {
    reporter.line(`stopped; everything is saved. Go on with: fixhead resume ${run.folder}`);
    context.setExitCode(exitCodes.interrupted);
  }
}

/** Shows a run of its own. */
export function trainingProgress(reporter: Reporter, title: string, { io }: CliContext): OnTrainEvent {
  const show = reporter.run(title, 0, 1);
  return (event) => {
    io.onTraining?.();
    show(event);
  };
}
