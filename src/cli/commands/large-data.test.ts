import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cli, documentOf, quick, temporaryFolder, writeImages } from '../../../test/support/cli.ts';

const model = (run: string): Promise<Buffer> => readFile(join(run, 'hadamard-seed0', 'model.onnx'));

it('compare decodes images when they are asked for, with the same model on any number of workers and when resumed', async () => {
  const folder = await temporaryFolder();
  const data = await writeImages(join(folder, 'shapes'));
  const options = [
    '--in-memory',
    'never',
    '--heads',
    'hadamard',
    '--augment',
    'resized-crop=0.5,flip',
    '--epochs',
    '3',
  ];
  const run = async (name: string, workers: number, signal?: AbortSignal): Promise<string> => {
    const out = join(folder, name);
    const argv = ['compare', data, ...quick, ...options, '--data-workers', String(workers), '--out', out, '--json'];
    const result = await cli(argv, signal === undefined ? {} : { signal });
    expect(result.code, result.stderr).toBe(signal === undefined ? 0 : 130);
    return out;
  };
  const first = await model(await run('zero', 0));
  for (const workers of [1, 2]) expect((await model(await run(`w${workers}`, workers))).equals(first)).toBe(true);
  const cut = await run('cut', 1, AbortSignal.abort());
  const config = JSON.parse(await readFile(join(cut, 'config.json'), 'utf8')) as { dataset: unknown };
  expect(config.dataset).toMatchObject({ inMemory: 'never' });
  const resumed = await cli(['resume', cut, '--threads', '1', '--data-workers', '2', '--json']);
  expect(resumed.code, resumed.stderr).toBe(0);
  expect((await model(cut)).equals(first)).toBe(true);
}, 180_000);

it('train and evaluate take features from a CSV file, with the adapter where no model is named', async () => {
  const folder = await temporaryFolder();
  const data = join(folder, 'features.csv');
  const lines = Array.from({ length: 60 }, (_, row) => {
    const label = row % 3;
    return [
      ...[0, 1, 2, 3].map((column) => (column === label ? 2 : 0) + ((row * 7 + column * 5) % 10) / 10),
      'xyz'[label],
    ].join();
  });
  await writeFile(data, `a,b,c,d,label\n${lines.join('\n')}\n`);
  const run = join(folder, 'run');
  const options = ['--epochs', '8', '--batch-size', '16', '--lr', '0.1', '--out', run, '--json'];
  const trained = await cli(['train', data, ...options]);
  expect(trained.code, trained.stderr).toBe(0);
  expect(documentOf(trained)).toMatchObject({ model: 'adapter', dataset: { classes: 3, train: 48, validation: 12 } });
  const evaluated = await cli(['evaluate', join(run, 'model.onnx'), data, '--split', 'train', '--json']);
  expect(evaluated.code, evaluated.stderr).toBe(0);
  expect(documentOf(evaluated)).toMatchObject({ count: 48, accuracy: 1 });
  await writeFile(
    data,
    lines.map((line, row) => (row === 0 ? 'a,b,c,label' : line.slice(line.indexOf(',') + 1))).join('\n'),
  );
  const other = await cli(['evaluate', join(run, 'model.onnx'), data]);
  expect([other.code, other.stderr]).toEqual([
    1,
    expect.stringMatching(/the data does not fit the model; expected images of 4×1×1, .*, received 3 features/),
  ]);
  const mirrored = await cli(['train', data, ...options, '--augment', 'flip', '--overwrite']);
  expect([mirrored.code, mirrored.stderr]).toEqual([2, expect.stringContaining('features are not pictures')]);
});
