import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, documentOf, quick, temporaryFolder, writeImages } from '../../../test/support/cli.ts';
import { randomStream } from '../../core/random.ts';
import { formatHead } from '../../heads/parse.ts';
import { headSpec } from '../../heads/spec.ts';
import { trainConfigOf } from '../../runs/config.ts';
import { openRun } from '../../train/run-folder.ts';

const FEATURES = 128;

async function csv(path: string, classes: number, seed: number): Promise<string> {
  const random = randomStream('custom head', seed);
  const rows = Array.from({ length: classes }, () => Array.from({ length: FEATURES }, () => random.normal()).join(','));
  await writeFile(path, `${rows.join('\n')}\n`);
  return path;
}

describe('every head', () => {
  it.each([
    'cosine',
    'cosine:scale=16:arcface=0.2',
    'biorthogonal',
    'coset:cosface=0.1:signs=on',
    'coset:bias=off:center=bn',
    'simplex',
    'simplex:loss=cosine',
    'random',
    'random:directions=gaussian:seed=3',
    'hadamard:exact=on',
  ])('%s learns, is exported and evaluated', async (head) => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const run = join(folder, 'run');
    const trained = await cli([
      ...['train', data, ...quick, '--epochs', '12', '--lr', '0.05'],
      ...['--head', head, '--out', run, '--json'],
    ]);
    expect(trained.stderr).not.toContain('error');
    const { evaluation } = documentOf(trained) as { evaluation: { accuracy: number } };
    expect(evaluation.accuracy).toBeGreaterThan(0.9);
    expect(formatHead(trainConfigOf(await openRun(run)).head)).toBe(head);
    for (const weights of ['model', 'last']) {
      const result = await cli(['evaluate', run, '--weights', weights, '--json']);
      expect(documentOf(result)).toMatchObject({ accuracy: evaluation.accuracy });
    }
  });
});

describe('a custom head', () => {
  it('is resumed, evaluated, inspected and used without the file that its vectors came from', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const file = await csv(join(folder, 'names.csv'), 3, 0);
    const run = join(folder, 'run');
    const head = `custom:file=${file}`;
    const train = ['train', data, ...quick, '--epochs', '12', '--lr', '0.05', '--head', head, '--out', run, '--json'];
    const trained = documentOf(await cli(train)) as { evaluation: { accuracy: number } };
    const { accuracy } = trained.evaluation;
    expect(accuracy).toBeGreaterThan(0.9);
    await rm(file);
    expect(documentOf(await cli(['resume', run, '--json']))).toMatchObject({ evaluation: { accuracy } });
    for (const weights of ['model', 'last', 'best']) {
      expect((await cli(['evaluate', run, '--weights', weights, '--json'])).code).toBe(0);
    }
    expect((await cli(['predict', run, join(data, 'light', '0.png'), '--json'])).code).toBe(0);
    for (const path of [run, join(run, 'model.onnx')]) {
      const inspected = await cli(['inspect', path, '--json']);
      expect(inspected.stderr).not.toContain('error');
      expect(documentOf(inspected)).toMatchObject({ geometry: { kind: 'custom' } });
    }
    const again = await cli(train.with(-2, join(folder, 'another')));
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('names.csv: the class vectors cannot be read');
    expect(await readdir(folder)).not.toContain('another');
  });

  it.each([
    [4, 'expected 3 rows, one for each class, of 128 features, received 4 rows of 128 numbers', 2],
    [2, 'received 2 rows of 128 numbers', 2],
  ])('of %s rows for 3 classes is refused before a run exists', async (rows, message, code) => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const file = await csv(join(folder, 'names.csv'), rows, 0);
    const refused = await cli(['train', data, ...quick, '--head', `custom:file=${file}`, '--out', join(folder, 'run')]);
    expect(refused.code).toBe(code);
    expect(refused.stderr).toContain(message);
    expect(await readdir(folder)).not.toContain('run');
  });

  it('is compared, and a comparison goes on without the files', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const files = [await csv(join(folder, 'a.csv'), 3, 1), await csv(join(folder, 'b.csv'), 3, 2)];
    const heads = files.map((file) => `custom:file=${file}`);
    const out = join(folder, 'compared');
    const compare = ['compare', data, ...quick, '--epochs', '2', '--heads', heads.join(','), '--out', out, '--json'];
    expect((await cli(compare)).code).toBe(0);
    const nested = (await readdir(out)).filter((name) => name.endsWith('-seed0'));
    expect(nested).toHaveLength(2);
    for (const file of files) await rm(file);
    await rm(join(out, nested[1] ?? ''), { recursive: true });
    const resumed = await cli(['resume', out, '--json']);
    expect(resumed.code).toBe(0);
    expect((documentOf(resumed) as { heads: { head: string }[] }).heads.map(({ head }) => head)).toEqual(heads);
  });
});

describe('the settings of a run of version 0.1', () => {
  it('are read as the same head, with the same name', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const run = join(folder, 'run');
    expect((await cli(['train', data, ...quick, '--epochs', '1', '--out', run])).code).toBe(0);
    const path = join(run, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    for (const [stored, spec] of [
      [{ kind: 'hadamard', scale: 'learned', bias: true, loss: 'cross-entropy' }, headSpec('hadamard')],
      [{ kind: 'learned', scale: 1, bias: true, loss: 'cross-entropy' }, headSpec('learned')],
      [
        { kind: 'orthonormal', seed: 3, scale: 10, bias: false, loss: 'cross-entropy' },
        headSpec('orthonormal', { seed: 3, scale: 10, bias: false }),
      ],
      [{ kind: 'hadamard', scale: 1, bias: false, loss: 'cosine' }, headSpec('hadamard', { loss: 'cosine' })],
    ] as const) {
      await writeFile(path, JSON.stringify({ ...config, head: stored }));
      expect(trainConfigOf(await openRun(run)).head).toEqual(spec);
    }
  });
});
