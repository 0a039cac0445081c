import { describe, expect, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { cyclicCorpus, hadamard, learned, orthonormal, tinyModel } from '../../test/support/tiny-text.ts';
import { bytesOf } from '../core/tensor.ts';
import type { LanguageModelSpec } from '../models/language-model.ts';
import { adam, sgd } from '../optim/optimizer.ts';
import { constantSchedule, cosineSchedule } from '../optim/schedule.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Checkpoint } from '../train/checkpoint.ts';
import type { MetricRecord } from '../train/metrics.ts';
import type { TrainStore } from '../train/trainer.ts';
import {
  scoreTest,
  trainLanguageModel,
  type LanguageRecipe,
  type LanguageTrainOptions,
  type LanguageTrainResult,
} from './trainer.ts';

/** Four windows an epoch. */
const corpus = cyclicCorpus(10, 42);
const spec = tinyModel(orthonormal, corpus, { dropout: 0.25, hidden: 6 });
const tiny: LanguageRecipe = {
  ...{ epochs: 2, batch: 2, window: 5, learningRate: 0.01, clipNorm: 1 },
  optimizer: adam(),
  schedule: cosineSchedule({ warmupEpochs: 0.5 }),
};

const run = async (changes: Partial<LanguageTrainOptions> = {}): Promise<LanguageTrainResult> =>
  await trainLanguageModel({ spec, corpus, recipe: tiny, seed: 1, runtime: await cpuRuntime(), ...changes });

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

const weightBytes = ({ weights }: Pick<LanguageTrainResult, 'weights'>): Map<string, string> =>
  new Map([...weights].map(([name, value]) => [name, Buffer.from(bytesOf(value)).toString('base64')]));

const timeless = <T extends object>(record: T) => ({ ...record, seconds: 0 });

/** What must be the same in two runs; times are not. */
const outcome = (result: LanguageTrainResult) => ({
  weights: weightBytes(result),
  status: result.status,
  epochs: result.epochs.map(timeless),
});

describe('learning', () => {
  const text = cyclicCorpus(20, 20 * 40);
  const recipe = { ...tiny, epochs: 6, batch: 4, window: 8, learningRate: 0.03, schedule: constantSchedule() };
  const untied = { tied: false };

  test.each([
    ['learned, tied', learned],
    ['learned, untied', { ...learned, ...untied }],
    ['learned, tied, cosine', { ...learned, logits: 'cosine' }],
    ['orthonormal, tied', orthonormal],
    ['orthonormal, untied', { ...orthonormal, ...untied }],
    ['orthonormal as a start only', { ...orthonormal, fixed: false }],
    ['hadamard, tied', hadamard],
    ['hadamard, untied', { ...hadamard, ...untied }],
  ] as const)('a text that repeats itself becomes certain: %s', async (_, choice) => {
    const model: LanguageModelSpec = tinyModel(choice, text, { size: 16, hidden: 16 });
    const { epochs, weights } = await run({ spec: model, corpus: text, recipe });
    const perplexities = epochs.map(({ validationLoss }) => Math.exp(validationLoss));
    expect(perplexities.at(-1), perplexities.join()).toBeLessThan(1.2);
    const { perplexity, tokens } = await scoreTest(await cpuRuntime(), model, weights, text);
    expect(tokens).toBe(text.splits.test.length);
    expect(perplexity).toBeLessThan(1.3);
  });

  test('two runs are the same, byte for byte; another seed gives another', async () => {
    const first = await run();
    expect(outcome(await run())).toEqual(outcome(first));
    expect(weightBytes(await run({ seed: 2 }))).not.toEqual(weightBytes(first));
  });
});

describe('resuming', () => {
  test('from a checkpoint of any step continues as if the run had not been cut', async () => {
    const { store, saved, records } = memoryStore();
    const uncut = await run({ store, saveEverySteps: 1 });
    const last = saved.filter(({ reason }) => reason === 'last').map(({ checkpoint }) => checkpoint);
    expect(last.map(({ step, epoch, batch }) => [step, epoch, batch])).toEqual([
      ...[1, 2, 3].map((step) => [step, 0, step]),
      [4, 1, 0],
      ...[1, 2, 3].map((step) => [4 + step, 1, step]),
      [8, 2, 0],
    ]);
    expect(records.map(({ kind, step }) => `${kind} ${step}`).join()).toBe(
      'step 1,step 2,step 3,step 4,epoch 4,step 5,step 6,step 7,step 8,epoch 8',
    );
    for (const checkpoint of last) {
      const again = memoryStore();
      const resumed = await run({ checkpoint, store: again.store });
      expect(outcome(resumed), `from step ${checkpoint.step}`).toEqual(outcome(uncut));
      expect(again.records.map(timeless)).toEqual(records.filter(({ step }) => step > checkpoint.step).map(timeless));
    }
  });

  test('a run that was interrupted within an epoch, or before an epoch was judged', async () => {
    const uncut = await run();
    for (const stopAt of [2, 4]) {
      const { store, saved } = memoryStore();
      const stop = new AbortController();
      const interrupted = await run({
        store,
        signal: stop.signal,
        onEvent: (event) => {
          if (event.kind === 'step' && event.step === stopAt) stop.abort();
        },
      });
      expect([interrupted.status, interrupted.epochs.length]).toEqual(['interrupted', 0]);
      const { checkpoint } = saved.at(-1) ?? {};
      expect([checkpoint?.step, checkpoint?.epoch, checkpoint?.batch]).toEqual([stopAt, 0, stopAt]);
      if (checkpoint !== undefined)
        expect(outcome(await run({ checkpoint })), `interrupted at ${stopAt}`).toEqual(outcome(uncut));
    }
  });

  test('a signal while an epoch is judged stops after it is saved', async () => {
    const { store, saved } = memoryStore();
    const stop = new AbortController();
    const result = await run({
      store,
      signal: stop.signal,
      onEvent: ({ kind }) => {
        if (kind === 'evaluating') stop.abort();
      },
    });
    expect([result.status, result.epochs.length]).toEqual(['interrupted', 1]);
    expect(saved.map(({ reason, checkpoint }) => [reason, checkpoint.step])).toEqual([
      ['best', 4],
      ['last', 4],
    ]);
  });
});

describe('what ends a training', () => {
  test('a loss that is no number, with the step and what to try; what was saved before stays', async () => {
    const { store, saved } = memoryStore();
    const wild = { ...tiny, learningRate: 1e30, optimizer: sgd(), schedule: constantSchedule(), clipNorm: null };
    const steps: number[] = [];
    const failing = run({
      recipe: wild,
      spec: tinyModel(learned, corpus),
      store,
      saveEverySteps: 1,
      onEvent: (event) => {
        if (event.kind === 'step') steps.push(event.step);
      },
    });
    await expect(failing).rejects.toThrow(
      /^the loss became (NaN|Infinity) at step \d+ \(epoch \d\); training diverged: lower the learning rate, add warm-up or clip gradients \(--lr, --warmup, --clip\); earlier checkpoints are whole$/,
    );
    const message = await failing.then(() => '', String);
    expect(Number(/at step (\d+)/.exec(message)?.[1])).toBe((steps.at(-1) ?? 0) + 1);
    expect(saved.map(({ checkpoint }) => checkpoint.step)).toEqual(steps);
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

  test('a window that is longer than the text', async () => {
    await expect(run({ recipe: { ...tiny, window: 30 } })).rejects.toThrow(
      'the text is shorter than one window; expected at least 60 tokens: a batch of 2 with a window of 30, received 42 tokens; choose a batch of at most 1 with this window or a window of at most 21 with this batch, or give more text',
    );
  });

  test('a store that cannot save', async () => {
    const full: TrainStore = { record: () => Promise.resolve(), save: () => Promise.reject(new Error('disk full')) };
    await expect(run({ store: full })).rejects.toThrow('disk full');
  });
});
