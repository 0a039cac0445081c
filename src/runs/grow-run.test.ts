import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, quick, temporaryFolder, writeImages } from '../../test/support/cli.ts';
import { cpuRuntime } from '../../test/support/onnx-runtime.ts';
import { noAugmentation } from '../data/prepare-batch.ts';
import { cosineSchedule } from '../optim/schedule.ts';
import { recipe } from '../train/recipe.ts';
import { readCheckpoint } from '../train/checkpoint.ts';
import { runPaths } from '../train/run-folder.ts';
import { planGrowth } from './grow.ts';
import { startGrowth } from './grow-run.ts';
import { resumeTraining } from './training-run.ts';

/** A run of three classes on assigned vectors, and images of a fourth. */
async function started(): Promise<{ folder: string; run: string; fresh: string }> {
  const folder = await temporaryFolder();
  const all = await writeImages(join(folder, 'all'), { classes: ['a', 'b', 'c', 'd'], perClass: 12 });
  const old = join(folder, 'old');
  await mkdir(old);
  for (const name of ['a', 'b', 'c']) await rename(join(all, name), join(old, name));
  const run = join(folder, 'run');
  const argv = ['train', old, ...quick, '--epochs', '3', '--head', 'coset', '--assign', '1', '--out', run, '--quiet'];
  expect(await cli(argv)).toMatchObject({ code: 0 });
  return { folder, run, fresh: join(all, 'd') };
}

const short = recipe('default', {
  epochs: 2,
  batchSize: 8,
  learningRate: 0.05,
  schedule: cosineSchedule({}),
  augmentation: noAugmentation,
  assignment: [],
});

describe('startGrowth', () => {
  it('goes on from the run’s weights, and from an interruption as if there had been none', async () => {
    const { folder, run, fresh } = await started();
    const runtime = await cpuRuntime();
    const division = { seed: 0, onUnreadable: 'fail' } as const;
    const settings = { path: run, class: 'd', folder: fresh, ...division, recipe: short };
    const growth = await planGrowth(settings, { runtime });
    const options = { runtime, dataWorkers: 0 };

    const stop = new AbortController();
    const cut = join(folder, 'cut');
    const interrupted = await startGrowth(cut, growth, settings, {
      ...options,
      signal: stop.signal,
      onEvent: ({ kind }) => {
        if (kind === 'start') stop.abort();
      },
    });
    expect(interrupted.run.result.status).toBe('interrupted');
    expect(interrupted.scores).toBeUndefined();
    const resumed = await resumeTraining(cut, options);
    expect(resumed.result.status).toBe('finished');

    const whole = join(folder, 'whole');
    const { scores } = await startGrowth(whole, growth, settings, options);
    expect(scores).toMatchObject({ old: { classes: 3, after: 1 }, new: { accuracy: 1 } });
    expect(await readFile(runPaths(cut).model)).toEqual(await readFile(runPaths(whole).model));

    // Old classes keep their vectors, as the table of slots says; the new one has the one that was chosen.
    const [before, after] = await Promise.all(
      [run, whole].map(async (each) => {
        const { tensors } = (await readCheckpoint(runPaths(each).last)).checkpoint;
        return [...(tensors.get('head.codes')?.data ?? [])].map(Number);
      }),
    );
    expect(after?.at(-1)).toBe(growth.choice.slot);
    if (before !== undefined && before.length > 0) expect(after?.slice(0, 3)).toEqual(before);
  }, 60_000);

  it('leaves no run behind that would start from nothing', async () => {
    const { folder, run, fresh } = await started();
    const runtime = await cpuRuntime();
    const settings = { path: run, class: 'd', folder: fresh, seed: 0, onUnreadable: 'fail', recipe: short } as const;
    const growth = await planGrowth(settings, { runtime });
    const next = join(folder, 'next');
    const moving = { ...settings, recipe: { ...short, assignment: [0] } };
    await expect(startGrowth(next, growth, moving, { runtime })).rejects.toThrow(/classes keep their vectors/);
    await expect(stat(next)).rejects.toThrow('ENOENT');
    await expect(startGrowth(run, growth, settings, { runtime })).rejects.toThrow(/cannot grow in its own folder/);
  }, 60_000);
});
