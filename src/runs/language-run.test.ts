import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { defined } from '../core/errors.ts';
import { bytesOf, int32 } from '../core/tensor.ts';
import { readOnnx } from '../graph/onnx-read.ts';
import { nextStates, scoreText, zeroStates } from '../language/perplexity.ts';
import { adam } from '../optim/optimizer.ts';
import { constantSchedule } from '../optim/schedule.ts';
import { readCheckpoint } from '../train/checkpoint.ts';
import { readMetrics } from '../train/metrics.ts';
import { runPaths } from '../train/run-folder.ts';
import { resumeLanguageComparison, startLanguageComparison, type LanguageComparison } from './language-compare.ts';
import type { LanguageCompareSettings, LanguageSettings, StoredVectorChoice } from './language-config.ts';
import { languageDocument, languageReportOf, languageRunReportOf } from './language-document.ts';
import { resumeLanguageRun, startLanguageRun, type LanguageRun } from './language-run.ts';

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-language-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const line = Array.from({ length: 18 }, (_, place) => `w${place}`).join(' ');
const WORDS = 20;
const lines = (count: number): string => `${Array.from({ length: count }, () => line).join('\n')}\n`;

/** A text in the layout of WikiText whose lines are all the same: every word follows from the one before. */
async function writeText(folder: string, trainLines = 24): Promise<string> {
  const text = join(folder, 'text');
  await mkdir(text, { recursive: true });
  await writeFile(join(text, 'wiki.train.tokens'), lines(trainLines));
  await writeFile(join(text, 'wiki.valid.tokens'), lines(5));
  await writeFile(join(text, 'wiki.test.tokens'), lines(4));
  return text;
}

const learned: StoredVectorChoice = { embedding: 'learned', tied: true, fixed: false, logits: 'dot' };
const orthonormal: StoredVectorChoice = { embedding: 'orthonormal', tied: true, fixed: true, logits: 'cosine' };

/** With 24 lines of 19 tokens, 11 windows an epoch. */
const shared = {
  sizes: { size: 8, hidden: 8, layers: 1, dropout: 0.25, bias: 'unigram' },
  recipe: {
    ...{ epochs: 2, batch: 4, window: 10, learningRate: 0.01, clipNorm: 1 },
    optimizer: adam(),
    schedule: constantSchedule(),
  },
  seed: 3,
  lowering: 'portable',
} as const;

const settingsFor = (text: string, choice = learned): LanguageSettings => ({
  ...shared,
  corpus: { inputs: [text], seed: 0 },
  choice,
});

const stopAfter = (step: number) => {
  const stop = new AbortController();
  return {
    signal: stop.signal,
    onEvent: (event: { readonly kind: string; readonly step?: number }) => {
      if (event.kind === 'step' && event.step === step) stop.abort();
    },
  };
};

/** Everything a run's folder holds that does not depend on time. */
async function contents(folder: string) {
  const paths = runPaths(folder);
  const { checkpoint } = await readCheckpoint(paths.last);
  const bytes = async (path: string): Promise<string> => (await readFile(path)).toString('base64');
  return {
    files: (await readdir(folder)).toSorted(),
    tensors: new Map(
      [...checkpoint.tensors].map(([name, value]) => [name, Buffer.from(bytesOf(value)).toString('base64')]),
    ),
    progress: [checkpoint.step, checkpoint.epoch, checkpoint.batch],
    metrics: (await readMetrics(paths.metrics)).map((record) => ({ ...record, seconds: 0 })),
    model: await bytes(paths.model),
    scorer: await bytes(paths.scorer),
    vocabulary: await readFile(paths.vocabulary, 'utf8'),
  };
}

describe('a run', () => {
  const certain = { ...shared, sizes: { ...shared.sizes, size: 16, hidden: 16, dropout: 0 } };
  test.each([
    // Neighbours in a short cycle keep the same company, so their word2vec vectors become alike: only better than chance.
    ['word2vec', true, 0.9 * WORDS],
    ['word2vec', false, 0.9 * WORDS],
    ['pmi', true, 1.3],
    ['pmi', false, 1.3],
  ] as const)('with fixed %s vectors learns a text that repeats itself (tied: %s)', async (embedding, tied, most) => {
    const folder = await temporaryFolder();
    const text = await writeText(folder);
    const choice: StoredVectorChoice = { embedding, tied, fixed: true, logits: 'cosine' };
    const recipe = { ...certain.recipe, epochs: 8, learningRate: 0.05 };
    const settings = { ...certain, recipe, corpus: { inputs: [text], seed: 0 }, choice };
    const { scores, parameters } = await startLanguageRun(join(folder, 'run'), settings, {
      runtime: await cpuRuntime(),
    });
    expect(scores?.validationPerplexity).toBeLessThan(most);
    expect(scores?.testPerplexity).toBeLessThan(most);
    expect(scores?.testTokens).toBe(4 * 19);
    expect(parameters.total - parameters.trainable).toBe((tied ? 1 : 2) * WORDS * 16);
  });

  test('exports what training judged: word by word and by windows, for any number of texts', async () => {
    const folder = await temporaryFolder();
    const runtime = await cpuRuntime();
    const run = await startLanguageRun(join(folder, 'run'), settingsFor(await writeText(folder), orthonormal), {
      runtime,
    });
    const { vocabulary, splits } = run.corpus;
    const { model, scorer } = runPaths(run.folder);
    for (const path of [model, scorer]) {
      const { metadata } = readOnnx(await readFile(path));
      expect(JSON.parse(metadata['vocabulary'] ?? '')).toEqual(vocabulary.words);
      expect(metadata['head']).toBe('orthonormal-fixed-tied');
    }

    const text = splits.test.subarray(0, 30);
    const first = vocabulary.endOfSentence;
    const inputs = Int32Array.from(text, (_, place) => text[place - 1] ?? first);
    const own = { ids: text, first };
    const expected = await scoreText(runtime, run.spec, run.result.weights, own, { size: { batch: 1, window: 10 } });
    for (const batch of [1, 3]) {
      const spread = (values: Int32Array): Int32Array =>
        Int32Array.from({ length: values.length * batch }, (_, cell) => values[Math.floor(cell / batch)] ?? 0);
      await using judge = await runtime.createSession(await readFile(scorer), 'inference');
      await using writer = await runtime.createSession(await readFile(model), 'inference');
      let [judged, written] = [zeroStates(run.spec, batch), zeroStates(run.spec, batch)];
      let [byWindow, byWord] = [0, 0];
      for (let place = 0; place < 30; place += 10) {
        const shape = [10, batch];
        const outputs = await judge.run({
          words: int32(shape, spread(inputs.subarray(place, place + 10))),
          targets: int32(shape, spread(text.subarray(place, place + 10))),
          ...judged,
        });
        judged = nextStates(run.spec, outputs);
        for (const value of defined(outputs['log_likelihood'], 'likelihoods').data) byWindow -= Number(value) / batch;
      }
      for (const [place, word] of inputs.entries()) {
        const outputs = await writer.run({ words: int32([batch], new Int32Array(batch).fill(word)), ...written });
        written = nextStates(run.spec, outputs);
        const logits = Array.from(defined(outputs['logits'], 'logits').data, Number).slice(-WORDS);
        byWord += Math.log(logits.reduce((sum, z) => sum + Math.exp(z), 0)) - (logits[text[place] ?? 0] ?? NaN);
      }
      expect(byWindow / 30).toBeCloseTo(expected.loss, 5);
      expect(byWord / 30).toBeCloseTo(expected.loss, 5);
    }
  });

  test('cut within an epoch, or at its end, and resumed leaves the same folder as an uncut one', async () => {
    const folder = await temporaryFolder();
    const settings = settingsFor(await writeText(folder), orthonormal);
    const runtime = await cpuRuntime();
    const uncut = join(folder, 'uncut');
    await startLanguageRun(uncut, settings, { runtime });
    const expected = await contents(uncut);
    expect(expected.progress).toEqual([22, 2, 0]);
    for (const step of [7, 11]) {
      const cut = join(folder, `cut-${step}`);
      const stopped = await startLanguageRun(cut, settings, { runtime, saveEverySteps: 3, ...stopAfter(step) });
      expect([stopped.result.status, stopped.scores]).toEqual(['interrupted', undefined]);
      expect(await readdir(cut)).not.toContain('model.onnx');
      const resumed = await resumeLanguageRun(cut, { runtime });
      expect(resumed.result.status).toBe('finished');
      expect(await contents(cut), `cut at ${step}`).toEqual(expected);
      // A finished run that is resumed is only read.
      expect((await resumeLanguageRun(cut, { runtime })).scores).toEqual(resumed.scores);
    }
  });

  test('goes on neither with another text nor from the checkpoint of another model', async () => {
    const folder = await temporaryFolder();
    const text = await writeText(folder);
    const runtime = await cpuRuntime();
    const started = async (name: string, settings: LanguageSettings): Promise<string> => {
      await startLanguageRun(join(folder, name), settings, { runtime, ...stopAfter(3) });
      return join(folder, name);
    };
    const one = await started('one', settingsFor(text));
    const otherHead = await started('head', settingsFor(text, orthonormal));
    const otherSize = await started('size', { ...settingsFor(text), sizes: { ...shared.sizes, hidden: 8, size: 6 } });
    const resumedFrom = async (other: string): Promise<LanguageRun> => {
      await cp(runPaths(other).last, runPaths(one).last);
      return await resumeLanguageRun(one, { runtime });
    };
    await expect(resumedFrom(otherHead)).rejects.toThrow(/the checkpoint is of another head/);
    await expect(resumedFrom(otherSize)).rejects.toThrow(/of another shape/);
    await writeText(folder, 25);
    await expect(resumeLanguageRun(one, { runtime })).rejects.toThrow(
      /the text has changed since this run was started; expected fingerprint \w{12}…, received \w{12}…; put the original text back, or start a new run/,
    );
  });

  test('settings that cannot be are refused before there is a folder', async () => {
    const folder = await temporaryFolder();
    const settings = settingsFor(await writeText(folder));
    const start = async (changes: Partial<LanguageSettings>): Promise<LanguageRun> =>
      await startLanguageRun(join(folder, 'run'), { ...settings, ...changes }, { runtime: await cpuRuntime() });
    await expect(start({ recipe: { ...shared.recipe, window: 200 } })).rejects.toThrow(
      'the text is shorter than one window; expected at least 800 tokens',
    );
    await expect(start({ choice: { ...learned, fixed: true } })).rejects.toThrow(
      '--embedding learned --fixed: learned word vectors cannot be fixed',
    );
    await expect(start({ sizes: { ...shared.sizes, dropout: 1 } })).rejects.toThrow('dropout out of range');
    expect(await readdir(folder)).toEqual(['text']);
  });

  test('a training that diverges leaves the checkpoint before it', async () => {
    const folder = await temporaryFolder();
    const wild = { ...shared.recipe, learningRate: 1e30, clipNorm: null };
    const settings = { ...settingsFor(await writeText(folder)), recipe: wild };
    const run = join(folder, 'run');
    const failing = startLanguageRun(run, settings, { runtime: await cpuRuntime(), saveEverySteps: 1 });
    await expect(failing).rejects.toThrow(/the loss became (NaN|Infinity) at step \d+ \(epoch 1\); training diverged/);
    const message = await failing.then(() => '', String);
    const { checkpoint } = await readCheckpoint(runPaths(run).last);
    expect(checkpoint.step).toBe(Number(/at step (\d+)/.exec(message)?.[1]) - 1);
  });

  test('its report has its epochs, its steps and how it was made', async () => {
    const folder = await temporaryFolder();
    const runtime = await cpuRuntime();
    const run = await startLanguageRun(join(folder, 'run'), settingsFor(await writeText(folder)), { runtime });
    const report = await languageRunReportOf(run, runtime, ['w1 w2'], [['Command', 'fixhead lm text']]);
    expect(report.history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(report.history.epochs.at(-1)?.validationPerplexity).toBe(run.scores?.validationPerplexity);
    expect(report.history.steps.map(({ step }) => step)).toEqual(Array.from({ length: 22 }, (_, step) => step + 1));
    // 19 words that are all as frequent, and <unk>.
    expect(report.unigram.testPerplexity).toBeGreaterThan(19);
    expect(report.unigram.testPerplexity).toBeLessThan(20);
    expect(report.samples).toEqual(['w1 w2']);
    const rows = new Map(report.provenance);
    expect(rows.get('Tokens')).toBe('train 456 (0.0 % <unk>), validation 95 (0.0 % <unk>), test 76 (0.0 % <unk>)');
    expect(rows.get('Command')).toBe('fixhead lm text');
    expect([...rows.keys()]).toEqual(
      expect.arrayContaining(['Text', 'Vocabulary', 'Model', 'Training', 'Learning rate', 'Seed', 'Device']),
    );
  });
});

describe('a comparison', () => {
  const compare = (text: string, choices: readonly StoredVectorChoice[]): LanguageCompareSettings => ({
    ...shared,
    corpus: { inputs: [text], seed: 0 },
    choices,
  });
  const timeless = (comparison: LanguageComparison) => {
    const { variants, corpus } = languageDocument(comparison);
    return { corpus, variants: variants.map((variant) => ({ ...variant, secondsPerEpoch: 0 })) };
  };

  test('refuses a variant that is listed twice', async () => {
    const folder = await temporaryFolder();
    const settings = compare(await writeText(folder), [learned, orthonormal, learned]);
    await expect(
      startLanguageComparison(join(folder, 'compare'), settings, { runtime: await cpuRuntime() }),
    ).rejects.toThrow('a variant is listed twice; received learned-tied');
    expect(await readdir(folder)).toEqual(['text']);
  });

  test('cut in its second run and resumed gives the same document as an uncut one', async () => {
    const folder = await temporaryFolder();
    const pmi: StoredVectorChoice = { embedding: 'pmi', tied: false, fixed: true, logits: 'dot' };
    const settings = compare(await writeText(folder), [learned, pmi]);
    const runtime = await cpuRuntime();
    const uncut = await startLanguageComparison(join(folder, 'uncut'), settings, { runtime });
    expect(uncut.status).toBe('finished');

    const stop = new AbortController();
    const cut = await startLanguageComparison(join(folder, 'cut'), settings, {
      runtime,
      signal: stop.signal,
      onEvent: (variant, event) => {
        if (variant === 'pmi-fixed-untied-dot' && event.kind === 'step' && event.step === 5) stop.abort();
      },
    });
    expect([cut.status, cut.runs.length]).toEqual(['interrupted', 1]);
    const trainedAgain: string[] = [];
    const resumed = await resumeLanguageComparison(join(folder, 'cut'), {
      runtime,
      onEvent: (variant, event) => {
        if (event.kind === 'step') trainedAgain.push(`${variant} ${event.step}`);
      },
    });
    expect(resumed.status).toBe('finished');
    expect([trainedAgain.length, trainedAgain[0]]).toEqual([17, 'pmi-fixed-untied-dot 6']);
    expect(timeless(resumed)).toEqual(timeless(uncut));

    const { document, histories } = await languageReportOf(resumed, runtime);
    expect(document.corpus).toEqual({ tokens: 24 * 19, vocabulary: WORDS });
    expect(document.report).toBe(join(folder, 'cut', 'report.html'));
    expect(document.variants.map((variant) => Object.keys(variant))).toEqual(
      [[], ['logits']].map((unusual) => [
        ...['embedding', 'fixed', 'tied', ...unusual, 'validationPerplexity', 'testPerplexity', 'parameters'],
        'secondsPerEpoch',
      ]),
    );
    expect(document.variants.map(({ embedding, fixed, tied }) => [embedding, fixed, tied])).toEqual([
      ['learned', false, true],
      ['pmi', true, false],
    ]);
    expect(histories.map(({ epochs, steps }) => [epochs.length, steps.length])).toEqual([
      [2, 22],
      [2, 22],
    ]);
  });
});
