import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reportInput } from '../../test/support/report-input.ts';
import { renderCurvesPng, renderReport, writeReport } from './index.ts';

describe('writeReport', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fixhead-report-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('writes the page, replaces an older one and leaves nothing else', async () => {
    const path = join(folder, 'report.html');
    await writeReport(path, reportInput({ heads: ['learned'] }));
    await writeReport(path, reportInput());
    expect(await readFile(path, 'utf8')).toBe(await renderReport(reportInput()));
    expect(await readdir(folder)).toEqual(['report.html']);
  });

  it('keeps the older page when the new one cannot be drawn', async () => {
    const path = join(folder, 'report.html');
    await writeReport(path, reportInput());
    const before = await readFile(path, 'utf8');
    const histories = reportInput().histories.map((run) => ({
      ...run,
      confusion: [{ label: -1, predicted: 0, count: 1 }],
    }));
    await expect(writeReport(path, { ...reportInput(), histories })).rejects.toThrow('does not fit the classes');
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it('names the file that cannot be written', async () => {
    const path = join(folder, 'missing', 'report.html');
    await expect(writeReport(path, reportInput())).rejects.toThrow(`${path}: cannot be written`);
  });
});

describe('renderCurvesPng', () => {
  it('paints both panels in the colours of the heads on white', async () => {
    const png = await renderCurvesPng(reportInput());
    const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([2000, 840]);
    expect([...data.subarray(0, 3)]).toEqual([255, 255, 255]);
    const painted = (half: 0 | 1, [red, green, blue]: readonly [number, number, number]): number => {
      let pixels = 0;
      for (let y = 200; y < 760; y++)
        for (let x = half * 1000; x < half * 1000 + 1000; x++) {
          const at = 3 * (y * info.width + x);
          const distance = [red, green, blue].map((value, channel) => Math.abs(value - (data[at + channel] ?? 0)));
          if (Math.max(...distance) < 12) pixels += 1;
        }
      return pixels;
    };
    for (const half of [0, 1] as const) {
      expect(painted(half, [0x00, 0x72, 0xb2])).toBeGreaterThan(300);
      expect(painted(half, [0xd5, 0x5e, 0x00])).toBeGreaterThan(300);
    }
  });

  it('survives hostile and long head names', async () => {
    const heads = ['<script>&"\'\u0000', 'x'.repeat(300), ...Array.from({ length: 10 }, (_, index) => `head ${index}`)];
    await expect(renderCurvesPng(reportInput({ heads }))).resolves.toBeInstanceOf(Buffer);
  });

  it('says so when there is nothing to draw', async () => {
    await expect(renderCurvesPng(reportInput({ epochs: 0 }))).rejects.toThrow(
      'there are no curves to draw; expected at least one run with one finished epoch',
    );
  });
});
