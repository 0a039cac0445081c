import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const root = new URL('..', import.meta.url).pathname;
// The packed package is what users get: ONNX Runtime's optional CUDA download is theirs to choose, and not needed here.
const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };

describe('the packed package in an empty folder', () => {
  let folder = '';
  const fixhead = async (...args: string[]) =>
    await run('npx', ['--no-install', 'fixhead', ...args], { cwd: folder, env, maxBuffer: 1 << 24 });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fixhead-package-'));
    // The build is done by the test command; packing must not build again while other tests use it.
    const { stdout } = await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
      cwd: root,
      env,
    });
    await run('npm', ['init', '-y'], { cwd: folder, env });
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, stdout.trim())], {
      cwd: folder,
      env,
    });
  }, 240_000);

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test('npx fixhead --help shows the commands', async () => {
    const { stdout } = await fixhead('--help');
    for (const command of ['compare', 'train', 'resume', 'evaluate', 'predict', 'inspect', 'data']) {
      expect(stdout).toContain(command);
    }
  });

  test('a tiny training run leaves a model that evaluates as the run says', async () => {
    const args = [
      'train',
      'mnist-small',
      '--model',
      'mlp',
      '--head',
      'hadamard',
      '--epochs',
      '1',
      '--out',
      'run',
      '--json',
    ];
    const { stdout } = await fixhead(...args);
    const trained: unknown = JSON.parse(stdout);
    expect(trained).toMatchObject({ head: 'hadamard' });
    expect(await readdir(join(folder, 'run'))).toEqual(
      expect.arrayContaining(['model.onnx', 'labels.json', 'metrics.jsonl', 'config.json']),
    );
    const evaluated = JSON.parse((await fixhead('evaluate', 'run/model.onnx', 'mnist-small', '--json')).stdout) as {
      accuracy: number;
      count: number;
    };
    expect(evaluated.count).toBe(2000);
    expect(evaluated.accuracy).toBeGreaterThan(0.8);
    expect(trained).toMatchObject({ validationAccuracy: expect.closeTo(evaluated.accuracy, 2) as number });
  }, 120_000);

  test('the library can be imported, with its types', async () => {
    const script =
      "import('fixhead').then(({ createModel, resnet, hadamard }) => console.log(createModel(resnet(8, { channels: 1, height: 8, width: 8 }), hadamard(), 10).head.name))";
    const { stdout } = await run('node', ['-e', script], { cwd: folder, env });
    expect(stdout.trim()).toBe('hadamard');
    expect(await readdir(join(folder, 'node_modules/fixhead/dist'))).toContain('index.d.ts');
  });
});
