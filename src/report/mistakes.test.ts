import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { reportInput } from '../../test/support/report-input.ts';
import { type ReportInput } from './comparison.ts';
import { picturedMistakes } from './mistakes.ts';

describe('picturedMistakes', () => {
  it('enlarges a planar RGB image by whole pixels', async () => {
    const input = reportInput({ channels: 3, mistakes: 1, seeds: [0] });
    const [shown] = await picturedMistakes(input, 'learned', 1);
    const original = input.histories[0]?.mistakes[0];
    if (shown === undefined || original === undefined) throw new Error('the made-up input has no mistake');
    const png = Buffer.from(shown.uri.replace('data:image/png;base64,', ''), 'base64');
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([6 * 18, 8 * 18, 3]);
    for (const [row, column] of [
      [0, 0],
      [3, 5],
      [7, 2],
    ] as const)
      for (const inside of [0, 17]) {
        const at = 3 * ((row * 18 + inside) * info.width + column * 18 + inside);
        const expected = [0, 1, 2].map((plane) => original.pixels[plane * 48 + row * 6 + column]);
        expect([...data.subarray(at, at + 3)]).toEqual(expected);
      }
  });

  it('shows an image that several seeds got wrong once, as its most confident case', async () => {
    const input = reportInput({ seeds: [0, 1], mistakes: 3 });
    const histories = input.histories.map((run) => ({
      ...run,
      mistakes: run.mistakes.map((mistake) => ({
        ...mistake,
        probability: mistake.probability - 0.2 * (1 - run.seed),
      })),
    }));
    const shown = await picturedMistakes({ ...input, histories } satisfies ReportInput, 'learned', 10);
    expect(shown.map((entry) => [entry.seed, entry.mistake.label])).toEqual([
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
  });

  it('reduces a large image', async () => {
    const input = reportInput({ heads: ['learned'], seeds: [0], mistakes: 1 });
    const histories = input.histories.map((run) => ({
      ...run,
      mistakes: run.mistakes.map((mistake) => ({
        ...mistake,
        height: 200,
        width: 400,
        pixels: new Uint8Array(80_000),
      })),
    }));
    const [shown] = await picturedMistakes({ ...input, histories }, 'learned', 1);
    expect([shown?.width, shown?.height]).toEqual([144, 72]);
  });
});
