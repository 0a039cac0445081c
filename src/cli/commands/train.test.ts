import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, documentOf, quick, temporaryFolder, writeImages } from '../../../test/support/cli.ts';

/** Trains a small model and gives its data and folder. */
async function trained(
  ...options: readonly string[]
): Promise<{ folder: string; data: string; run: string; document: unknown }> {
  const folder = await temporaryFolder();
  const data = await writeImages(join(folder, 'shapes'));
  const run = join(folder, 'run');
  const result = await cli(['train', data, ...quick, '--out', run, '--json', ...options]);
  expect(result.stderr).not.toContain('error');
  expect(result.code).toBe(0);
  return { folder, data, run, document: documentOf(result) };
}

describe('fixhead train, evaluate and predict', () => {
  it('trains, and evaluate gives for the exported model what the run measured itself', async () => {
    const { data, run, document } = await trained('--epochs', '8', '--lr', '0.05');
    expect(Object.keys(document as object)).toEqual([
      'run',
      'status',
      'dataset',
      'model',
      'head',
      'seed',
      'epochs',
      'validationAccuracy',
      'trainAccuracy',
      'evaluation',
      'parameters',
      'stepMilliseconds',
      'exported',
      'exportedBytes',
    ]);
    const { evaluation } = document as { evaluation: { accuracy: number; loss: number } };
    // Rows bright in other places are easy: a model that learned nothing would be right for a third.
    expect(evaluation.accuracy).toBeGreaterThan(0.9);
    for (const argv of [[run], [run, data], [join(run, 'model.onnx'), data], [run, '--weights', 'last']]) {
      const result = await cli(['evaluate', ...argv, '--json']);
      const own = documentOf(result) as Record<string, number>;
      expect(Object.keys(own)).toEqual(['accuracy', 'top5', 'loss', 'count']);
      expect(own).toMatchObject({ accuracy: evaluation.accuracy, top5: 1, count: 6 });
      expect(own['loss']).toBeCloseTo(evaluation.loss, 4);
    }
    expect(documentOf(await cli(['evaluate', run, '--split', 'train', '--json']))).toMatchObject({ count: 24 });
  });

  it('matches classes by name, whatever their order and number in the data', async () => {
    const { folder, run, data } = await trained('--epochs', '8', '--lr', '0.05');
    await rm(join(data, 'dark'), { recursive: true });
    const fewer = documentOf(await cli(['evaluate', join(run, 'model.onnx'), data, '--split', 'train', '--json']));
    expect(fewer).toMatchObject({ count: 16, accuracy: 1 });
    const other = await writeImages(join(folder, 'other'), { classes: ['dark', 'unheard'] });
    const refused = await cli(['evaluate', run, other]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /classes that the model does not know; expected classes of .*dark, half, light, received unheard/,
    );
  });

  it('predicts labels, goes on after an image that it cannot read, and then fails', async () => {
    const { data, run } = await trained('--epochs', '8', '--lr', '0.05');
    await writeFile(join(data, 'half', 'broken.png'), 'no image');
    const good = await cli(['predict', run, join(data, 'light', '0.png'), '--top', '2', '--json']);
    expect(good.code).toBe(0);
    const probability: unknown = expect.any(Number);
    expect(documentOf(good)).toStrictEqual({
      model: run,
      labels: ['dark', 'half', 'light'],
      predictions: [
        {
          file: join(data, 'light', '0.png'),
          top: [
            { label: 'light', index: 2, probability },
            { label: expect.any(String) as unknown, index: expect.any(Number) as unknown, probability },
          ],
        },
      ],
      failed: [],
    });
    const bad = await cli(['predict', join(run, 'model.onnx'), join(data, 'half'), join(data, 'none.png')]);
    expect(bad.code).toBe(1);
    expect(bad.stdout.trim().split('\n')).toHaveLength(10);
    expect(bad.stdout).toMatch(/half[\\/]0\.png: half [\d.]+ %, /);
    expect(bad.stderr).toMatch(/error: .*broken\.png: not a readable image/);
    expect(bad.stderr).toMatch(/error: .*none\.png: not a readable image/);
    expect(bad.stderr).toContain('2 of 12 images could not be read');
  });

  it('shows a finished run again on resume, without training', async () => {
    const { run, document } = await trained();
    const before = await readFile(join(run, 'checkpoints', 'last.safetensors'));
    const again = await cli(['resume', run, '--json', '--threads', '1']);
    expect(again.code).toBe(0);
    expect(documentOf(again)).toStrictEqual(document);
    expect(await readFile(join(run, 'checkpoints', 'last.safetensors'))).toEqual(before);
  });

  it('saves when it is interrupted, says how to go on, and then gives the bytes of an uncut run', async () => {
    const { folder, data, run } = await trained('--epochs', '3');
    const cut = join(folder, 'cut');
    const interruption = new AbortController();
    interruption.abort();
    const stopped = await cli(['train', data, ...quick, '--epochs', '3', '--out', cut], {
      signal: interruption.signal,
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain(`stopped; everything is saved. Go on with: fixhead resume ${cut}`);
    const early = await cli(['evaluate', cut]);
    expect(early.code).toBe(1);
    expect(early.stderr).toMatch(
      /not finished: it has no model\.onnx yet; go on with it \(fixhead resume .*--weights last/,
    );
    const resumed = await cli(['resume', cut, '--threads', '1']);
    expect(resumed.code).toBe(0);
    expect(resumed.stderr).toContain('going on at step 1 of 9');
    for (const file of ['model.onnx', 'metrics.jsonl', 'labels.json']) {
      expect(await readFile(join(cut, file)), file).toEqual(await readFile(join(run, file)));
    }
  });

  it('resumes an interrupted comparison to the end', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const out = join(folder, 'run');
    const interruption = new AbortController();
    interruption.abort();
    const run = ['compare', data, ...quick, '--heads', 'learned,hadamard', '--out', out];
    const stopped = await cli([...run, '--json'], { signal: interruption.signal });
    expect(stopped.code).toBe(130);
    expect(documentOf(stopped)).toMatchObject({ heads: [] });
    const resumed = await cli(['resume', out, '--json']);
    expect(resumed.code).toBe(0);
    expect(documentOf(resumed)).toMatchObject({ heads: [{ head: 'learned' }, { head: 'hadamard' }] });
  });

  it('refuses to resume on data that has changed since', async () => {
    const { data, run } = await trained();
    await rm(join(data, 'dark', '0.png'));
    const changed = await cli(['resume', run]);
    expect(changed.code).toBe(1);
    expect(changed.stderr).toMatch(/the dataset has changed since this run was started/);
  });

  it('takes labels from the file beside a model, and refuses labels of another number', async () => {
    const { folder, data, run } = await trained();
    const { readOnnx, toOnnx } = await import('../../graph/index.ts');
    const { graph } = readOnnx(await readFile(join(run, 'model.onnx')), 'model.onnx');
    const bare = join(folder, 'bare');
    await mkdir(bare);
    await writeFile(join(bare, 'model.onnx'), toOnnx(graph, { producer: 'another' }));
    const image = join(data, 'light', '0.png');
    const numbers = documentOf(await cli(['predict', join(bare, 'model.onnx'), image, '--top', '1', '--json']));
    expect(numbers).toMatchObject({
      labels: null,
      predictions: [{ top: [{ label: expect.stringMatching(/^\d$/) as unknown }] }],
    });
    await writeFile(join(bare, 'labels.json'), '["a", "b", "c"]');
    const named = documentOf(await cli(['predict', join(bare, 'model.onnx'), image, '--top', '1', '--json']));
    expect(named).toMatchObject({ labels: ['a', 'b', 'c'] });
    await writeFile(join(bare, 'labels.json'), '["a", "b"]');
    const wrong = await cli(['predict', join(bare, 'model.onnx'), image]);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toMatch(/the labels do not fit the model; expected 3 names.*received 2/);
    await writeFile(join(bare, 'labels.json'), '{');
    expect((await cli(['predict', join(bare, 'model.onnx'), image])).stderr).toMatch(/labels that cannot be read/);
  });
});
