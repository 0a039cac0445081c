import { permutation, randomStream } from '../core/random.ts';
import type { ImageDataset, ImageSet } from '../data/dataset.ts';
import { takeImages } from '../data/split.ts';
import { createBuilder } from '../graph/builder.ts';
import { concat, mul, reduceSum, sqrt } from '../graph/functions.ts';
import { normalizeRows } from '../heads/unit-features.ts';
import { checkGraph } from '../graph/check.ts';
import type { Graph } from '../graph/graph.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { collapseOf, type Collapse } from '../heads/collapse.ts';
import type { Model } from '../heads/model.ts';
import { createLayerContext, type Weights } from '../nn/layer-context.ts';
import type { CollapseFacts, FeatureFacts } from '../report/head-document.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { featuresFrom } from '../train/features.ts';
import { trainingData, type TaskSpec } from '../train/task.ts';

/** How many images of a split are looked at unless asked otherwise. */
export const DEFAULT_IMAGES = 2000;

const SHOWN_CLASSES = 8;

/** Images of a split: all of them, or so many drawn at random, in the order of the split. */
export function sampleOf(set: ImageSet, image: ImageDataset['image'], most: number): ImageSet {
  if (set.count <= most) return set;
  const chosen = permutation(set.count, randomStream(0, 'inspected-images', set.count))
    .slice(0, most)
    .sort();
  return takeImages(set, image, chosen);
}

/**
 * The length and the direction of what the backbone gives: `images` to `features` `[batch, 1 + N]`, first ‖x‖, then x̂ as the head
 * sees it, batch-normalised first where the head does that.
 */
function lengthAndDirectionGraph({ backbone, head, image, name }: Model, weights: Weights): Graph {
  const { channels, height, width } = image;
  const b = createBuilder(name);
  const c = createLayerContext(b, weights);
  const x = backbone.forward(c, b.input('images', 'float32', ['batch', channels, height, width]));
  const length = sqrt(b, reduceSum(b, mul(b, x, x), [1], { keepdims: true }));
  const direction = head.spec.kind === 'learned' ? normalizeRows(c, x) : head.unit(c, x);
  b.output(concat(b, [length, direction], 1), 'features');
  return checkGraph(b.build(), 'features');
}

/** What to look at. */
export interface FeatureRequest {
  readonly runtime: Runtime;
  readonly model: Model;
  readonly weights: Weights;
  readonly dataset: ImageDataset;
  readonly task: TaskSpec;
  /** The class vector of each class: fixed, or trained. */
  readonly vector: (index: number) => Float32Array;
  /** Most images of a split. */
  readonly images: number;
  readonly signal?: AbortSignal;
  /** Called with the number of images done, of all splits. */
  readonly onProgress?: (done: number, count: number) => void;
}

/** Norms of features, and how far they have collapsed onto the class vectors, for a sample of both splits. */
export async function measureFeatures(request: FeatureRequest): Promise<readonly FeatureFacts[]> {
  const { runtime, model, weights, dataset, task, signal, onProgress } = request;
  const train = trainingData(task, dataset).train;
  const names = task.kind === 'instance' ? undefined : dataset.classes;
  const splits = [
    { split: 'train', of: train.count, set: sampleOf(train, dataset.image, request.images), labelled: true },
    {
      split: 'validation',
      of: dataset.validation.count,
      set: sampleOf(dataset.validation, dataset.image, request.images),
      labelled: task.kind === 'classes',
    },
  ] as const;
  const count = splits.reduce((sum, { set }) => sum + set.count, 0);
  await using session = await runtime.createSession(toOnnx(lengthAndDirectionGraph(model, weights)), 'inference');
  const facts: FeatureFacts[] = [];
  let done = 0;
  for (const { split, of, set, labelled } of splits) {
    if (set.count === 0) continue;
    const before = done;
    const { values: rows } = await featuresFrom(session, dataset, set, {
      ...(signal === undefined ? {} : { signal }),
      onProgress: (images) => onProgress?.(before + images, count),
    });
    done += set.count;
    const { classes, features } = model.head;
    const { norms, values } = divided(rows, features);
    const mean = norms.reduce((sum, norm) => sum + norm, 0) / norms.length;
    const variance = norms.reduce((sum, norm) => sum + (norm - mean) ** 2, 0) / norms.length;
    const collapse = labelled
      ? collapseFacts(collapseOf({ features, classes, values, labels: set.labels }, request.vector), names)
      : null;
    facts.push({ split, images: set.count, of, normMean: mean, normDeviation: Math.sqrt(variance), collapse });
  }
  return facts;
}

/** Divides rows of a length and a direction into the two. */
function divided(
  rows: Float32Array,
  features: number,
): { readonly norms: Float64Array; readonly values: Float32Array } {
  const count = rows.length / (features + 1);
  const values = new Float32Array(count * features);
  const norms = Float64Array.from({ length: count }, (_, row) => {
    const start = row * (features + 1);
    values.set(rows.subarray(start + 1, start + 1 + features), row * features);
    return rows[start] ?? 0;
  });
  return { norms, values };
}

function collapseFacts(
  { present, variabilityRatio, cosines, centredCosines }: Collapse,
  names: readonly string[] | undefined,
): CollapseFacts {
  const ranked = Array.from(cosines, (cosine, index) => ({ class: index, name: names?.[index] ?? `${index}`, cosine }))
    .filter(({ cosine }) => !Number.isNaN(cosine))
    .sort((a, b) => a.cosine - b.cosine);
  const meanOf = (values: Float64Array): number =>
    values.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0) / Math.max(1, present);
  return {
    classes: present,
    variabilityRatio,
    cosineMean: meanOf(cosines),
    cosineSmallest: ranked[0]?.cosine ?? 0,
    centredCosineMean: meanOf(centredCosines),
    worst: ranked.slice(0, SHOWN_CLASSES),
  };
}
