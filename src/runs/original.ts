import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Dim } from '../core/shape.ts';
import type { ImageShape } from '../data/dataset.ts';
import { bindInputs } from '../graph/bind.ts';
import type { Graph } from '../graph/graph.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { OnnxModel } from '../graph/onnx-read.ts';
import type { Backbone } from '../heads/backbone.ts';
import type { Model } from '../heads/model.ts';
import type { Weights } from '../nn/layer-context.ts';
import {
  cutAt,
  deployGraph,
  findClassifier,
  importedBackbone,
  teacherLogits,
  type ClassifierChoice,
  type Cut,
} from '../surgery/index.ts';
import type { Teacher } from '../train/training-program.ts';
import type { ClassifierFile } from './classifier-file.ts';
import type { OriginalChoice } from './config.ts';
import { labelsOf } from './labels.ts';
import { readModel } from './read-model.ts';

/** A model from a file, cut in front of its classifier. */
export interface Original {
  /** Its bytes with everything inside, in the operator set that fixhead writes. */
  readonly file: ClassifierFile;
  readonly cut: Cut;
  /** Bytes of the file, with those of the data outside of it. */
  readonly size: number;
  /** What a reader should know about how the file was taken. */
  readonly notes: readonly string[];
}

/** Which classifier of a file, and the size of its images where the file leaves it open. */
export interface OpenOriginalOptions extends ClassifierChoice {
  readonly imageSize?: Pick<ImageShape, 'height' | 'width'>;
}

/** What models of photographs are trained on. */
const USUAL_SIDE = 224;

/**
 * Opens the model whose classifier is replaced.
 *
 * @throws an input error for a file that cannot be read, or a model without a classifier that can be replaced, which says why.
 */
export async function openOriginal(path: string, options: OpenOriginalOptions = {}): Promise<Original> {
  const { imageSize, ...choice } = options;
  const read = await readModel(path);
  const { graph, notes } = sized(read.graph, imageSize);
  const onnx: OnnxModel = { ...read, graph };
  const cut = cutAt(graph, findClassifier(graph, choice));
  const bytes = toOnnx(graph, { producer: onnx.producer, metadata: onnx.metadata });
  const labels = await labelsOf(path, onnx);
  const own = (await stat(path)).size;
  // A file whose weights lie outside of it is smaller than what it stands for.
  const size = own > bytes.byteLength / 2 ? own : bytes.byteLength;
  return { file: { path, bytes, onnx, labels, config: undefined }, cut, size, notes };
}

/** The graph with the height and width of its images fixed, where the file leaves them open. */
function sized(
  graph: Graph,
  size: Pick<ImageShape, 'height' | 'width'> | undefined,
): { readonly graph: Graph; readonly notes: readonly string[] } {
  const [input] = graph.inputs;
  const shape = input === undefined ? undefined : graph.types.get(input)?.shape;
  const [batch = 1, ...dims] = shape ?? [];
  if (input === undefined || dims.length !== 3 || dims.every((dim) => typeof dim === 'number')) {
    return { graph, notes: [] };
  }
  const { height, width } = size ?? { height: USUAL_SIDE, width: USUAL_SIDE };
  const last = dims[2];
  const channelsLast = (last === 1 || last === 3) && typeof dims[0] !== 'number';
  const sides = channelsLast ? [height, width] : [undefined, height, width];
  const bound = dims.map((dim, axis): Dim => (typeof dim === 'number' ? dim : (sides[axis] ?? dim)));
  const note =
    size === undefined
      ? `the model leaves the size of its images open: taking ${height}×${width} (--image-size for another)`
      : `the model leaves the size of its images open: taking ${height}×${width}, as asked`;
  return { graph: bindInputs(graph, new Map([[input, [batch, ...bound]]])), notes: [note] };
}

/** The backbone of a run that replaces a classifier: the original up to its features, and an adapter behind it where one is asked for. */
export function originalBackbone(cut: Cut, { file, train, adapter }: OriginalChoice, image: ImageShape): Backbone {
  const backbone = importedBackbone(cut, {
    name: basename(file),
    train,
    ...(adapter === undefined ? {} : { adapter }),
  });
  return Object.freeze({
    ...backbone,
    image,
    deployment: (model: Model, weights: Weights) => deployGraph(cut, model, weights),
  });
}

/** The original as the teacher of its successor, where the run has one. */
export function teacherOf(cut: Cut, { teacher }: OriginalChoice): Teacher | undefined {
  return teacher === undefined ? undefined : { ...teacher, logits: teacherLogits(cut) };
}
