import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, documentOf, quick, temporaryFolder, writeImages } from '../../../test/support/cli.ts';

const number: unknown = expect.any(Number);

describe('fixhead compare', () => {
  it('prints one JSON document with exactly the promised keys, and writes the report it names', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const out = join(folder, 'run');
    const result = await cli([
      'compare',
      data,
      ...quick,
      '--heads',
      'learned,hadamard',
      '--seeds',
      '0,1',
      '--out',
      out,
      '--json',
    ]);
    expect(result.code).toBe(0);
    const head = (name: string): object => ({
      head: name,
      seeds: [0, 1].map((seed) => ({ seed, validationAccuracy: number, trainAccuracy: number })),
      validationAccuracy: { mean: number, sd: number },
      parameters: { total: number, trainable: number, classifier: number, classifierTrainable: number },
      exportedBytes: number,
      stepMilliseconds: number,
      classifierMicroseconds: number,
    });
    expect(documentOf(result)).toStrictEqual({
      dataset: { name: 'shapes', classes: 3, train: 24, validation: 6 },
      model: 'mlp',
      heads: [head('learned'), head('hadamard')],
      report: join(out, 'report.html'),
    });
    // 8·8 grey pixels through 256 and 128 units, then 3 classes: learned 128·3 + 3, hadamard α and 3 biases.
    const body = 64 * 256 + 256 + 256 * 128 + 128;
    expect(documentOf(result)).toMatchObject({
      heads: [
        { parameters: { total: body + 387, trainable: body + 387, classifier: 387, classifierTrainable: 387 } },
        { parameters: { total: body + 4, trainable: body + 4, classifier: 4, classifierTrainable: 4 } },
      ],
    });
    expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('hadamard');
    expect(result.stderr).toContain(`Report: ${join(out, 'report.html')}`);
  });

  it('prints the table on stdout and progress on stderr, without colours where there is no terminal', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const result = await cli([
      'compare',
      data,
      ...quick,
      '--heads',
      'learned,orthonormal',
      '--out',
      join(folder, 'run'),
    ]);
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/mlp on shapes: 3 classes, 24 training and 6 validation images/);
    expect(result.stdout).toMatch(/^orthonormal/m);
    expect(result.stdout).toContain(`Report: ${join(folder, 'run', 'report.html')}`);
    expect(result.stdout).not.toContain('Open it');
    expect(result.stderr).toMatch(
      /^1\/2 learned seed 0 · epoch 1\/1 · loss [\d.]+ · train [\d.]+ % · validation [\d.]+ % · /m,
    );
    expect(result.stderr).toMatch(/^2\/2 orthonormal seed 0 · epoch 1\/1/m);
    expect(result.stdout + result.stderr).not.toContain('\u001B');
  });

  it('is silent about progress with --quiet, and draws a bar on a terminal', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const run = ['compare', data, ...quick, '--heads', 'hadamard', '--out', join(folder, 'run'), '--overwrite'];
    const quiet = await cli([...run, '--quiet']);
    expect(quiet).toMatchObject({ code: 0, stderr: '' });
    const terminal = await cli(run, { isTTY: true });
    expect(terminal.code).toBe(0);
    expect(terminal.stderr).toContain('█');
    expect(terminal.stdout).toContain('Open it in a browser: file://');
    expect(terminal.stdout).toContain('\u001B[1m');
    const plain = await cli(run, { isTTY: true, env: { NO_COLOR: '1' } });
    expect(plain.stdout).not.toContain('\u001B');
  });

  it('refuses a folder that holds a run, and with --overwrite replaces it and the runs in it', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const out = join(folder, 'run');
    const run = ['compare', data, ...quick, '--heads', 'hadamard', '--out', out, '--json'];
    expect((await cli(run)).code).toBe(0);
    const refused = await cli(run);
    expect(refused.code).toBe(2);
    expect(refused.stdout).toBe('');
    expect(refused.stderr).toMatch(/the folder holds a run already.*fixhead resume .*--overwrite/);
    const again = await cli([...run, '--overwrite', '--epochs', '2']);
    expect(again.code).toBe(0);
    const metrics = await readFile(join(out, 'hadamard-seed0', 'metrics.jsonl'), 'utf8');
    expect(metrics.match(/"kind":"epoch"/g)).toHaveLength(2);
  });

  it('that replaced another one and was cut does not take over the runs of the other one', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const out = join(folder, 'run');
    const run = ['compare', data, ...quick, '--heads', 'learned,hadamard', '--out', out];
    expect((await cli(run)).code).toBe(0);
    const interruption = new AbortController();
    interruption.abort();
    expect((await cli([...run, '--epochs', '2', '--overwrite'], { signal: interruption.signal })).code).toBe(130);
    expect((await cli(['resume', out])).code).toBe(0);
    for (const head of ['learned', 'hadamard']) {
      const metrics = await readFile(join(out, `${head}-seed0`, 'metrics.jsonl'), 'utf8');
      expect(metrics.match(/"kind":"epoch"/g), head).toHaveLength(2);
    }
  });

  it('shows a finished comparison again on resume without training, and refuses changed data', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const out = join(folder, 'run');
    const run = ['compare', data, ...quick, '--heads', 'learned,hadamard', '--out', out, '--json'];
    const first = documentOf(await cli(run)) as { heads: object[] };
    const before = await readFile(join(out, 'learned-seed0', 'checkpoints', 'last.safetensors'));
    const again = documentOf(await cli(['resume', out, '--json'])) as { heads: object[] };
    const timeless = ({ heads, ...rest }: { heads: object[] }) => ({
      ...rest,
      heads: heads.map((head) => ({ ...head, classifierMicroseconds: 0 })),
    });
    expect(timeless(again)).toStrictEqual(timeless(first));
    expect(await readFile(join(out, 'learned-seed0', 'checkpoints', 'last.safetensors'))).toEqual(before);
    await rm(join(data, 'dark', '0.png'));
    const changed = await cli(['resume', out]);
    expect(changed.code).toBe(1);
    expect(changed.stderr).toMatch(/the dataset has changed since this run was started/);
  });

  it('chooses a new numbered folder where none is named, so that the same command works twice', async () => {
    const folder = await temporaryFolder();
    await writeImages(join(folder, 'shapes'));
    const before = process.cwd();
    process.chdir(folder);
    try {
      for (const name of ['compare-shapes-mlp', 'compare-shapes-mlp-2']) {
        expect((await cli(['compare', 'shapes', ...quick, '--heads', 'hadamard'])).code).toBe(0);
        expect((await stat(join(folder, 'runs', name, 'report.html'))).isFile()).toBe(true);
      }
    } finally {
      process.chdir(before);
    }
  });

  it('names images that it leaves out', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    await writeFile(join(data, 'dark', 'broken.png'), 'no image');
    const run = ['compare', data, ...quick, '--heads', 'hadamard', '--out', join(folder, 'run')];
    const failed = await cli(run);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/1 of 31 images cannot be read: dark\/broken\.png/);
    const skipped = await cli([...run, '--on-unreadable', 'skip']);
    expect(skipped.code).toBe(0);
    expect(skipped.stderr).toMatch(/note: left out 1 of 31 images that cannot be read: dark\/broken\.png/);
  });
});
