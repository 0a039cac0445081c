import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeImages } from './support/cli.ts';
import { randomStream } from '../src/core/random.ts';
import { bytesOf } from '../src/core/tensor.ts';
import { readCheckpoint } from '../src/train/checkpoint.ts';
import { readMetrics } from '../src/train/metrics.ts';
import { runPaths } from '../src/train/run-folder.ts';

/** The command line as a process of its own: signals, kill -9 and broken pipes exist only there. */
const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(argv: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr });
    });
  });
  return { child, ended };
}

const run = async (...argv: string[]): Promise<Ended> => await start(argv).ended;

const EPOCHS = 12;
const STEPS = EPOCHS * 12;
let folder: string;
let data: string;
let uncut: string;

const settings = (out: string): string[] => [
  'train',
  data,
  ...['--model', 'resnet8', '--head', 'hadamard', '--epochs', String(EPOCHS), '--batch-size', '8', '--threads', '1'],
  ...['--augment', 'crop=2,flip', '--save-every', '7', '--out', out],
];

/** Waits until the metrics of a run show that it has done so many steps; false if the process ended before. */
async function reaches(out: string, step: number, { child }: { readonly child: ChildProcess }): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    const records = await readMetrics(runPaths(out).metrics);
    if (records.some((record) => record.step >= step)) return true;
    await delay(3);
  }
  return false;
}

/** Everything that a run leaves behind and that must not depend on how often it was stopped. */
async function expectSameResult(out: string, message: string): Promise<void> {
  const [mine, reference] = [await readCheckpoint(runPaths(out).last), await readCheckpoint(runPaths(uncut).last)];
  expect(mine.checkpoint.step, message).toBe(STEPS);
  expect([...mine.checkpoint.tensors.keys()], message).toEqual([...reference.checkpoint.tensors.keys()]);
  for (const [name, value] of reference.checkpoint.tensors) {
    const other = mine.checkpoint.tensors.get(name);
    const same = other !== undefined && Buffer.from(bytesOf(other)).equals(bytesOf(value));
    expect(same, `${message}: ${name}`).toBe(true);
  }
  for (const path of ['metrics', 'model', 'best'] as const) {
    const same = (await readFile(runPaths(out)[path])).equals(await readFile(runPaths(uncut)[path]));
    expect(same, `${message}: ${path}`).toBe(true);
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixhead-e2e-'));
  data = await writeImages(join(folder, 'shapes'), { perClass: 40, side: 12 });
  uncut = join(folder, 'uncut');
  const whole = await run(...settings(uncut));
  expect(whole.stderr).not.toContain('error');
  expect(whole.code).toBe(0);
}, 120_000);

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a run that is stopped', () => {
  it('by kill -9 at any step goes on to the same weights, bit for bit', async () => {
    // Another place every day; the message names it.
    const seed = Number(process.env['FIXHEAD_TEST_SEED'] ?? Math.floor(Date.now() / 86_400_000));
    const random = randomStream(seed, 'kill -9');
    const out = join(folder, 'killed');
    // Twice, the second time in a resumed run.
    const first = 1 + Math.floor(random.uniform() * (STEPS / 2));
    const second = first + 1 + Math.floor(random.uniform() * (STEPS - first - 12));
    const message = `FIXHEAD_TEST_SEED=${seed}, killed after steps ${first} and ${second}`;
    for (const [argv, step] of [
      [settings(out), first],
      [['resume', out, '--threads', '1', '--save-every', '7'], second],
    ] as const) {
      const process = start(argv);
      expect(await reaches(out, step, process), message).toBe(true);
      process.child.kill('SIGKILL');
      expect((await process.ended).signal, message).toBe('SIGKILL');
      expect(await stat(runPaths(out).model).catch(() => 'absent'), message).toBe('absent');
    }
    const resumed = await run('resume', out, '--threads', '1');
    expect(resumed.stderr, message).not.toContain('error');
    expect(resumed.code, message).toBe(0);
    await expectSameResult(out, message);
  }, 120_000);

  it('by Ctrl-C saves, exits with 130 and says how to go on; meanwhile no other process may have the folder', async () => {
    const out = join(folder, 'interrupted');
    const process = start(settings(out));
    expect(await reaches(out, 3, process)).toBe(true);
    process.child.kill('SIGSTOP');
    const second = await run('resume', out);
    process.child.kill('SIGCONT');
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toContain(`in use by process ${String(process.child.pid)}`);
    // Ctrl-C under npm: the terminal sends it, and npm passes it on. Together they are one wish.
    process.child.kill('SIGINT');
    process.child.kill('SIGINT');
    const ended = await process.ended;
    expect(ended).toMatchObject({ code: 130, signal: null, stdout: '' });
    expect(ended.stderr).toContain('stopping after this step');
    expect(ended.stderr).toContain(`fixhead resume ${out}`);
    expect(ended.stderr).not.toMatch(/^ +at /m);
    expect((await run('resume', out, '--threads', '1')).code).toBe(0);
    await expectSameResult(out, 'after SIGINT');
  }, 120_000);

  it('by SIGTERM saves as well and exits with 143', async () => {
    const out = join(folder, 'terminated');
    const process = start(settings(out));
    expect(await reaches(out, 3, process)).toBe(true);
    process.child.kill('SIGTERM');
    expect(await process.ended).toMatchObject({ code: 143, signal: null });
    expect((await readCheckpoint(runPaths(out).last)).checkpoint.step).toBeGreaterThanOrEqual(3);
  }, 60_000);
});

it('a reader that goes away is no failure', async () => {
  const process = start(['inspect', '--model', 'resnet110', '--json']);
  process.child.stdout?.destroy();
  const ended = await process.ended;
  expect(ended.code).toBe(0);
  // What is for people went to stderr as always, and nothing about a pipe.
  expect(ended.stderr).toContain('resnet110 for images of 3×32×32');
  expect(ended.stderr).not.toMatch(/EPIPE|^ +at /m);
}, 30_000);
