import { FixheadError } from '../core/errors.ts';
import type { HostTensor } from '../core/tensor.ts';
import { kindOf } from '../data/files.ts';
import { modelWithStoredCodes } from '../heads/assignment/codes.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { AssignmentFacts, FeatureFacts, TrainingFacts } from '../report/head-document.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { readCheckpoint } from '../train/checkpoint.ts';
import { isJsonObject } from '../train/json.ts';
import { readMetrics, type MetricRecord } from '../train/metrics.ts';
import type { Run } from '../train/run-folder.ts';
import { openTrainingRun } from './classifier-file.ts';
import type { TrainConfig } from './config.ts';
import { floatsOf } from './floats.ts';
import { diagnoseHead, trainedVectorsName } from './head-doctor.ts';
import { headPart, inspectModel, type Inspected } from './inspect-model.ts';
import { keptParts } from './parts.ts';
import { modelOf, reopenDataset, type OpenChoiceOptions } from './prepare.ts';
import { DEFAULT_IMAGES, measureFeatures } from './trained-features.ts';

/** What a closer look at a trained run needs. */
export interface RunInspectionOptions extends Omit<OpenChoiceOptions, 'allowDownload'> {
  /** Opens the device that computes features; features are left out without one. */
  readonly runtime?: () => Promise<Runtime>;
  /** Most images of each split that are looked at; 0 for none. */
  readonly images?: number;
  readonly signal?: AbortSignal;
  /** Called with the number of images done and of all. */
  readonly onProgress?: (done: number, count: number) => void;
}

/** Most points of the path of α that are kept. */
const MOST_POINTS = 400;

/** What a run's model consists of and costs, before BatchNorm is folded, and what training did to its head. */
export async function inspectRun(folder: string, options: RunInspectionOptions = {}): Promise<Inspected> {
  const { run, config } = await openTrainingRun(folder);
  const notes: string[] = [];
  const weights = await trainedWeights(run, notes);
  const model = modelWithStoredCodes(modelOf(config, await keptParts(run, config)), weights ?? new Map());
  const plain = inspectModel(model);
  const trained = weights?.get(trainedVectorsName);
  const own = trained === undefined ? {} : headPart(diagnoseHead(model.head, trained));
  const records = await readMetrics(run.paths.metrics);
  const features = weights === undefined ? [] : await featuresOfRun(config, model, weights, options, notes);
  const training: TrainingFacts = {
    run: folder,
    step: records.at(-1)?.step ?? null,
    scale: thinned(scalePath(records)),
    features,
    assignments: assignmentsOf(records),
  };
  const document = Object.freeze({ ...plain, ...own, training, notes: [...plain.notes, ...notes] });
  return { document, head: model.head };
}

/** The run's newest weights; a run without a checkpoint has none, which is noted. */
async function trainedWeights(run: Run, notes: string[]): Promise<Weights | undefined> {
  const { last } = run.paths;
  if ((await kindOf(last)) === undefined) {
    notes.push('the run has no checkpoint yet, so nothing can be said of its features');
    return undefined;
  }
  return (await readCheckpoint(last)).checkpoint.tensors;
}

async function featuresOfRun(
  config: TrainConfig,
  model: Model,
  weights: Weights,
  options: RunInspectionOptions,
  notes: string[],
): Promise<readonly FeatureFacts[]> {
  const { runtime: open, images = DEFAULT_IMAGES, signal, onProgress } = options;
  const vector = vectorsOfHead(model, weights.get(trainedVectorsName));
  if (open === undefined || images === 0 || vector === undefined) return [];
  let dataset;
  try {
    dataset = await reopenDataset(config, options);
  } catch (error) {
    if (!(error instanceof FixheadError)) throw error;
    notes.push(`features are left out, because the run’s data cannot be opened: ${error.message}`);
    return [];
  }
  return await measureFeatures({
    runtime: await open(),
    ...{ model, weights, dataset, vector, images, task: config.task },
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

/** The class vectors that the run's head has: fixed ones, or those that it has learned. */
function vectorsOfHead(
  { head }: Model,
  trained: HostTensor | undefined,
): ((index: number) => Float32Array) | undefined {
  const { geometry, features } = head;
  if (geometry !== undefined) return geometry.vector;
  const matrix = trained === undefined ? undefined : floatsOf(trained);
  return matrix === undefined ? undefined : (index) => matrix.subarray(index * features, (index + 1) * features);
}

/** α at the steps that recorded it. */
function scalePath(records: readonly MetricRecord[]): TrainingFacts['scale'] {
  return records.flatMap(({ kind, step, ['scale']: value }) =>
    kind === 'step' && typeof value === 'number' ? [{ step, value }] : [],
  );
}

/** At most so many points of a path, its ends among them. */
function thinned(path: TrainingFacts['scale']): TrainingFacts['scale'] {
  if (path.length <= MOST_POINTS) return path;
  return Array.from({ length: MOST_POINTS }, (_, place) => {
    const point = path[Math.round((place * (path.length - 1)) / (MOST_POINTS - 1))];
    return point ?? { step: 0, value: 0 };
  });
}

/** Records of assignments among the metrics: `assignment: {before, after}` of the epoch that they follow. */
function assignmentsOf(records: readonly MetricRecord[]): readonly AssignmentFacts[] {
  return records.flatMap(({ epoch, assignment }) => {
    if (!isJsonObject(assignment)) return [];
    const { before, after } = assignment;
    if (typeof before !== 'number' || typeof after !== 'number') return [];
    return [{ epoch: typeof epoch === 'number' ? epoch : 0, before, after }];
  });
}
