import { defined, inputError } from '../core/errors.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { batchesInOrder } from '../data/batches.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { createBuilder } from '../graph/builder.ts';
import { checkGraph } from '../graph/check.ts';
import type { Graph } from '../graph/graph.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { assignSlots } from '../heads/assignment/assign.ts';
import { createClassMeans } from '../heads/assignment/class-means.ts';
import { poolGeometry, withCodes } from '../heads/assignment/codes.ts';
import type { Geometry } from '../heads/geometry.ts';
import type { Model } from '../heads/model.ts';
import { createLayerContext, type Weights } from '../nn/layer-context.ts';
import type { Runtime, Session } from '../runtime/runtime.ts';

/** What an assignment of classes to class vectors did. Benefits are mean cosines of class means with their class vectors. */
export interface AssignmentRecord {
  /** Epochs finished before it. */
  readonly epoch: number;
  readonly before: number;
  readonly after: number;
  /** No assignment has a mean benefit above after + gap. */
  readonly gap: number;
  /** Vectors that there were to choose from. */
  readonly slots: number;
}

/** Receives how far an assignment is: images whose features were taken, then classes that were placed. */
export type OnAssignmentProgress = (stage: 'features' | 'comparing' | 'matching', done: number, count: number) => void;

const BATCH = 256;

/** A mean cosine may differ by this much between two ways of adding it up in float32: no reason to move classes. */
const ROUNDING = 1e-6;

/** Normalised `images` `[batch, c, h, w]` to the unit `features` `[batch, N]` that the head multiplies its vectors by. */
function unitGraph(model: Model, weights: Weights): Graph {
  const { channels, height, width } = model.image;
  const b = createBuilder(model.name);
  const images = b.input('images', 'float32', ['batch', channels, height, width]);
  const c = createLayerContext(b, weights);
  b.output(model.head.unit(c, model.backbone.forward(c, images)), 'features');
  return checkGraph(b.build(), 'unit features graph');
}

/** `means` `[batch, N]` to their `benefits` `[batch, S]`: products with all vectors of the pool. */
function benefitGraph(pool: Geometry): Graph {
  const b = createBuilder('benefits');
  const means = b.input('means', 'float32', ['batch', pool.features]);
  b.output(pool.product(createLayerContext(b, new Map()), means), 'benefits');
  return checkGraph(b.build(), 'benefits graph');
}

async function floats(
  session: Session,
  input: string,
  value: HostTensor<'float32'>,
  output: string,
): Promise<Float32Array> {
  const result = defined((await session.run({ [input]: value }))[output], output);
  if (result.dtype !== 'float32') throw inputError(`${output} are not float32`, { received: result.dtype });
  return result.data;
}

/** Without the rows of images that could not be decoded. */
function readableRows(
  features: Float32Array,
  labels: Int32Array,
): { readonly features: Float32Array; readonly labels: Int32Array } {
  if (!labels.includes(-1)) return { features, labels };
  const dimension = features.length / labels.length;
  return {
    features: features.filter((_, place) => labels[Math.floor(place / dimension)] !== -1),
    labels: labels.filter((label) => label >= 0),
  };
}

/** Unit mean features of all classes, `[C, N]`, centred, from the training images without augmentation. */
async function classMeans(
  runtime: Runtime,
  model: Model,
  weights: Weights,
  { image, normalization, train }: Pick<ImageDataset, 'image' | 'normalization' | 'train'>,
  onProgress: OnAssignmentProgress,
): Promise<Float32Array> {
  const { channels, height, width } = image;
  const means = createClassMeans(model.head.classes, model.head.features);
  await using session = await runtime.createSession(toOnnx(unitGraph(model, weights)), 'inference');
  let done = 0;
  for await (const batch of batchesInOrder(train, image, normalization, BATCH)) {
    const images = float32([batch.size, channels, height, width], batch.images);
    const features = await floats(session, 'images', images, 'features');
    const readable = readableRows(features, batch.labels);
    means.add(readable.features, readable.labels);
    done += batch.size;
    onProgress('features', done, train.count);
  }
  return means.means({ centred: true });
}

/** Mean ⟨mean of class i, vector of class i⟩ with the vectors that the classes have now. */
function meanBenefit(means: Float32Array, { classes, features, vector }: Geometry): number {
  let sum = 0;
  for (let index = 0; index < classes; index++) {
    vector(index).forEach((entry, k) => (sum += entry * (means[index * features + k] ?? 0)));
  }
  return sum / classes;
}

/**
 * Gives each class the vector that fits the features of its training images: class means of the unit features are matched with the
 * vectors of the head's pool by linear assignment, so that the mean cosine of a mean with its vector is (nearly) the greatest possible.
 * A pure function of the weights and the data.
 *
 * @returns the model on its new vectors (the given one, if no assignment is better) and what was reached
 * @throws a usage error for a head whose vectors are trained or given; an input error where a feature is not a number.
 */
export async function assignClasses(
  runtime: Runtime,
  model: Model,
  weights: Weights,
  dataset: Pick<ImageDataset, 'image' | 'normalization' | 'train'>,
  epoch: number,
  onProgress: OnAssignmentProgress = () => undefined,
): Promise<{ readonly model: Model; readonly record: AssignmentRecord }> {
  const { head } = model;
  const pool = poolGeometry(model);
  const means = await classMeans(runtime, model, weights, dataset, onProgress);
  const { features, classes } = head;
  await using session = await runtime.createSession(toOnnx(benefitGraph(pool)), 'inference');
  const assignment = await assignSlots({
    classes,
    slots: pool.slots,
    benefits: (first, count) => {
      const some = float32([count, features], means.slice(first * features, (first + count) * features));
      return floats(session, 'means', some, 'benefits');
    },
    onProgress: ({ stage, done, total }) => {
      onProgress(stage, done, total);
    },
  });
  const before = meanBenefit(means, defined(head.geometry, 'class vectors'));
  const better = assignment.after > before + ROUNDING;
  return {
    model: better ? withCodes(model, assignment.slots) : model,
    record: Object.freeze({
      epoch,
      before,
      after: better ? assignment.after : before,
      gap: better ? assignment.gap : Math.max(0, assignment.after + assignment.gap - before),
      slots: pool.slots,
    }),
  };
}
