import { describe, expect, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { syntheticDataset } from '../../test/support/synthetic-dataset.ts';
import { bytesOf } from '../core/tensor.ts';
import { createModel } from '../heads/model.ts';
import { parseHead } from '../heads/parse.ts';
import { createBackbone } from '../models/registry.ts';
import { adamw, sgd } from '../optim/optimizer.ts';
import { constantSchedule, cosineSchedule } from '../optim/schedule.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TrainEvent } from './events.ts';
import type { MetricRecord } from './metrics.ts';
import { recipe, type Recipe } from './recipe.ts';
import { lossOf } from './judge.ts';
import { lastEpoch, train, type TrainOptions, type TrainResult, type TrainStore } from './trainer.ts';

const dataset = syntheticDataset();
const modelOf = (head: string) =>
  createModel(createBackbone('resnet8', dataset.image), parseHead(head), dataset.classes.length);

/** Three steps an epoch, three epochs; everything that keeps state is on. */
const tiny: Recipe = recipe('default', {
  epochs: 3,
  batchSize: 10,
  learningRate: 0.05,
  optimizer: sgd({ nesterov: true }),
  schedule: cosineSchedule({ warmupEpochs: 0.5 }),
  labelSmoothing: 0.1,
  clipNorm: 5,
  augmentation: { cropPadding: 1, horizontalFlip: false },
});

async function run(changes: Partial<TrainOptions> & { readonly head?: string } = {}): Promise<TrainResult> {
  const { head = 'hadamard', ...options } = changes;
  return train({
    model: modelOf(head),
    dataset,
    recipe: tiny,
    seed: 1,
    runtime: await cpuRuntime(),
    dataWorkers: 0,
    ...options,
  });
}

/** A store in memory that keeps everything it gets. */
function memoryStore() {
  const saved: { readonly reason: 'best' | 'last'; readonly checkpoint: Checkpoint }[] = [];
  const records: MetricRecord[] = [];
  const store: TrainStore = {
    record: (more) => {
      records.push(...more);
      return Promise.resolve();
    },
    save: (reason, checkpoint) => {
      // As a file does: only what JSON holds survives.
      const state = JSON.parse(JSON.stringify(checkpoint.state)) as Checkpoint['state'];
      saved.push({ reason, checkpoint: { ...checkpoint, state } });
      return Promise.resolve();
    },
  };
  return { store, saved, records };
}

const weightBytes = ({ weights }: TrainResult): Map<string, string> =>
  new Map([...weights].map(([name, value]) => [name, Buffer.from(bytesOf(value)).toString('base64')]));

/** What must be the same in two runs; times are not. */
const outcome = (result: TrainResult) => ({
  weights: weightBytes(result),
  status: result.status,
  epochs: result.epochs,
  scale: result.scale,
  evaluation: result.evaluation,
});

/** A runtime that writes down what each training step is fed. */
function watched(runtime: Runtime, feeds: Tensors[]): Runtime {
  return {
    ...runtime,
    createStatefulSession: async (program) => {
      const session = await runtime.createStatefulSession(program);
      return {
        ...session,
        step: (given) => {
          feeds.push(given);
          return session.step(given);
        },
      };
    },
  };
}

const batchesOf = (feeds: readonly Tensors[]): string[] =>
  feeds.map(({ images, labels }) => {
    const bytes = [images, labels].map((value) =>
      value === undefined ? '' : Buffer.from(bytesOf(value)).toString('base64'),
    );
    return bytes.join();
  });

describe('determinism', () => {
  test('two runs are the same, byte for byte; another seed gives another', async () => {
    const [first, second, other] = [await run(), await run(), await run({ seed: 2 })];
    expect(outcome(second)).toEqual(outcome(first));
    expect(weightBytes(other)).not.toEqual(weightBytes(first));
  });

  test('batches prepared by a worker give the same run', async () => {
    expect(outcome(await run({ dataWorkers: 1 }))).toEqual(outcome(await run()));
  });

  test('every head sees the same batches; another seed does not', async () => {
    const batches = async (head: string, seed: number): Promise<string[]> => {
      const feeds: Tensors[] = [];
      await run({ head, seed, recipe: { ...tiny, epochs: 2 }, runtime: watched(await cpuRuntime(), feeds) });
      return batchesOf(feeds);
    };
    const learned = await batches('learned', 1);
    expect(new Set(learned).size).toBe(6);
    expect(await batches('hadamard', 1)).toEqual(learned);
    expect(await batches('orthonormal:bias=off', 1)).toEqual(learned);
    expect(await batches('learned', 2)).not.toEqual(learned);
  });
});

describe('resuming', () => {
  test.each([
    ['sgd', tiny],
    ['adamw', { ...tiny, optimizer: adamw(), learningRate: 0.003, schedule: constantSchedule() }],
  ])('from a checkpoint of any step continues as if the run had not been cut: %s', async (_, given) => {
    const { store, saved, records } = memoryStore();
    const uncut = await run({ recipe: given, store, saveEverySteps: 1 });
    const last = saved.filter(({ reason }) => reason === 'last').map(({ checkpoint }) => checkpoint);
    expect(last.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const checkpoint of last) {
      const again = memoryStore();
      const resumed = await run({ recipe: given, checkpoint, store: again.store });
      // A run resumed at its very end evaluates nothing any more.
      const expected = checkpoint.step === 9 ? { ...outcome(uncut), evaluation: undefined } : outcome(uncut);
      expect(outcome(resumed), `from step ${checkpoint.step}`).toEqual(expected);
      expect(again.records).toEqual(records.filter(({ step }) => step > checkpoint.step));
    }
  });

  test('from a run that was interrupted, at any step', async () => {
    const uncut = await run();
    for (const stopAt of [1, 3, 8, 9]) {
      const { store, saved } = memoryStore();
      const stop = new AbortController();
      const interrupted = await run({
        store,
        signal: stop.signal,
        onEvent: (event) => {
          if (event.kind === 'step' && event.step === stopAt) stop.abort();
        },
      });
      expect(interrupted.status).toBe('interrupted');
      const checkpoint = saved.at(-1)?.checkpoint;
      expect([checkpoint?.step, saved.at(-1)?.reason]).toEqual([stopAt, 'last']);
      if (checkpoint === undefined) continue;
      expect(outcome(await run({ checkpoint })), `interrupted at ${stopAt}`).toEqual(outcome(uncut));
    }
  });

  test('a signal during validation stops after the epoch is saved', async () => {
    const { store, saved } = memoryStore();
    const stop = new AbortController();
    const result = await run({
      store,
      signal: stop.signal,
      onEvent: ({ kind }) => {
        if (kind === 'evaluating') stop.abort();
      },
    });
    expect([result.status, result.epochs.length, saved.at(-1)?.checkpoint.step]).toEqual(['interrupted', 1, 3]);
    expect(outcome(await run({ ...(saved.at(-1) as { readonly checkpoint: Checkpoint }) }))).toEqual(
      outcome(await run()),
    );
  });
});

describe('divergence', () => {
  test('a loss that is no number ends the run with the step and what to try', async () => {
    const { store, saved } = memoryStore();
    const steps: number[] = [];
    const wild = { ...tiny, learningRate: 1e25, schedule: constantSchedule(), clipNorm: null };
    const failing = run({
      head: 'learned',
      recipe: wild,
      store,
      saveEverySteps: 1,
      onEvent: (event) => {
        if (event.kind === 'step') steps.push(event.step);
      },
    });
    await expect(failing).rejects.toThrow(
      /^the loss became (NaN|Infinity) at step \d+ \(epoch \d\); training diverged: lower the learning rate, add warm-up or clip gradients \(--lr, --warmup, --clip\); earlier checkpoints are whole$/,
    );
    // The error names the step after the last good one, and nothing was saved since.
    const message = await failing.then(() => '', String);
    expect(Number(/at step (\d+)/.exec(message)?.[1])).toBe((steps.at(-1) ?? 0) + 1);
    expect(saved.at(-1)?.checkpoint.step ?? 0).toBeLessThanOrEqual(steps.at(-1) ?? 0);
  });

  test('a loss of exactly 0 on a GPU is taken for a broken kernel', async () => {
    const cpu = await cpuRuntime();
    const broken: Runtime = {
      ...cpu,
      device: 'webgpu',
      createStatefulSession: async (program) => {
        const session = await cpu.createStatefulSession(program);
        return {
          ...session,
          step: async (feeds) => {
            const outputs = await session.step(feeds);
            const { loss } = outputs;
            if (loss?.dtype === 'float32') loss.data.fill(0);
            return outputs;
          },
        };
      },
    };
    await expect(run({ runtime: broken })).rejects.toThrow(
      'the loss became exactly 0 at step 1 on webgpu; this device computes wrongly; train with --device cpu',
    );
  });

  test('a store that cannot save ends the run', async () => {
    const full: TrainStore = { record: () => Promise.resolve(), save: () => Promise.reject(new Error('disk full')) };
    await expect(run({ store: full })).rejects.toThrow('disk full');
  });

  test('a dataset smaller than a batch is refused', async () => {
    await expect(run({ recipe: { ...tiny, batchSize: 33 } })).rejects.toThrow(
      'bright quarters: fewer training images than one batch; expected at least 33 (the batch size), received 32',
    );
  });
});

describe('events, records and results', () => {
  test('come in order, steps counted from 1', async () => {
    const events: TrainEvent[] = [];
    const { store, saved, records } = memoryStore();
    const result = await run({ store, onEvent: (event) => events.push(event) });
    const text = events.map((event) => {
      if (event.kind === 'step') return `step ${event.step} of epoch ${event.epoch}`;
      if (event.kind === 'epoch') return `epoch ${event.record.epoch}`;
      if (event.kind === 'saved') return `saved ${event.reason} ${event.step}`;
      if (event.kind === 'evaluating') return `evaluating ${event.done}/${event.count}`;
      if (event.kind === 'start') return `start ${event.step}/${event.totalSteps}, ${event.stepsPerEpoch} an epoch`;
      return event.kind;
    });
    const best = saved.filter(({ reason }) => reason === 'best').map(({ checkpoint }) => checkpoint.step);
    const expected = [1, 2, 3].flatMap((epoch) => [
      ...[2, 1, 0].map((back) => `step ${3 * epoch - back} of epoch ${epoch}`),
      'evaluating 16/16',
      ...(best.includes(3 * epoch) ? [`saved best ${3 * epoch}`] : []),
      `saved last ${3 * epoch}`,
      `epoch ${epoch}`,
    ]);
    expect(text).toEqual(['start 0/9, 3 an epoch', ...expected]);
    expect(best[0]).toBe(3);
    expect(records.map(({ kind, step }) => `${kind} ${step}`)).toEqual([
      'step 1',
      'step 2',
      'step 3',
      'epoch 3',
      'step 4',
      'step 5',
      'step 6',
      'epoch 6',
      'step 7',
      'step 8',
      'step 9',
      'epoch 9',
    ]);
    expect(result.scale.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(result.scale[0]).toEqual({ step: 1, value: 8 });
    expect(result.stepMilliseconds).toBeGreaterThan(0);
  });

  test('epoch records are means over their steps', async () => {
    const { store, records } = memoryStore();
    const result = await run({ store });
    for (const [index, epoch] of result.epochs.entries()) {
      const steps = records.filter(({ kind, step }) => kind === 'step' && Math.ceil(step / 3) === index + 1);
      const mean = (key: 'loss' | 'accuracy'): number =>
        steps.reduce((sum, record) => sum + Number(record[key]), 0) / 3;
      expect(epoch.trainLoss).toBeCloseTo(mean('loss'), 12);
      expect(epoch.trainAccuracy).toBeCloseTo(mean('accuracy'), 12);
      expect([epoch.epoch, epoch.step, epoch.learningRate]).toEqual([
        index + 1,
        3 * index + 3,
        steps.at(-1)?.['learningRate'],
      ]);
    }
    expect(lastEpoch(result)).toBe(result.epochs.at(-1));
    expect(lastEpoch(result).validationLoss).toBe(result.evaluation && lossOf(result.evaluation));
    expect(() => lastEpoch({ epochs: [] })).toThrow('internal: a finished epoch is missing');
  });

  test('the best checkpoint is the first with the highest validation accuracy', async () => {
    const { store, saved } = memoryStore();
    const result = await run({ store, recipe: { ...tiny, epochs: 6 } });
    const best = saved.filter(({ reason }) => reason === 'best').at(-1)?.checkpoint;
    const accuracies = result.epochs.map(({ validationAccuracy }) => validationAccuracy);
    expect(best?.epoch).toBe(1 + accuracies.indexOf(Math.max(...accuracies)));
  });

  test('a head without a learned scale has no curve of it', async () => {
    expect((await run({ head: 'learned', recipe: { ...tiny, epochs: 1 } })).scale).toEqual([]);
  });
});

describe('learning', () => {
  test.each(['learned', 'hadamard', 'orthonormal', 'hadamard:loss=cosine'])(
    'a network with head %s learns bright quarters',
    async (head) => {
      const larger = syntheticDataset({ train: 64 });
      const short = recipe('default', {
        epochs: 6,
        batchSize: 16,
        learningRate: 0.1,
        augmentation: { cropPadding: 0, horizontalFlip: false },
      });
      const result = await run({ head, dataset: larger, recipe: short });
      // Four classes: chance is 0.25.
      expect(lastEpoch(result).validationAccuracy).toBeGreaterThanOrEqual(0.9);
      expect(lastEpoch(result).trainLoss).toBeLessThan(result.epochs[0]?.trainLoss ?? 0);
    },
  );
});
