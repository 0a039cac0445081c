import sharp from 'sharp';
import { internalError } from '../core/errors.ts';
import { type Mistake, type ReportInput } from './comparison.ts';

export interface PicturedMistake {
  readonly mistake: Mistake;
  readonly seed: number;
  /** `data:image/png;base64,…` */
  readonly uri: string;
  readonly width: number;
  readonly height: number;
}

/** Longest side of a picture in pixels: small images are enlarged by whole factors up to it, large ones reduced. */
const SIDE = 144;

/**
 * The most confident mistakes of one head over its seeds, worst first. An image that several seeds got wrong in the
 * same way appears once, as its most confident case.
 */
export async function picturedMistakes(
  input: ReportInput,
  head: string,
  limit: number,
): Promise<readonly PicturedMistake[]> {
  const all = input.histories
    .filter((run) => run.head === head)
    .flatMap((run) => run.mistakes.map((mistake) => ({ mistake, seed: run.seed })))
    .sort((a, b) => b.mistake.probability - a.mistake.probability);
  const kept: { readonly mistake: Mistake; readonly seed: number }[] = [];
  for (const candidate of all) {
    if (kept.length === limit) break;
    if (!kept.some((other) => sameMistake(other.mistake, candidate.mistake))) kept.push(candidate);
  }
  return Promise.all(kept.map(async (entry) => ({ ...entry, ...(await picture(entry.mistake)) })));
}

function sameMistake(a: Mistake, b: Mistake): boolean {
  if (a.label !== b.label || a.predicted !== b.predicted) return false;
  if (a.source !== undefined && b.source !== undefined) return a.source === b.source;
  return Buffer.compare(a.pixels, b.pixels) === 0;
}

/** The image as PNG. Three channels are red, green and blue; any other number shows the first channel in grey. */
async function picture(mistake: Mistake): Promise<Omit<PicturedMistake, 'mistake' | 'seed'>> {
  const { channels, height, width, pixels } = mistake;
  const area = height * width;
  if (area === 0 || pixels.length !== channels * area)
    throw internalError('a mistaken image does not have its stated size', {
      expected: `${channels} × ${height} × ${width} bytes`,
      received: `${pixels.length}`,
    });
  const planes = channels === 3 ? 3 : 1;
  const interleaved = new Uint8Array(area * planes);
  for (let pixel = 0; pixel < area; pixel++)
    for (let plane = 0; plane < planes; plane++)
      interleaved[pixel * planes + plane] = pixels[plane * area + pixel] ?? 0;
  const factor = scaleFactor(Math.max(height, width));
  const size = { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
  const png = await sharp(interleaved, { raw: { width, height, channels: planes } })
    .resize({ ...size, fit: 'fill', kernel: factor >= 1 ? 'nearest' : 'lanczos3' })
    .png({ compressionLevel: 9 })
    .toBuffer();
  return { uri: `data:image/png;base64,${png.toString('base64')}`, ...size };
}

function scaleFactor(side: number): number {
  return side <= SIDE ? Math.max(1, Math.floor(SIDE / side)) : SIDE / side;
}
