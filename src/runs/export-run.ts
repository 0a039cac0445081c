import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { usageError } from '../core/errors.ts';
import { kindOf } from '../data/files.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { writeFileAtomically } from '../train/atomic.ts';
import { headToJson } from '../wasm/head-json.ts';
import { checkModel, checkSplit, checkTopClasses, comparisonImages, type ExportTest } from './check-export.ts';
import { checkFinished, modelFromCheckpoint, openTrainingRun, type WeightsChoice } from './classifier-file.ts';
import type { TrainConfig } from './config.ts';
import { describeHead } from './describe-head.ts';
import { checkExportedEmbedding, exportBackbone, exportEmbedding, exportModel, exportTopClasses } from './export.ts';
import type { OpenChoiceOptions } from './prepare.ts';

/**
 * What is written of a run.
 *
 * - `model`: one file, from pixels to all logits (or to features, where images were told apart), as the run's own `model.onnx`; with
 *   `topK` to the k best classes.
 * - `split`: a folder with `backbone.onnx`, from pixels to features, and `head.json`, the head for `openHead` of `fixhead/head`,
 *   with `labels.json`, the names of the classes.
 */
export type ExportTarget =
  | { readonly kind: 'model'; readonly file: string; readonly topK?: number }
  | { readonly kind: 'split'; readonly folder: string };

/** How a run is exported. */
export interface ExportRunOptions extends OpenChoiceOptions {
  readonly runtime: Runtime;
  /** `model`: those after the last epoch of a finished run. */
  readonly weights?: WeightsChoice;
  /** Replace files that are there already. */
  readonly overwrite?: boolean;
  /** Receives one line for each decision that a reader should know about. */
  readonly log?: (line: string) => void;
}

/** A file that was written. */
export interface ExportedFile {
  readonly path: string;
  readonly bytes: number;
}

/** What was exported, and what it was compared with the trained model on. */
export interface RunExport {
  readonly run: string;
  readonly weights: WeightsChoice;
  readonly model: string;
  readonly head: string;
  readonly features: number;
  /** `null` where a model gives features only. */
  readonly classes: number | null;
  readonly files: readonly ExportedFile[];
  readonly compared: { readonly images: number; readonly source: 'validation' | 'noise' };
}

interface Trained {
  readonly config: TrainConfig;
  readonly model: Model;
  readonly weights: Weights;
}

/** What is to be written where, and how it is checked first. */
interface Plan {
  readonly files: readonly { readonly path: string; readonly content: string | Uint8Array }[];
  readonly check: (test: ExportTest) => Promise<void>;
}

async function trainedModel(folder: string, choice: WeightsChoice): Promise<Trained> {
  if ((await kindOf(folder)) === 'file') {
    throw usageError('a run is exported, not a file', {
      where: folder,
      expected: 'the folder of a training run',
      hint: 'an .onnx file is exported already',
    });
  }
  const { run, config } = await openTrainingRun(folder);
  if (choice === 'model') await checkFinished(folder);
  const { last, best } = run.paths;
  return { config, ...(await modelFromCheckpoint(run, config, choice === 'best' ? best : last)) };
}

function withoutClasses(option: string): Error {
  return usageError('a run with --task instance has features and no classes', {
    where: option,
    hint: 'its one .onnx file gives the features: leave the option out',
  });
}

function planOf(target: ExportTarget, { config, model, weights }: Trained): Plan {
  const instance = config.task.kind === 'instance';
  if (target.kind === 'split') {
    if (instance) throw withoutClasses('--split');
    const head = `${JSON.stringify(headToJson(describeHead(model.head, weights)), undefined, 2)}\n`;
    const backbone = exportBackbone(model, weights, config);
    const inFolder = (name: string): string => join(target.folder, name);
    return {
      files: [
        { path: inFolder('backbone.onnx'), content: backbone },
        { path: inFolder('labels.json'), content: `${JSON.stringify(config.classes, undefined, 2)}\n` },
        { path: inFolder('head.json'), content: head },
      ],
      check: (test) => checkSplit(test, backbone, head),
    };
  }
  const { file, topK } = target;
  if (topK !== undefined) {
    if (instance) throw withoutClasses('--top-k');
    const content = exportTopClasses(model, weights, config, topK);
    return { files: [{ path: file, content }], check: (test) => checkTopClasses(test, content, topK) };
  }
  const content = instance ? exportEmbedding(model, weights, config) : exportModel(model, weights, config);
  return {
    files: [{ path: file, content }],
    check: (test) =>
      instance ? checkExportedEmbedding(test.runtime, content, model, weights, test.data) : checkModel(test, content),
  };
}

/** Folders first that are missing, each file whole or not at all. */
async function write({ files }: Plan): Promise<readonly ExportedFile[]> {
  const written: ExportedFile[] = [];
  for (const { path, content } of files) {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomically(path, content);
    written.push({ path, bytes: Buffer.byteLength(content) });
  }
  return written;
}

/**
 * Writes a trained run as files for other programs, once they were compared with the trained model on validation images (on noise
 * where the run's data is not to be had): what does not agree is not written.
 *
 * @throws a usage error for what is no run, more best classes than classes, a head that cannot be described, or files that are there
 * already; an input error for a run that is not finished, or an export that does not agree with its model.
 */
export async function exportRun(folder: string, target: ExportTarget, options: ExportRunOptions): Promise<RunExport> {
  const { runtime, weights: choice = 'model', overwrite = false, log = () => undefined } = options;
  const trained = await trainedModel(folder, choice);
  const { config, model, weights } = trained;
  const plan = planOf(target, trained);
  for (const { path } of plan.files) {
    if (!overwrite && (await kindOf(path)) !== undefined) {
      throw usageError('there is such a file already', {
        where: path,
        hint: 'name another place, or replace it with --overwrite',
      });
    }
  }
  const { source, ...data } = await comparisonImages(config, options, log);
  await plan.check({ runtime, model, weights, data });
  return Object.freeze({
    run: folder,
    weights: choice,
    model: model.name,
    head: model.head.name,
    features: model.head.features,
    classes: config.task.kind === 'instance' ? null : model.head.classes,
    files: await write(plan),
    compared: { images: data.validation.count, source },
  });
}
