import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRun, lockRun, nestedRunFolder, openRun, runPaths, type RunConfig } from './run-folder.ts';

let parent = '';
let folder = '';
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'fixhead-run-'));
  folder = join(parent, 'run');
});
afterEach(async () => {
  await rm(parent, { recursive: true });
});

const config: RunConfig = { version: 1, kind: 'train', seed: 7, head: { kind: 'hadamard' }, rates: [0.1, 0.01] };

async function create(overwrite = false, settings = config): Promise<void> {
  await using _run = await createRun(folder, settings, { overwrite });
}

/** Every file below `folder`, with what is in it. */
async function contents(): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true });
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8').catch(() => undefined)));
  return Object.fromEntries(
    names.flatMap((name, index) => {
      const text = texts[index];
      // A folder cannot be read as a file.
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

describe('createRun', () => {
  it.each(['new', 'new/below/others', 'empty'])('makes a %s folder a run, which can be opened', async (name) => {
    folder = join(parent, name);
    if (name === 'empty') await mkdir(folder);
    await using run = await createRun(folder, config);
    expect(run.config).toEqual(config);
    expect(run.paths).toEqual(runPaths(folder));
    expect(await openRun(folder)).toEqual({ config, paths: runPaths(folder) });
    expect((await readdir(folder)).filter((file) => !file.startsWith('.')).sort()).toEqual([
      'checkpoints',
      'config.json',
    ]);
  });

  it('keeps other processes out until it is disposed of, and lets readers in', async () => {
    {
      await using _run = await createRun(folder, config);
      await expect(lockRun(folder)).rejects.toThrow(/run: in use by this process/);
      await expect(createRun(folder, config, { overwrite: true })).rejects.toThrow(/run: in use by this process/);
      await openRun(folder);
    }
    await using again = await lockRun(folder);
    expect(again.config).toEqual(config);
  });

  it('refuses a folder with a run, naming the ways out, and changes nothing', async () => {
    await create();
    await writeFile(runPaths(folder).metrics, 'old');
    const before = await contents();
    await expect(createRun(folder, { ...config, seed: 8 })).rejects.toThrow(
      `${folder}: the folder holds a run already; choose another folder, go on with the run (fixhead resume ${folder}) or replace it (--overwrite)`,
    );
    expect(await contents()).toEqual(before);
  });

  it('replaces a run when told to, and leaves what is not of a run', async () => {
    await create();
    const { metrics, last, best, model, labels, report, checkpoints } = runPaths(folder);
    for (const file of [metrics, last, best, model, labels, report]) await writeFile(file, 'old');
    await writeFile(join(checkpoints, '.last.safetensors.0123456789ab.tmp'), 'half');
    await writeFile(join(folder, 'notes.txt'), 'mine');
    await writeFile(join(checkpoints, 'keep.safetensors'), 'mine');
    await create(true, { ...config, seed: 8 });
    expect(Object.keys(await contents()).sort()).toEqual(['checkpoints/keep.safetensors', 'config.json', 'notes.txt']);
    expect((await openRun(folder)).config['seed']).toBe(8);
  });

  it.each([false, true])(
    'refuses a folder with other files (overwrite: %s), and does not touch it',
    async (overwrite) => {
      await mkdir(folder);
      await writeFile(join(folder, 'model.onnx'), 'precious');
      await writeFile(join(folder, 'config.json'), '{"version":1,"kind":"train"}');
      const before = await contents();
      await expect(createRun(folder, config, { overwrite })).rejects.toThrow(
        /run: the folder holds files that are not of a run; received config\.json, model\.onnx; choose a new or empty folder/,
      );
      expect(await contents()).toEqual(before);
    },
  );

  it('refuses a file', async () => {
    await writeFile(folder, 'x');
    await expect(createRun(folder, config)).rejects.toThrow(/run: a file is in the place of the run folder/);
  });

  it('says where a folder cannot be made', async () => {
    await writeFile(join(parent, 'file'), 'x');
    await expect(createRun(join(parent, 'file', 'run'), config)).rejects.toThrow(
      /the folder cannot be made; received ENOTDIR/,
    );
  });

  it('starts where a process was killed while it started a run', async () => {
    await mkdir(join(folder, 'checkpoints'), { recursive: true });
    await writeFile(join(folder, '.config.json.0123456789ab.tmp'), '{"ver');
    await writeFile(join(folder, '..lock-0123456789ab.json.0123456789ab.tmp'), '');
    await create();
    expect(Object.keys(await contents()).sort()).toEqual(['..lock-0123456789ab.json.0123456789ab.tmp', 'config.json']);
  });

  it('writes nothing where the settings cannot be kept', async () => {
    await expect(createRun(folder, { ...config, rate: NaN })).rejects.toThrow(/config\.rate: internal: a number that/);
    expect(await readdir(parent)).toEqual([]);
  });
});

describe('openRun and lockRun', () => {
  const refused: readonly [what: string, text: string, message: RegExp][] = [
    ['an empty config.json', '', /config\.json: not valid JSON; received an empty file; the file is damaged/],
    ['a cut config.json', '{"version": 1, "ki', /not valid JSON; received 18 characters, the last ones "\{\\"version/],
    ['a config.json of another program', '{"name":"x"}', /not the settings of a run; .*received an object with name/],
    ['a config.json that is a list', '[1]', /not the settings of a run; .*received something else/],
    [
      'a newer version',
      '{"format":"fixhead-run","version":2,"kind":"x"}',
      /expected version 1, received 2; use the version/,
    ],
    ['no version', '{"format":"fixhead-run","kind":"x"}', /expected version 1, received none/],
    [
      'no kind',
      '{"format":"fixhead-run","version":1}',
      /a run without a kind; expected "kind": a text, received undefined/,
    ],
  ];
  it.each(refused)('refuse %s', async (_, text, message) => {
    await mkdir(folder);
    await writeFile(join(folder, 'config.json'), text);
    await expect(openRun(folder)).rejects.toThrow(message);
    await expect(lockRun(folder)).rejects.toThrow(message);
    expect(await readdir(folder)).toEqual(['config.json']);
  });

  it('refuse what is not a run', async () => {
    await expect(openRun(folder)).rejects.toThrow(/run: not a run; .*received nothing there; give the folder that/);
    await mkdir(folder);
    await expect(openRun(folder)).rejects.toThrow(
      /not a run; expected a folder with a config\.json, received a folder without/,
    );
    await writeFile(join(parent, 'file'), '');
    await expect(openRun(join(parent, 'file'))).rejects.toThrow(/not a run; .*received a file/);
    await mkdir(join(folder, 'config.json'));
    await expect(openRun(folder)).rejects.toThrow(/config\.json: cannot be read; received EISDIR/);
  });

  it('remove the leftovers of killed processes only when they go on with the run', async () => {
    await create();
    const leftovers = [
      join(folder, '.metrics.jsonl.0123456789ab.tmp'),
      join(folder, 'checkpoints', '.last.safetensors.0123456789ab.tmp'),
    ];
    for (const file of leftovers) await writeFile(file, 'half');
    await openRun(folder);
    expect(Object.keys(await contents())).toHaveLength(3);
    await using _run = await lockRun(folder);
    expect(Object.keys(await contents()).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

it('nests the runs of a comparison by head and seed', async () => {
  await using _outer = await createRun(folder, { version: 1, kind: 'compare' });
  const inner = nestedRunFolder(folder, 'hadamard', 3);
  expect(inner).toBe(join(folder, 'hadamard-seed3'));
  await using _inner = await createRun(inner, config);
  expect((await openRun(inner)).config).toEqual(config);
  expect((await openRun(folder)).config.kind).toBe('compare');
});
