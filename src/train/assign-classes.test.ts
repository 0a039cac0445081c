import { describe, expect, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { syntheticDataset } from '../../test/support/synthetic-dataset.ts';
import { bytesOf } from '../core/tensor.ts';
import { codesName, modelWithStoredCodes, poolGeometry } from '../heads/assignment/codes.ts';
import { createModel } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createBackbone } from '../models/registry.ts';
import { constantSchedule } from '../optim/schedule.ts';
import { assignClasses } from './assign-classes.ts';
import type { Checkpoint } from './checkpoint.ts';
import { evaluateModel } from './evaluate.ts';
import type { TrainEvent } from './events.ts';
import { recipe } from './recipe.ts';
import { train, type TrainOptions, type TrainResult } from './trainer.ts';
import { initialTensors } from './step-program.ts';
import { trainingProgram } from './training-program.ts';

const dataset = syntheticDataset();
const classes = dataset.classes.length;
/** Two features and more classes: cosets. */
const modelOf = (head: string) =>
  createModel(createBackbone('mlp:features=4', dataset.image), parseHead(head), classes);
const settings = recipe('default', {
  epochs: 3,
  batchSize: 10,
  learningRate: 0.05,
  schedule: constantSchedule(),
  assignment: [0, 2],
});

async function run(changes: Partial<TrainOptions> = {}): Promise<TrainResult> {
  const runtime = await cpuRuntime();
  return train({ model: modelOf('coset'), dataset, recipe: settings, seed: 1, runtime, dataWorkers: 0, ...changes });
}

const bytesIn = ({ weights }: Pick<TrainResult, 'weights'>) =>
  [...weights].map(([name, value]) => [name, Buffer.from(bytesOf(value)).toString('base64')]);

describe('assignClasses', () => {
  const model = modelOf('coset');
  const weights = initialTensors(trainingProgram(model, settings), 0);

  test('reaches what is stated: the mean cosine of class means with their new vectors', async () => {
    const runtime = await cpuRuntime();
    const first = await assignClasses(runtime, model, weights, dataset, 0);
    expect(first.record.after).toBeGreaterThan(first.record.before);
    expect(first.record.slots).toBe(poolGeometry(model).slots);
    // Assigned again from the same features, nothing is better than what there is.
    const second = await assignClasses(runtime, first.model, weights, dataset, 0);
    expect(second.record.before).toBeCloseTo(first.record.after, 6);
    expect(second.model).toBe(first.model);
    expect(second.record.after).toBeCloseTo(first.record.after, 6);
    expect(second.record.after + second.record.gap).toBeGreaterThanOrEqual(second.record.before);
  });

  test('is a pure function of weights and data', async () => {
    const runtime = await cpuRuntime();
    const [once, twice] = [
      await assignClasses(runtime, model, weights, dataset, 0),
      await assignClasses(runtime, model, weights, dataset, 0),
    ];
    expect(twice.record).toEqual(once.record);
    expect(twice.model.head.geometry?.codes).toEqual(once.model.head.geometry?.codes);
  });

  test('refuses heads whose vectors are trained', async () => {
    await expect(assignClasses(await cpuRuntime(), modelOf('learned'), new Map(), dataset, 0)).rejects.toThrow(
      'classes can be assigned to fixed vectors only',
    );
  });
});

describe('training with assignments', () => {
  test('assigns between the epochs that the recipe names, and says what it did', async () => {
    const events: TrainEvent[] = [];
    const result = await run({ onEvent: (event) => events.push(event) });
    expect(result.assignments.map(({ epoch }) => epoch)).toEqual([0, 2]);
    for (const { before, after } of result.assignments) expect(after).toBeGreaterThanOrEqual(before);
    const order = events.flatMap((event) =>
      event.kind === 'assigned' ? ['assigned'] : event.kind === 'epoch' ? ['epoch'] : [],
    );
    expect(order).toEqual(['assigned', 'epoch', 'epoch', 'assigned', 'epoch']);
    const codes = result.weights.get(codesName);
    expect(codes?.dtype).toBe('int32');
    expect(new Set(codes?.dtype === 'int32' ? codes.data : []).size).toBe(classes);
    expect(result.model.head.geometry?.codes).toEqual(Uint32Array.from(codes?.dtype === 'int32' ? codes.data : []));
  });

  test('the weights alone give the same model back', async () => {
    const runtime = await cpuRuntime();
    const result = await run();
    const again = modelWithStoredCodes(modelOf('coset'), result.weights);
    const evaluation = await evaluateModel(runtime, again, result.weights, dataset, dataset.validation);
    expect(evaluation).toEqual(result.evaluation);
  });

  test('a run that goes on from any of its checkpoints ends with the same bytes', async () => {
    const saved: Checkpoint[] = [];
    const whole = await run({
      saveEverySteps: 1,
      store: {
        record: () => Promise.resolve(),
        save: (_, checkpoint) => {
          const state = JSON.parse(JSON.stringify(checkpoint.state)) as Checkpoint['state'];
          saved.push({ ...checkpoint, state });
          return Promise.resolve();
        },
      },
    });
    expect(saved.length).toBeGreaterThan(9);
    for (const checkpoint of saved) {
      const resumed = await run({ checkpoint });
      expect(bytesIn(resumed)).toEqual(bytesIn(whole));
      expect(resumed.assignments).toEqual(whole.assignments);
    }
  });

  test('heads that train their vectors are trained as ever', async () => {
    const result = await run({ model: modelOf('learned') });
    expect(result.assignments).toEqual([]);
    expect(result.weights.has(codesName)).toBe(false);
  });
});
