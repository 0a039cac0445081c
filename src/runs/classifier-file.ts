import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defined, inputError, usageError } from '../core/errors.ts';
import { sizeOf, type Dim } from '../core/shape.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import type { ImageShape, Normalization } from '../data/dataset.ts';
import { kindOf } from '../data/files.ts';
import { operatorName } from '../graph/graph.ts';
import { readOnnx, type OnnxModel } from '../graph/onnx-read.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { modelWithStoredCodes } from '../heads/assignment/codes.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime, Session, Tensors } from '../runtime/runtime.ts';
import { readCheckpoint } from '../train/checkpoint.ts';
import { openRun, runPaths, type Run } from '../train/run-folder.ts';
import { trainConfigOf, type TrainConfig } from './config.ts';
import { asPixels, exportEmbedding, exportModel, metadataKeys } from './export.ts';
import { labelsOf } from './labels.ts';
import { keptParts } from './parts.ts';
import { readPixels } from './pixels.ts';
import { modelOf } from './prepare.ts';
import { openModel } from './read-model.ts';

/** Which weights of a run: the exported model (the last epoch's), or a checkpoint. */
export type WeightsChoice = 'model' | 'last' | 'best';

/** A classifier's bytes and what is known about them before they run. */
export interface ClassifierFile {
  /** The file that the bytes come from. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly onnx: OnnxModel;
  /** Class names; `undefined` where the file has none. */
  readonly labels: readonly string[] | undefined;
  /** The run that it belongs to, where a run folder was named. */
  readonly config: TrainConfig | undefined;
}

/** A classifier ready to run: `images` `[n, c, h, w]`, normalised as it wants them, to `logits` `[n, classes]`. */
export interface OpenClassifier extends AsyncDisposable {
  readonly session: Session;
  readonly image: ImageShape;
  /** How pixels are fed: as they are, in 0 … 1, unless the file says otherwise. */
  readonly normalization: Normalization;
  readonly classes: number;
  /** Images of one call: a number where the file fixes it. */
  readonly batchSize: number | undefined;
}

/** The training run in a folder, or an error that names the runs of a comparison. */
export async function openTrainingRun(folder: string): Promise<{ readonly run: Run; readonly config: TrainConfig }> {
  const run = await openRun(folder);
  if (run.config.kind === 'train') return { run, config: trainConfigOf(run) };
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = entries
    .filter((entry) => entry.isDirectory() && entry.name.includes('-seed'))
    .map(({ name }) => join(folder, name));
  throw usageError(`a ${run.config.kind} run, and one training run is needed`, {
    where: folder,
    ...(nested.length === 0 ? {} : { legal: nested.sort() }),
  });
}

/** The classifier in an `.onnx` file. @throws an input error for a file that is missing or no ONNX model. */
export async function readClassifierFile(path: string): Promise<ClassifierFile> {
  const { onnx, bytes: own, external } = await openModel(path);
  // What lies outside of the file is put inside: the runtime is given bytes, and knows no folder.
  const bytes = external.length === 0 ? own : toOnnx(onnx.graph, onnx);
  return { path, bytes, onnx, labels: await labelsOf(path, onnx), config: undefined };
}

/** The model of a run with the weights of one of its checkpoints, on the class vectors that its classes were assigned to. */
export async function modelFromCheckpoint(
  run: Run,
  config: TrainConfig,
  path: string,
): Promise<{ readonly model: Model; readonly weights: Weights }> {
  const { tensors: weights } = (await readCheckpoint(path)).checkpoint;
  const model = modelWithStoredCodes(modelOf(config, await keptParts(run, config)), weights);
  return { model, weights };
}

async function fromCheckpoint(run: Run, config: TrainConfig, path: string): Promise<ClassifierFile> {
  const { model, weights } = await modelFromCheckpoint(run, config, path);
  if (config.task.kind === 'instance') {
    const bytes = exportEmbedding(model, weights, config);
    return { path, bytes, onnx: readOnnx(bytes, path), labels: undefined, config };
  }
  const bytes = exportModel(model, weights, config);
  return { path, bytes, onnx: readOnnx(bytes, path), labels: config.classes, config };
}

/** @throws an input error for a run without an exported model, which says what to do. */
export async function checkFinished(folder: string): Promise<void> {
  if ((await kindOf(runPaths(folder).model)) !== undefined) return;
  throw inputError('the run is not finished: it has no model.onnx yet', {
    where: folder,
    hint: `go on with it (fixhead resume ${folder}), or take its last checkpoint (--weights last)`,
  });
}

/**
 * The classifier that a path names: an `.onnx` file, or a run folder, whose `model.onnx` or checkpoint is taken.
 *
 * @throws an input error for what cannot be read; a usage error for a comparison, naming its runs.
 */
export async function readClassifier(path: string, weights: WeightsChoice = 'model'): Promise<ClassifierFile> {
  if ((await kindOf(path)) !== 'folder') {
    if (weights !== 'model') throw usageError('only a run has checkpoints', { where: path });
    return await readClassifierFile(path);
  }
  const { run, config } = await openTrainingRun(path);
  const { model, last, best } = runPaths(run.paths.folder);
  if (weights !== 'model') return await fromCheckpoint(run, config, weights === 'best' ? best : last);
  await checkFinished(path);
  return { ...(await readClassifierFile(model)), config };
}

/** Whether a file is one of ours that gives features and no classes: trained to tell images apart. */
export function givesFeatures({ onnx }: ClassifierFile): boolean {
  return onnx.metadata[metadataKeys.task] === 'instance';
}

interface ImageInput {
  readonly image: ImageShape;
  readonly input: string;
  readonly batchSize: number | undefined;
  /** `NHWC`: channels come last, as TensorFlow has them. */
  readonly layout: 'NCHW' | 'NHWC';
}

/**
 * The only image input, `[batch, channels, height, width]` or with the channels last.
 *
 * @param size stands for a height and width that the file leaves open
 * @throws an input error for any other inputs.
 */
export function imageInputOf({ path, onnx }: ClassifierFile, size?: Pick<ImageShape, 'height' | 'width'>): ImageInput {
  const { graph } = onnx;
  const [input] = graph.inputs;
  const type = input === undefined ? undefined : graph.types.get(input);
  const [batch, ...dims] = type?.shape ?? [];
  const colours = (dim: Dim | undefined): boolean => dim === 1 || dim === 3;
  // Features have one number a channel, [F, 1, 1].
  const flat = dims[1] === 1 && dims[2] === 1;
  const layout = !flat && !colours(dims[0]) && colours(dims[2]) ? 'NHWC' : 'NCHW';
  const [channels, height, width] = layout === 'NHWC' ? [dims[2], dims[0], dims[1]] : dims;
  const sized = (dim: Dim | undefined, given: number | undefined) => (typeof dim === 'number' ? dim : given);
  const [rows, columns] = [sized(height, size?.height), sized(width, size?.width)];
  const one = graph.inputs.length === 1 && type?.dtype === 'float32' && type.shape.length === 4;
  if (
    !one ||
    input === undefined ||
    typeof channels !== 'number' ||
    !(colours(channels) || flat) ||
    !rows ||
    !columns
  ) {
    throw inputError('not a classifier of images', {
      where: path,
      expected: 'one float32 input [batch, 1 or 3 channels, height, width] with sizes that are fixed',
      received:
        graph.inputs
          .map(
            (name) =>
              `${name} ${String(graph.types.get(name)?.dtype)}[${graph.types.get(name)?.shape.join(', ') ?? ''}]`,
          )
          .join(', ') || 'no input',
    });
  }
  const image = { channels, height: rows, width: columns };
  return { image, input, batchSize: typeof batch === 'number' ? batch : undefined, layout };
}

/** `[n, c, h, w]` as `[n, h, w, c]`. */
export function channelsLast(images: HostTensor<'float32'>): HostTensor<'float32'> {
  const [count = 0, channels = 0, height = 0, width = 0] = images.shape;
  const plane = height * width;
  const moved = new Float32Array(images.data.length);
  for (let index = 0; index < count; index++) {
    for (let channel = 0; channel < channels; channel++) {
      const start = (index * channels + channel) * plane;
      for (let place = 0; place < plane; place++) {
        moved[(index * plane + place) * channels + channel] = images.data[start + place] ?? 0;
      }
    }
  }
  return float32([count, height, width, channels], moved);
}

function rows(value: HostTensor | undefined, path: string, probabilities: boolean): HostTensor<'float32'> {
  const [batch = 0, ...rest] = value?.shape ?? [];
  if (value?.dtype !== 'float32' || rest.length === 0) {
    throw inputError('not a classifier of images', {
      where: path,
      expected: 'a float32 output [batch, classes]',
      received: value === undefined ? 'none' : `${value.dtype}[${value.shape.join(', ')}]`,
    });
  }
  // Softmax of log p is p again.
  return float32(
    [batch, sizeOf(rest)],
    probabilities ? value.data.map((p) => Math.log(Math.max(p, SMALLEST_PROBABILITY))) : value.data,
  );
}

/** Smallest normal float32: what a probability that underflowed counts as, so that its loss stays a number. */
const SMALLEST_PROBABILITY = 2 ** -126;

/** Operators that change the form of a tensor and not its numbers. */
const formOnly = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Cast']);

/** Whether an output is what a Softmax gave: probabilities in place of logits. */
function endsInSoftmax(graph: OnnxModel['graph'], output: string): boolean {
  const node = graph.nodes.find((each) => each.outputs.includes(output));
  if (node === undefined) return false;
  const operator = operatorName(node);
  const [source] = node.inputs;
  return operator === 'Softmax' || (formOnly.has(operator) && source !== undefined && endsInSoftmax(graph, source));
}

/**
 * Loads a classifier and finds out its number of classes by running it on one black image.
 *
 * @param size stands for a height and width that the file leaves open
 */
export async function openClassifier(
  runtime: Runtime,
  file: ClassifierFile,
  size?: Pick<ImageShape, 'height' | 'width'>,
): Promise<OpenClassifier> {
  const { path, bytes, onnx, labels } = file;
  if (givesFeatures(file)) {
    throw inputError('the model gives features, not classes', {
      where: path,
      expected: 'a classifier',
      received: 'a model that was trained to tell images apart (--task instance)',
      hint: 'fixhead evaluate judges it by nearest neighbours',
    });
  }
  const stated = onnx.metadata[metadataKeys.output];
  if (stated !== undefined) {
    throw inputError('the model does not give the logits of all classes', {
      where: path,
      expected: 'a whole classifier',
      received: stated,
      hint: 'name the run instead, or what fixhead export RUN writes without --top-k and --split',
    });
  }
  const { image, input, batchSize, layout } = imageInputOf(file, size);
  const pixels = onnx.metadata[metadataKeys.pixels];
  const { normalization } =
    pixels === undefined ? asPixels(image) : { normalization: readPixels(pixels, image.channels, path) };
  const output = onnx.graph.outputs.includes('logits') ? 'logits' : defined(onnx.graph.outputs[0], 'an output');
  const probabilities = endsInSoftmax(onnx.graph, output);
  const inner = await runtime.createSession(bytes, 'inference');
  const session: Session = {
    inputNames: ['images'],
    outputNames: ['logits'],
    run: async ({ images }: Tensors) => {
      const given = defined(images, 'images');
      const fed = layout === 'NHWC' && given.dtype === 'float32' ? channelsLast(given) : given;
      const outputs = await inner.run({ [input]: fed });
      return { logits: rows(outputs[output], path, probabilities) };
    },
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  };
  try {
    const { channels, height, width } = image;
    const size = batchSize ?? 1;
    const black = float32([size, channels, height, width], new Float32Array(size * channels * height * width));
    const classes = defined((await session.run({ images: black }))['logits']?.shape[1], 'classes');
    if (labels !== undefined && labels.length !== classes) {
      throw inputError('the labels do not fit the model', {
        where: path,
        expected: `${classes} names, one for each output`,
        received: `${labels.length}`,
      });
    }
    return {
      session,
      image,
      normalization,
      classes,
      batchSize,
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}
