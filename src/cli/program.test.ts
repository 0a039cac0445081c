import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { cli } from '../../test/support/cli.ts';

describe('help', () => {
  it.each([
    'compare',
    'train',
    'resume',
    'evaluate',
    'predict',
    'inspect',
    'data',
    'data list',
    'data fetch',
    'data verify',
  ])('%s --help has an example of its command and is no failure', async (command) => {
    const result = await cli([...command.split(' '), '--help']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const [name = ''] = command.split(' ');
    expect(result.stdout).toMatch(new RegExp(`^Usage: fixhead ${command}`));
    expect(result.stdout).toMatch(new RegExp(`Examples:\n {2}\\$ fixhead ${name}`));
  });

  it('lists the commands and the exit codes', async () => {
    const { code, stdout } = await cli(['--help']);
    expect(code).toBe(0);
    for (const command of ['compare', 'train', 'resume', 'evaluate', 'predict', 'inspect', 'data']) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command}[ \\[]`, 'm'));
    }
    expect(stdout).toContain('Exit codes: 0 done, 1 failed, 2 wrong use, 130 stopped by Ctrl-C');
  });

  it('is wrong use where nothing was said, and goes to stderr', async () => {
    const result = await cli([]);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toMatch(/^Usage: fixhead/);
  });
});

it('--version is that of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(await cli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

describe('fixhead data', () => {
  it('lists every named dataset as text and as one document', async () => {
    const text = await cli(['data', 'list']);
    expect(text.code).toBe(0);
    for (const name of ['mnist-small', 'mnist', 'fashion-mnist', 'cifar-10', 'cifar-100']) {
      expect(text.stdout).toMatch(new RegExp(`^${name}: `, 'm'));
    }
    const json = await cli(['data', 'list', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      datasets: [{ name: 'mnist-small', available: true }, {}, {}, {}, {}],
    });
  });

  it('verifies what comes with fixhead, and fetching it is nothing to do', async () => {
    const verified = await cli(['data', 'verify', 'mnist-small', '--json']);
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({
      ok: true,
      contents: { classes: 10, train: 8000, validation: 2000 },
    });
    const fetched = await cli(['data', 'fetch', 'mnist-small', '--json']);
    expect(fetched).toMatchObject({ code: 0, stdout: expect.stringContaining('"folder": null') as unknown });
  });

  it('says where datasets are looked for', async () => {
    const { code, stdout } = await cli(['data', 'where', '--data-dir', '/somewhere', '--json']);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { folders: string[] }).folders[0]).toBe('/somewhere');
  });
});
