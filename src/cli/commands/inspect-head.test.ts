import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { float32 } from '../../core/tensor.ts';
import { createBuilder, toOnnx } from '../../graph/index.ts';
import type { HeadDocument } from '../../report/head-document.ts';
import { cli, documentOf, quick, temporaryFolder, writeImages } from '../../../test/support/cli.ts';

async function inspected(...argv: readonly string[]): Promise<HeadDocument> {
  const result = await cli(['inspect', ...argv, '--json']);
  expect(result.stderr).not.toContain('error:');
  expect(result.code).toBe(0);
  return documentOf(result) as HeadDocument;
}

const head = (name: string, classes: number, features: number, ...more: readonly string[]): readonly string[] => [
  ...['--head', name, '--classes', String(classes), '--features', String(features), ...more],
];

describe('fixhead inspect of a head by name', () => {
  it('prints the geometry, the cost and the parameters of 100,000 classes on 1,024 features', async () => {
    const document = await inspected(...head('hadamard', 100_000, 1024, '--no-timing'));
    expect(document.geometry).toMatchObject({
      kind: 'coset',
      order: 1024,
      bases: 98,
      distinct: 100_000,
      distinctBy: 'sample',
      coherence: 1 / 32,
      measuredCoherence: 1 / 32,
      welch: Math.sqrt((100_000 - 1024) / (1024 * 99_999)),
    });
    expect(document.geometry?.capacity).toBeGreaterThanOrEqual(524_288);
    // 98 fast transforms of n·log₂ n additions.
    expect(document.cost).toMatchObject({ adds: 98 * 1024 * 10, multiplies: 0 });
    expect(document.cost?.constantBytes).toBeLessThan(50_000);
    // More than 1,000 classes have no bias unless asked for: α is all that is trained.
    expect(document.parameters).toStrictEqual({ total: 1, trainable: 1, classifier: 1, classifierTrainable: 1 });
    expect(document.memory).toMatchObject({
      head: { parameters: 1, weights: 4, gradients: 4, momentum: 4 },
      learned: { parameters: 102_500_000, weights: 410_000_000, gradients: 410_000_000 },
    });
    expect(document).toMatchObject({ model: null, head: 'hadamard', sign: 'signed', timing: null, training: null });
    expect(document.classifier).toMatchObject({ features: 1024, classes: 100_000 });
    // 98 bases of two products with matrices of order 32.
    expect(document.classifier?.multiplyAdds).toBe(98 * 1024 * 64);
  });

  it('answers for a million classes without a matrix of them', async () => {
    const before = process.memoryUsage().rss;
    const { geometry, vectors } = await inspected(...head('hadamard', 1_000_000, 1024, '--no-timing'));
    expect(geometry).toMatchObject({ distinct: 1_000_000, coherence: 1 / 32 });
    expect(vectors).toMatchObject({ examined: 2048, exhaustive: false, coherence: 1 / 32 });
    // The matrix alone would be 4 GB.
    expect(process.memoryUsage().rss - before).toBeLessThan(1e9);
  });

  it('measures what heads of other kinds are known to have', async () => {
    const simplex = await inspected(...head('simplex', 10, 64, '--no-timing'));
    expect(simplex.vectors?.coherence).toBeCloseTo(1 / 9, 6);
    expect(simplex.scale?.needed).toBeCloseTo((9 / 10) * Math.log(9 / Math.expm1(0.1)), 2);
    const orthonormal = await inspected(...head('orthonormal', 60, 64, '--no-timing'));
    expect(orthonormal.geometry).toMatchObject({ kind: 'orthonormal', distinct: 60, distinctBy: 'all', welch: 0 });
    expect(orthonormal.geometry?.measuredCoherence).toBeLessThan(1e-6);
    const random = await inspected(...head('random', 200, 16, '--no-timing'));
    expect(random.vectors?.coherence).toBeGreaterThan(random.geometry?.welch ?? 1);
    expect(random.geometry?.distinct).toBe(200);
    const learned = await inspected(...head('learned', 1000, 512, '--no-timing'));
    expect(learned).toMatchObject({ geometry: null, vectors: null, scale: null, parameters: { total: 513_000 } });
    expect(learned.cost).toStrictEqual({ adds: 511_000, multiplies: 512_000, constantBytes: 0 });
  });

  it('says what features that are never negative would do to the constant class vector', async () => {
    const signed = await cli(['inspect', ...head('hadamard', 64, 64, '--no-timing')]);
    expect(signed.stdout).toMatch(/Class 0 has a cosine of 1 with \(1, …, 1\)\. That is harmless for signed features/);
    const argv = head('hadamard', 128, 64, '--no-timing', '--features-sign', 'non-negative');
    const centred = await cli(['inspect', ...argv]);
    expect(centred.stdout).toContain('so the head batch-normalises non-negative features first');
    const skipped = await cli(['inspect', ...head('hadamard', 63, 64, '--no-timing')]);
    expect(skipped.stdout).toContain('non-negative features favour no class');
  });

  it('tells a fixed α that is too small from one that is enough', async () => {
    const small = await cli(['inspect', ...head('hadamard:scale=2', 50, 64, '--no-timing')]);
    expect(small.stdout).toMatch(/✗ α stays at 2\.00 and would have to be 6\.14 for a loss of 0\.1/);
    const enough = await cli(['inspect', ...head('hadamard:scale=7', 50, 64, '--no-timing')]);
    expect(enough.stdout).toMatch(/✓ α stays at 7\.00; 6\.14 is enough/);
  });

  it('times the head and a dense product, and says what it left out', async () => {
    const { timing } = await inspected(...head('hadamard', 20, 32, '--threads', '1'));
    expect(timing?.batches.map(({ batch }) => batch)).toStrictEqual([1, 64]);
    for (const { head: own, dense } of timing?.batches ?? []) {
      expect(own).toBeGreaterThan(0);
      expect(dense).toBeGreaterThan(0);
    }
    expect(timing?.skipped).toStrictEqual([]);
    const { timing: large } = await inspected(...head('hadamard', 1_100_000, 1024, '--threads', '1'));
    expect(large?.batches).toMatchObject([{ batch: 1, dense: null }]);
    expect(large?.skipped.join()).toMatch(
      /batch 64: its logits alone are 282 MB .*a dense classifier: its weights are 4,506 MB/,
    );
  });

  it('reads the class vectors of a custom head, and takes their number from them', async () => {
    const file = join(await temporaryFolder(), 'vectors.csv');
    await writeFile(file, '1,0,0\n0,2,0\n3,4,0\n');
    const { geometry, vectors } = await inspected('--head', `custom:file=${file}`, '--no-timing');
    expect(geometry).toMatchObject({ kind: 'custom', classes: 3, features: 3, distinct: 3 });
    expect(vectors).toMatchObject({ closest: [1, 2] });
    expect(vectors?.coherence).toBeCloseTo(0.8, 6);
  });

  it('writes a page with charts that needs no script', async () => {
    const file = join(await temporaryFolder(), 'head.html');
    const result = await cli(['inspect', ...head('hadamard', 1000, 64, '--no-timing', '--report', file)]);
    expect(result.stdout).toContain(`Report: ${file}`);
    const page = await readFile(file, 'utf8');
    expect(page.match(/<svg /g)?.length).toBe(2);
    expect(page).not.toContain('<script');
    expect(page).toContain('All 1,000 class vectors are different');
  });
});

describe('fixhead inspect of what cannot be', () => {
  it.each([
    [['--classes', '10'], 'error: --classes and --features are of a head; name the --head'],
    [[], 'error: nothing to inspect; name a run’s folder, an .onnx file, a --model, or a --head with --classes'],
    [['--head', 'hadamard', '--classes', '10'], 'a head needs --classes and --features; received no --features'],
    [['--head', 'hadamard', '--features', '64'], 'a head needs --classes and --features; received no --classes'],
    [head('hadamard', 10, 64, '--image', '3x32x32'), '--image is about a --model'],
    [head('hadamard', 10, 64, '--images', '5'), '--images is about a run'],
    [['--model', 'mlp', '--features-sign', 'signed'], '--features-sign and --model at once'],
    [head('hadamard', 1, 64), '--classes: not a whole number in range; expected 2 or more, received 1'],
    [['--head', 'hadamard', '--classes', '2.5', '--features', '64'], '--classes: not a whole number in range'],
    [['--head', 'hadamard', '--classes', '10', '--features', '1'], '--features: not a whole number in range'],
    [head('hadamard', 10, 64, '--features-sign', 'both'), 'choose from signed, non-negative'],
    [head('biorthogonal', 200, 64), 'expected at most 128 classes for 64 signed features, received 200 classes'],
    [head('simplex', 200, 64), 'expected at most 65 classes for 64 features'],
    [head('hadamard:exact=on', 10, 92 + 1), 'no Hadamard matrix of order 93'],
    [['somewhere', '--head', 'hadamard'], 'a path and a model or head at once; received somewhere'],
  ] as const)('%j', async (argv, text) => {
    const result = await cli(['inspect', ...argv]);
    expect(result.stderr).toContain(text);
    expect(result.code).toBe(2);
    expect(result.stdout).toBe('');
  });
});

describe('fixhead inspect of somebody else’s Hadamard head', () => {
  /** N columns cut off a larger matrix, as the entry (−1)^(ones in row AND column). */
  async function cutMatrix(classes: number, features: number, byColumns: boolean): Promise<string> {
    const sign = (row: number, column: number): number => {
      let ones = 0;
      for (let bits = row & column; bits !== 0; bits &= bits - 1) ones++;
      return ones % 2 === 0 ? 1 : -1;
    };
    const entries = Array.from({ length: classes * features }, (_, index) =>
      byColumns
        ? sign(index % classes, Math.floor(index / classes))
        : sign(Math.floor(index / features), index % features),
    );
    const b = createBuilder('other');
    const x = b.input('x', 'float32', ['n', features]);
    const weight = b.named('w', float32(byColumns ? [features, classes] : [classes, features], entries));
    b.output(b.op('Gemm', [x, weight], { alpha: 1, beta: 1, transA: 0, transB: byColumns ? 0 : 1 }), 'y');
    const file = join(await temporaryFolder(), 'cut.onnx');
    await writeFile(file, toOnnx(b.build(), { producer: 'other' }));
    return file;
  }

  it.each([true, false])('finds the classes that share a vector (weights by columns: %s)', async (byColumns) => {
    const file = await cutMatrix(150, 64, byColumns);
    const { geometry, vectors } = await inspected(file);
    expect(geometry).toMatchObject({ kind: 'weights', classes: 150, features: 64, distinct: 64, coherence: 1 });
    expect(vectors).toMatchObject({ signs: true, repeated: { period: 64 }, norms: { smallest: 8, largest: 8 } });
    expect(vectors?.repeated.pairs[0]).toStrictEqual([0, 64]);
    const { stdout } = await cli(['inspect', file]);
    expect(stdout).toContain('✗ Only 64 of 150 class vectors are different: classes i and i + 64 share one.');
  });
});

describe('fixhead inspect of a trained run', () => {
  it('measures features, the path of α and how far classes have collapsed, on the run’s own data', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'), { perClass: 40 });
    const run = join(folder, 'run');
    const longer = quick.map((word, place) => (quick[place - 1] === '--epochs' ? '6' : word));
    expect((await cli(['train', data, ...longer, '--head', 'hadamard', '--out', run])).code).toBe(0);
    const { training } = await inspected(run, '--no-timing');
    const [train, validation] = training?.features ?? [];
    expect(train).toMatchObject({ split: 'train', images: train?.of });
    expect(validation?.split).toBe('validation');
    expect(train?.normMean).toBeGreaterThan(0);
    expect(training?.scale[0]?.value).toBeCloseTo(Math.sqrt(128), 4);
    expect(training?.scale.at(-1)?.step).toBe(training?.step);
    // Three classes that are told apart without a mistake: their means point to their own vectors.
    expect(train?.collapse?.cosineSmallest).toBeGreaterThan(0.2);
    expect(train?.collapse?.centredCosineMean).toBeGreaterThan(0.5);
    expect(train?.collapse?.variabilityRatio).toBeLessThan(1);
    expect(train?.collapse?.worst.map(({ name }) => name).toSorted()).toStrictEqual(['dark', 'half', 'light']);

    const few = await inspected(run, '--no-timing', '--images', '7');
    expect(few.training?.features.map(({ images }) => images)).toStrictEqual([7, 7]);
    const page = join(folder, 'run.html');
    expect((await cli(['inspect', run, '--no-timing', '--report', page])).code).toBe(0);
    expect(await readFile(page, 'utf8')).toContain('Scale α over training');
  });

  it('knows the assignment of classes to vectors, in the run and in its file', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'), { perClass: 20 });
    const run = join(folder, 'run');
    const argv = ['train', data, ...quick, '--head', 'hadamard', '--assign', 'init', '--out', run];
    expect((await cli(argv)).code).toBe(0);
    const byRun = await inspected(run, '--no-timing');
    expect(byRun.training?.assignments).toMatchObject([{ epoch: 0 }]);
    const [{ before, after } = { before: 1, after: 0 }] = byRun.training?.assignments ?? [];
    expect(after).toBeGreaterThan(before);
    const byFile = await inspected(join(run, 'model.onnx'), '--no-timing');
    expect(byFile.geometry).toStrictEqual(byRun.geometry);
    // Both hold the slot of each class, which the head by name does not.
    expect(byFile.cost).toStrictEqual(byRun.cost);
    const byName = await inspected(...head('hadamard', 3, byRun.geometry?.features ?? 0, '--no-timing'));
    expect(byRun.cost?.constantBytes).not.toBe(byName.cost?.constantBytes);
  });

  it('gives the rest, and says why, where the data is gone or has changed', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const run = join(folder, 'run');
    expect((await cli(['train', data, ...quick, '--head', 'learned', '--out', run])).code).toBe(0);
    const whole = await inspected(run, '--no-timing');
    // The rows of a trained W are class vectors too.
    expect(whole.geometry).toMatchObject({ kind: 'weights', classes: 3, distinct: 3 });
    expect(whole.training?.features).toHaveLength(2);
    await writeImages(data, { perClass: 12 });
    const changed = await inspected(run, '--no-timing');
    expect(changed.training).toMatchObject({ features: [], scale: [] });
    expect(changed.notes.join()).toMatch(/features are left out, .*the dataset has changed since this run was started/);
  });
});
