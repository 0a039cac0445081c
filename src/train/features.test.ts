import { describe, expect, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { syntheticDataset } from '../../test/support/synthetic-dataset.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { evaluationBatches } from '../data/batches.ts';
import { instanceDataset } from '../data/instances.ts';
import { createBuilder } from '../graph/builder.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { createModel, modelTensors, type Model } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createBackbone } from '../models/registry.ts';
import { createLayerContext, filled, type Weights } from '../nn/layer-context.ts';
import { initialValues } from '../nn/parameters.ts';
import { recipe } from './recipe.ts';
import { featuresFrom, featuresOf } from './features.ts';
import { embeddingGraph } from './inference-graph.ts';
import { judge, lossOf } from './judge.ts';
import { knnAccuracy } from './knn.ts';
import { classesTask, headClasses, instanceTask, trainingData } from './task.ts';
import { train } from './trainer.ts';

const dataset = syntheticDataset({ train: 32, validation: 16 });
const modelWith = (head: string, classes = dataset.train.count): Model =>
  createModel(createBackbone('resnet8', dataset.image), parseHead(head), classes);

/** Initial weights, with running statistics that are not the identity. */
function weightsOf(model: Model): Weights {
  const { parameters, buffers } = modelTensors(model);
  return new Map<string, HostTensor>([
    ...parameters.map((spec) => [spec.name, float32(spec.shape, initialValues(spec, 7))] as const),
    ...buffers.map(({ name, shape }) => [name, filled(shape, name.endsWith('var') ? 0.7 : 0.1)] as const),
  ]);
}

/** The backbone's output, not normalised, computed by a graph of its own. */
async function rawFeatures(model: Model, weights: Weights): Promise<Float32Array> {
  const { channels, height, width } = model.image;
  const b = createBuilder('raw');
  const images = b.input('images', 'float32', ['batch', channels, height, width]);
  b.output(model.backbone.forward(createLayerContext(b, weights), images), 'raw');
  await using session = await (await cpuRuntime()).createSession(toOnnx(b.build()), 'inference');
  const [batch] = [...evaluationBatches(dataset.validation, dataset.image, dataset.normalization, 16)];
  const { raw } = await session.run({
    images: float32([16, channels, height, width], batch?.images ?? new Float32Array()),
  });
  return raw?.dtype === 'float32' ? raw.data : new Float32Array();
}

describe('featuresOf', () => {
  test.each([
    ['learned', false],
    ['hadamard', false],
    ['hadamard:center=bn', true],
  ])('gives what a %s head sees, rows of length 1, in the order of the set', async (head, isCentred) => {
    const model = modelWith(head);
    const weights = weightsOf(model);
    expect(model.head.centred).toBe(isCentred);
    const { dimension, values, labels } = await featuresOf(
      await cpuRuntime(),
      model,
      weights,
      dataset,
      dataset.validation,
      // A batch that does not divide the set.
      { batchSize: 5 },
    );
    expect([dimension, labels]).toEqual([64, dataset.validation.labels]);
    const raw = await rawFeatures(model, weights);
    for (let row = 0; row < 16; row++) {
      const own = Array.from(raw.subarray(64 * row, 64 * (row + 1)), (x) =>
        isCentred ? (x - 0.1) / Math.sqrt(0.7 + 1e-5) : x,
      );
      const norm = Math.hypot(...own);
      own.forEach((x, k) => {
        expect(values[64 * row + k]).toBeCloseTo(x / norm, 4);
      });
    }
  });

  test('agrees with the exported model, which takes pixels', async () => {
    const runtime = await cpuRuntime();
    const model = modelWith('hadamard:center=bn');
    const weights = weightsOf(model);
    const own = await featuresOf(runtime, model, weights, dataset, dataset.validation);
    const bytes = toOnnx(embeddingGraph(model, weights, dataset.normalization));
    await using session = await runtime.createSession(bytes, 'inference');
    const plain = { image: dataset.image, normalization: { mean: [0], std: [1] } };
    const exported = await featuresFrom(session, plain, dataset.validation);
    own.values.forEach((value, place) => {
      expect(exported.values[place]).toBeCloseTo(value, 4);
    });
  });

  test('refuses an empty set, and a session without features', async () => {
    const model = modelWith('hadamard');
    const empty = { kind: 'bytes' as const, count: 0, pixels: new Uint8Array(0), labels: new Int32Array(0) };
    await expect(featuresOf(await cpuRuntime(), model, weightsOf(model), dataset, empty)).rejects.toThrow(
      'no images to take features of',
    );
    const silent = {
      inputNames: ['images'],
      outputNames: ['features'],
      run: () => Promise.resolve({ features: float32([3], [1, 2, 3]) }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    await expect(featuresFrom(silent, dataset, dataset.validation)).rejects.toThrow(
      'not features of images; expected float32[16, features], received float32[3]',
    );
  });
});

describe('instance discrimination', () => {
  test('makes each training image a class, leaves the data alone and has a fingerprint of its own', () => {
    const instances = instanceDataset(dataset);
    expect([...instances.train.labels]).toEqual(Array.from({ length: 32 }, (_, index) => index));
    expect(instances.classes[31]).toBe('31');
    expect(instances.train.pixels).toBe(dataset.train.pixels);
    expect(instances.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(instances.fingerprint).not.toBe(dataset.fingerprint);
    expect([...dataset.train.labels.subarray(0, 5)]).toEqual([0, 1, 2, 3, 0]);
    expect([headClasses(instanceTask(), dataset), headClasses(classesTask, dataset)]).toEqual([32, 4]);
    expect(trainingData(classesTask, dataset)).toBe(dataset);
  });

  test('is judged by the neighbours of the trained features, with the labels of the data', async () => {
    const runtime = await cpuRuntime();
    const model = modelWith('hadamard');
    const task = instanceTask({ neighbours: 3 });
    const changes = { epochs: 2, batchSize: 8, augmentation: { cropPadding: 0, horizontalFlip: false } };
    const result = await train({
      model,
      dataset,
      task,
      recipe: recipe('default', changes),
      seed: 1,
      runtime,
      dataWorkers: 0,
    });
    const bank = await featuresOf(runtime, model, result.weights, dataset, dataset.train);
    const queries = await featuresOf(runtime, model, result.weights, dataset, dataset.validation);
    const expected = await knnAccuracy(runtime, bank, queries, { neighbours: 3 });
    expect(result.evaluation).toEqual(expected);
    expect(result.epochs.at(-1)).toMatchObject({ validationLoss: null, validationAccuracy: expected.accuracy });
    expect(result.evaluation && lossOf(result.evaluation)).toBeNull();
  });

  test('refuses a head with another number of classes, a single image, and weights that are not numbers', async () => {
    const runtime = await cpuRuntime();
    const options = { dataset, recipe: recipe('default', { batchSize: 8 }), seed: 0, runtime };
    await expect(train({ ...options, model: modelWith('hadamard', 4), task: instanceTask() })).rejects.toThrow(
      'head hadamard: the head has another number of classes than the task; expected 32, one for each training image, received 4',
    );
    await expect(train({ ...options, model: modelWith('hadamard', 32) })).rejects.toThrow(
      'expected 4 classes, received 32',
    );
    const one = { ...dataset, train: { ...dataset.train, count: 1 } };
    expect(() => trainingData(instanceTask(), one)).toThrow(
      'instance discrimination needs images to tell apart; expected at least 2 training images, received 1',
    );
    const notNumbers = (model: Model): Weights =>
      new Map([...weightsOf(model)].map(([name, value]) => [name, filled(value.shape, NaN)] as const));
    const [own, other] = [modelWith('hadamard'), modelWith('hadamard', 4)];
    await expect(judge(instanceTask(), runtime, own, notNumbers(own), dataset)).rejects.toThrow(
      /image 0 that could be neighbours: a feature is not a finite number.*training diverged/,
    );
    await expect(judge(classesTask, runtime, other, notNumbers(other), dataset, { where: 'epoch 3' })).rejects.toThrow(
      'epoch 3: the validation loss became NaN; training diverged',
    );
  });
});
