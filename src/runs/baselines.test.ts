import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { syntheticDataset } from '../../test/support/synthetic-dataset.ts';
import { createModel } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createBackbone } from '../models/registry.ts';
import { featuresOf, pixelFeatures } from '../train/features.ts';
import { knnAccuracy } from '../train/knn.ts';
import { recipe } from '../train/recipe.ts';
import { initialTensors } from '../train/step-program.ts';
import { trainingProgram } from '../train/training-program.ts';
import { neighbourBaselines, readBaselines, writeBaselines } from './baselines.ts';
import { checkExportedEmbedding, exportEmbedding } from './export.ts';

const dataset = syntheticDataset();
const model = createModel(createBackbone('cnn', dataset.image), parseHead('hadamard'), dataset.train.count);
const vote = { neighbours: 3, temperature: 0.1 };

async function temporaryFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-baselines-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'baselines.json');
}

describe('baselines of neighbours', () => {
  test('are those of the pixels and of the weights with which training starts', async () => {
    const runtime = await cpuRuntime();
    const measured = await neighbourBaselines({ runtime, model, seed: 5, dataset, vote });
    const { train, validation } = dataset;
    const pixels = await knnAccuracy(
      runtime,
      await pixelFeatures(dataset, train),
      await pixelFeatures(dataset, validation),
      vote,
    );
    const weights = initialTensors(trainingProgram(model, recipe('default', { batchSize: 8 })), 5);
    const bank = await featuresOf(runtime, model, weights, dataset, train);
    const untrained = await knnAccuracy(
      runtime,
      bank,
      await featuresOf(runtime, model, weights, dataset, validation),
      vote,
    );
    expect(measured).toEqual({
      pixels: { accuracy: pixels.accuracy, nearest: pixels.nearest },
      untrained: { accuracy: untrained.accuracy, nearest: untrained.nearest },
    });
    const known = { pixels: { accuracy: 0.25, nearest: 0.125 } };
    expect(await neighbourBaselines({ runtime, model, seed: 5, dataset, vote, known })).toEqual({
      ...measured,
      ...known,
    });
  });

  test('are kept in a file, and a damaged file is named', async () => {
    const path = await temporaryFile();
    expect(await readBaselines(path)).toBeUndefined();
    const baselines = { pixels: { accuracy: 0.5, nearest: 0.25 }, untrained: { accuracy: 1, nearest: 0 } };
    await writeBaselines(path, baselines);
    expect(await readBaselines(path)).toEqual(baselines);
    const text = await readFile(path, 'utf8');
    for (const broken of ['', text.slice(0, 30), '{}', text.replace('0.25', '7')]) {
      await writeFile(path, broken);
      await expect(readBaselines(path)).rejects.toThrow(
        `${path}: the baselines of this run are damaged; remove the file`,
      );
    }
  });
});

test('an exported embedding of other weights is not shipped', async () => {
  const runtime = await cpuRuntime();
  const program = trainingProgram(model, recipe('default', { batchSize: 8 }));
  const [own, other] = [initialTensors(program, 1), initialTensors(program, 2)];
  await expect(
    checkExportedEmbedding(runtime, exportEmbedding(model, own, dataset), model, own, dataset),
  ).resolves.toBeUndefined();
  await expect(
    checkExportedEmbedding(runtime, exportEmbedding(model, other, dataset), model, own, dataset),
  ).rejects.toThrow(/the exported model does not agree with the trained one; expected the same features/);
});
