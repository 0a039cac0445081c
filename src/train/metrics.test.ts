import { appendFile, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { canMountDisks, withSmallDisk } from '../../test/support/small-disk.ts';
import { openMetrics, readMetrics, truncateMetrics, type MetricRecord } from './metrics.ts';

let folder = '';
let path = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixhead-metrics-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(path, { force: true });
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const stepsInEpoch = 3;

/** The records of a run of `epochs` epochs: what happens after each step depends on the step alone. */
function records(from: number, to: number): MetricRecord[] {
  const steps = Array.from({ length: to - from }, (_, index) => from + index + 1);
  return steps.flatMap((step): MetricRecord[] => [
    { kind: 'step', step, loss: 1 / step, note: 'grün' },
    ...(step % stepsInEpoch === 0 ? [{ kind: 'epoch', step, epoch: step / stepsInEpoch - 1 } as const] : []),
  ]);
}

async function write(lines: readonly MetricRecord[]): Promise<void> {
  await using metrics = await openMetrics(path);
  await metrics.append(...lines);
}

describe('metrics', () => {
  it('are appended line by line, in the order of the calls, and read back exactly', async () => {
    await using metrics = await openMetrics(path);
    await Promise.all(records(0, 20).map((record) => metrics.append(record)));
    await metrics.flush();
    expect(await readMetrics(path)).toEqual(records(0, 20));
    expect((await readFile(path, 'utf8')).split('\n')[0]).toBe('{"kind":"step","step":1,"loss":1,"note":"grün"}');
  });

  it('are none where there is no file', async () => {
    expect(await readMetrics(path)).toEqual([]);
  });

  it('that JSON cannot hold are refused before anything is written', async () => {
    await using metrics = await openMetrics(path);
    const bad = () => metrics.append({ kind: 'step', step: 1, loss: 1 }, { kind: 'step', step: 2, loss: NaN });
    expect(bad).toThrow(/metrics of step 2\.loss: internal: a number that JSON cannot hold; .*received NaN/);
    expect(await readFile(path, 'utf8')).toBe('');
  });

  it('cut at any byte lose only the record that was cut, and go on behind it', async () => {
    await write(records(0, 4));
    const whole = await readFile(path);
    for (let length = 0; length <= whole.length; length++) {
      const cut = whole.subarray(0, length);
      const lines = cut.toString('latin1').split('\n').length - 1;
      await writeFile(path, cut);
      expect(await readMetrics(path)).toEqual(records(0, 4).slice(0, lines));
      await write([{ kind: 'epoch', step: 99 }]);
      expect(await readMetrics(path)).toEqual([...records(0, 4).slice(0, lines), { kind: 'epoch', step: 99 }]);
    }
  });

  it('are an error, with the line, where one in the middle is broken', async () => {
    await write(records(0, 1));
    await appendFile(path, '{"kind":"step","st\n{"kind":"step","step":3}\n');
    const message = /metrics\.jsonl:2: not a metrics record; expected .*, received \{"kind":"step","st; the file was/;
    await expect(readMetrics(path)).rejects.toThrow(message);
    await expect(truncateMetrics(path, 1)).rejects.toThrow(message);
  });

  it.each(['', '[]', '{"kind":"step"}', '{"kind":"other","step":1}', '{"kind":"step","step":-1}', '{"step":1}'])(
    'are an error where a line is %j',
    async (line) => {
      await writeFile(path, `${line}\n`);
      await expect(readMetrics(path)).rejects.toThrow(/metrics\.jsonl:1: not a metrics record/);
    },
  );

  it('of a run that was stopped anywhere, taken back to a checkpoint and resumed are those of an uncut run', async () => {
    const total = 12;
    await write(records(0, total));
    const uncut = await readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(total), fc.nat(uncut.length), async (step, at) => {
        // What is on the disk reaches at least to the checkpoint; where it was cut behind that does not matter.
        const saved = Buffer.from(
          records(0, step)
            .map((record) => `${JSON.stringify(record)}\n`)
            .join(''),
        ).length;
        await writeFile(path, uncut.subarray(0, Math.max(saved, at)));
        await truncateMetrics(path, step);
        await write(records(step, total));
        expect((await readFile(path)).equals(uncut)).toBe(true);
      }),
      { numRuns: 100, seed: 1 },
    );
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('are taken back to before the record of an epoch whose steps are done', async () => {
    await write(records(0, 6));
    await truncateMetrics(path, 6, 1);
    expect(await readMetrics(path)).toEqual(records(0, 6).slice(0, -1));
  });

  it('keep the lines before a write that fails half way', async () => {
    await using metrics = await openMetrics(path);
    await metrics.append(...records(0, 2));
    const handle = await open(folder, 'r');
    await handle.close();
    const handles = Object.getPrototypeOf(handle) as { appendFile(data: Uint8Array): Promise<void> };
    vi.spyOn(handles, 'appendFile').mockImplementationOnce(async (data) => {
      await appendFile(path, data.subarray(0, 10));
      throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
    });
    await expect(metrics.append(...records(2, 3))).rejects.toThrow(
      /metrics\.jsonl: the metrics cannot be written; received EIO: injected/,
    );
    await metrics.append(...records(3, 4));
    expect(await readMetrics(path)).toEqual([...records(0, 2), ...records(3, 4)]);
  });

  it.skipIf(!canMountDisks)('keep whole lines on a disk that is really full', async () => {
    await withSmallDisk(64, async (disk) => {
      const file = join(disk, 'metrics.jsonl');
      await using metrics = await openMetrics(file);
      const record: MetricRecord = { kind: 'step', step: 1, note: 'x'.repeat(9_000) };
      let whole = 0;
      const fill = async () => {
        for (; whole < 20; whole++) await metrics.append(record);
      };
      await expect(fill()).rejects.toThrow(/the metrics cannot be written; received ENOSPC.*disk not full/);
      expect(whole).toBeGreaterThan(3);
      expect(await readMetrics(file)).toHaveLength(whole);
      expect((await readFile(file, 'utf8')).endsWith('}\n')).toBe(true);
    });
  });

  it('say where they cannot be written or read', async () => {
    await expect(openMetrics(join(folder, 'none', 'm'))).rejects.toThrow(
      /none\/m: the metrics cannot be written; .*ENOENT/,
    );
    await expect(readMetrics(folder)).rejects.toThrow(/cannot be read; received EISDIR/);
  });
});
