import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { cli, documentOf, temporaryFolder } from '../../../test/support/cli.ts';

const text: unknown = expect.any(String);
const number: unknown = expect.any(Number);
const texts: unknown = expect.any(Array);

describe('fixhead reproduce table1', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await temporaryFolder();
    vi.stubEnv('FIXHEAD_DATA', folder);
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
    onTestFinished(() => void vi.unstubAllEnvs());
  });

  it('without data prints the parameter columns, what is missing and how to get it, and trains nothing', async () => {
    const out = join(folder, 'out');
    const { code, stdout } = await cli(['reproduce', 'table1', '--out', out]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^resnet56-cifar10 +64 > 10 +855,770 \/ 855,770 +0\.07 \/ 0\.07 +– \/ 93\.03 +– \/ 93\.14 +– \/ 200$/m,
    );
    expect(stdout).toMatch(/^shufflenet-imagenet +960 < 1000 +1,826,555 \/ 1,826,555 +52\.56 \/ 52\.56 /m);
    expect(stdout).toContain('All parameter columns agree with the published ones');
    expect(stdout).toContain('Published accuracies are recalled from the paper and were not checked');
    expect(stdout).toMatch(
      /cifar-100 is not on this machine .*so densenet100-cifar100 was not trained.*fixhead data fetch cifar-100/,
    );
    expect(stdout).toMatch(
      /imagenet is not on this machine .*so resnet50-imagenet, densenet169-imagenet and shufflenet-imagenet were not/,
    );
    expect(stdout).toContain('Nothing was trained: the data of none of these rows is on this machine.');
    expect(await readdir(folder)).toEqual([]);
  });

  it('prints one JSON document with exactly the promised keys', async () => {
    const result = await cli([
      'reproduce',
      'table1',
      '--rows',
      'shufflenet-imagenet',
      '--dry-run',
      '--json',
      '--epochs',
      '9',
    ]);
    expect(result.code).toBe(0);
    expect(documentOf(result)).toStrictEqual({
      source: text,
      caveat: text,
      rows: [
        {
          id: 'shufflenet-imagenet',
          model: 'shufflenet',
          dataset: 'imagenet',
          features: 960,
          classes: 1000,
          state: 'missing',
          parameters: { ours: 1_826_555, published: 1_826_555, printed: '1,826,555', matches: true },
          share: { ours: number, published: number, printed: '52.56', matches: true },
          trainedWithFixedHead: 866_555,
          learned: { head: 'learned', ours: null, published: number, printed: '65.9' },
          fixed: { head: 'hadamard', ours: null, published: number, printed: '65.4' },
          recipe: 'paper-imagenet',
          epochs: { ours: 9, paper: 90 },
          comparable: false,
          notes: texts,
          folder: null,
        },
      ],
      missing: [{ dataset: 'imagenet', rows: ['shufflenet-imagenet'], places: texts, howToGet: text }],
      files: null,
    });
  });

  it('refuses an unknown row with the nearest, and a folder that is not ImageNet', async () => {
    const unknown = await cli(['reproduce', 'table1', '--rows', 'resnet50-imagnet']);
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toMatch(/unknown row resnet50-imagnet; choose from .*; did you mean resnet50-imagenet\?/);
    const other = await cli(['reproduce', 'table1', '--rows', 'resnet50-imagenet', '--imagenet', folder]);
    expect(other).toMatchObject({ code: 1, stdout: '' });
    expect(other.stderr).toMatch(/not ImageNet; expected train\/ and val\//);
  });
});
