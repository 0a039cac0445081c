import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, documentOf, quick, temporaryFolder, writeImages } from '../../../test/support/cli.ts';
import { cpuRuntime } from '../../../test/support/onnx-runtime.ts';
import { float32 } from '../../core/tensor.ts';

const instance = ['--task', 'instance', '--knn', '5', '--epochs', '4', '--lr', '0.05'] as const;

/** Images of three classes, 24 of them for training. */
async function images(): Promise<{ folder: string; data: string }> {
  const folder = await temporaryFolder();
  return { folder, data: await writeImages(join(folder, 'shapes')) };
}

const share: unknown = expect.any(Number);

describe('fixhead train --task instance', () => {
  it('learns as many classes as images, and judges features by neighbours beside pixels and an untrained network', async () => {
    const { folder, data } = await images();
    const run = join(folder, 'run');
    const result = await cli(['train', data, ...quick, ...instance, '--out', run, '--json']);
    expect(result.stderr).not.toContain('error');
    expect(result.stderr).toMatch(/· train [\d.]+ % · k-NN [\d.]+ %/);
    const document = documentOf(result) as { validationAccuracy: number; evaluation: { accuracy: number } };
    expect(document).toMatchObject({
      status: 'finished',
      dataset: { classes: 3, train: 24, validation: 6 },
      evaluation: { accuracy: share, nearest: share, top5: 1, neighbours: 5, temperature: 0.07, count: 6 },
      baselines: {
        // Rows of different brightness: neighbours in pixels are of the same class.
        pixels: { accuracy: 1, nearest: 1 },
        untrained: { accuracy: share, nearest: share },
      },
    });
    expect(document.validationAccuracy).toBe(document.evaluation.accuracy);
    // The three classes stay as far apart as they are in the pixels.
    expect(document.evaluation.accuracy).toBeGreaterThan(0.9);
    expect(JSON.parse(await readFile(join(run, 'config.json'), 'utf8'))).toMatchObject({
      task: { kind: 'instance', neighbours: 5, temperature: 0.07 },
      classes: ['dark', 'half', 'light'],
      headClasses: 24,
    });
    const epochs = (await readFile(join(run, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ kind }) => kind === 'epoch');
    expect(epochs).toHaveLength(4);
    for (const epoch of epochs) expect(epoch).toMatchObject({ validationLoss: null, validationAccuracy: share });
    expect(await readdir(run)).not.toContain('labels.json');
  });

  it('exports features of length 1, which evaluate judges again and predict refuses', async () => {
    const { folder, data } = await images();
    const run = join(folder, 'run');
    const trained = await cli(['train', data, ...quick, ...instance, '--out', run]);
    expect(trained.code).toBe(0);
    expect(trained.stdout).toMatch(
      /: k-NN accuracy [\d.]+ % \([\d.]+ % by the nearest one alone\), 6 images, 5 neighbours/,
    );
    expect(trained.stdout).toMatch(/To beat: raw pixels 100\.00 % \(100\.00 % .*\), the untrained network [\d.]+ %/);
    expect(trained.stdout).toContain(
      `It gives features, vectors of 128 numbers; fixhead evaluate ${run} measures them again`,
    );
    const file = join(run, 'model.onnx');
    await using session = await (await cpuRuntime()).createSession(await readFile(file), 'inference');
    const pixels = Float32Array.from({ length: 3 * 64 }, (_, place) => (place % 7) / 7);
    const { features } = await session.run({ images: float32([3, 1, 8, 8], pixels) });
    expect(features?.shape).toEqual([3, 128]);
    for (let row = 0; row < 3; row++) {
      expect(Math.hypot(...Array.from(features?.data ?? [], Number).slice(128 * row, 128 * (row + 1)))).toBeCloseTo(
        1,
        5,
      );
    }
    const own = documentOf(await cli(['evaluate', run, '--json'])) as Record<string, number>;
    expect(Object.keys(own)).toEqual(['accuracy', 'nearest', 'top5', 'neighbours', 'temperature', 'count']);
    for (const argv of [
      [run, '--weights', 'last'],
      [file, data, '--knn', '5'],
    ]) {
      expect(documentOf(await cli(['evaluate', ...argv, '--json']))).toEqual(own);
    }
    expect(documentOf(await cli(['evaluate', file, data, '--json']))).toMatchObject({ neighbours: 24 });
    const predicted = await cli(['predict', run, join(data, 'light')]);
    expect(predicted).toMatchObject({ code: 1, stdout: '' });
    expect(predicted.stderr).toMatch(
      /the model gives features, not classes.*fixhead evaluate judges it by nearest neighbours/,
    );
    const byItself = await cli(['evaluate', run, '--split', 'train']);
    expect(byItself.code).toBe(2);
    expect(byItself.stderr).toContain('training images are the neighbours, so they cannot be judged by them');
  });

  it('goes on after an interruption and gives the bytes of an uncut run', async () => {
    const { folder, data } = await images();
    const [whole, cut] = [join(folder, 'whole'), join(folder, 'cut')];
    const interruption = new AbortController();
    interruption.abort();
    const argv = ['train', data, ...quick, ...instance];
    expect((await cli([...argv, '--out', whole])).code).toBe(0);
    expect((await cli([...argv, '--out', cut], { signal: interruption.signal })).code).toBe(130);
    const resumed = await cli(['resume', cut, '--threads', '1', '--json']);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain('going on at step 1 of 12');
    for (const name of ['model.onnx', 'metrics.jsonl', 'baselines.json']) {
      expect(await readFile(join(cut, name)), name).toEqual(await readFile(join(whole, name)));
    }
    // Once more: nothing is left to train, and the run is judged again.
    const again = documentOf(await cli(['resume', cut, '--threads', '1', '--json']));
    expect(again).toEqual(documentOf(resumed));
  });

  it('takes a batch of all images where there are fewer than one batch, and a learned head', async () => {
    const { folder, data } = await images();
    const argv = ['--head', 'learned', '--batch-size', '100', '--label-smoothing', '0.1', '--out', join(folder, 'run')];
    const result = await cli(['train', data, ...quick, '--task', 'instance', ...argv, '--json']);
    expect(result.stderr).toContain('batch size 100 is more than the 24 training images: using 24');
    // 24 rows of 128 weights and 24 biases: a class for each image.
    expect(documentOf(result)).toMatchObject({ parameters: { classifierTrainable: 24 * 128 + 24 } });
    // Fewer images than 200 neighbours: all of them vote.
    expect(documentOf(result)).toMatchObject({ evaluation: { neighbours: 24 } });
  });

  it('refuses neighbours where none are asked', async () => {
    const { folder, data } = await images();
    const run = join(folder, 'run');
    const refused = await cli(['train', data, ...quick, '--knn', '5', '--out', run]);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--knn: neighbours vote only with --task instance');
    expect((await cli(['train', data, ...quick, '--task', 'instances', '--out', run])).stderr).toMatch(
      /--task: unknown choice; received instances; choose from classes, instance/,
    );
    expect((await cli(['train', data, ...quick, '--out', run])).code).toBe(0);
    const classifier = await cli(['evaluate', run, '--knn', '5']);
    expect(classifier.code).toBe(2);
    expect(classifier.stderr).toContain('--knn: only features have neighbours, and this model is a classifier');
  });
});

describe('fixhead compare --task instance', () => {
  it('names accuracies by what they are, in the document, the table, the summary and the report', async () => {
    const { folder, data } = await images();
    const out = join(folder, 'run');
    const argv = ['compare', data, ...quick, '--task', 'instance', '--knn', '5', '--heads', 'learned,hadamard'];
    const result = await cli([...argv, '--seeds', '0,1', '--out', out, '--json']);
    expect(result.stderr).not.toContain('error');
    const document = documentOf(result);
    expect(document).toMatchObject({
      dataset: { classes: 3, train: 24 },
      neighbours: {
        k: 5,
        temperature: 0.07,
        pixels: { accuracy: 1, nearest: 1 },
        untrained: { accuracy: share, nearest: share },
      },
      heads: [{ head: 'learned', validationAccuracy: { mean: share } }, { head: 'hadamard' }],
    });
    const page = await readFile(join(out, 'report.html'), 'utf8');
    expect(page).toContain('each training image a class of its own, 3 classes');
    expect(page).toContain('<figcaption>k-NN error, %</figcaption>');
    expect(page).toContain('<figcaption>Training loss</figcaption>');
    expect(page).toContain('By the same vote of 5 neighbours: raw pixels 100.00');
    expect(page).not.toMatch(/validation (?:accuracy|loss|error)/i);
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
    const shown = await cli(['resume', out]);
    expect(shown.stdout).toMatch(/k-NN accuracy/);
    expect(shown.stdout).not.toMatch(/validation accuracy/i);
    // Heads of one seed start from the same network.
    const read = (run: string) => readFile(join(out, run, 'baselines.json'), 'utf8');
    expect(await read('learned-seed1')).toBe(await read('hadamard-seed1'));
  });
});
