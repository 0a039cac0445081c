import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { inputError } from '../core/errors.ts';
import type { ImageShape } from './dataset.ts';
import { reasonOf } from './files.ts';

/** The kinds of image file that are read, by the end of the name; animations give their first picture. */
export const imageExtensions: readonly string[] = Object.freeze(
  'jpg jpeg jpe jfif png webp gif tif tiff avif'.split(' '),
);

/**
 * One image file as bytes of the given shape, `[channels, height, width]`, planar, 0 … 255.
 *
 * The EXIF rotation is applied; the image is scaled to cover the shape and what stands over is cut off evenly (the aspect ratio is kept); transparent parts are put on white;
 * colour becomes grey, or grey colour, as `channels` asks; 16-bit samples become 8-bit ones.
 * Throws an input error naming the file for one that is not an image, is damaged or is cut short.
 *
 * @param shape channels 1 (grey) or 3 (sRGB).
 */
export async function decodeImage(file: string, shape: ImageShape): Promise<Uint8Array> {
  const { channels, height, width } = shape;
  const pixels = await decoding(file, (bytes) =>
    open(bytes)
      .autoOrient()
      .resize({ width, height, fit: 'cover', position: 'centre' })
      .flatten({ background: '#ffffff' })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer(),
  );
  const plane = height * width;
  if (pixels.length !== channels * plane) {
    throw inputError('cannot be brought to the shape of the dataset', {
      where: file,
      expected: `${channels * plane} bytes`,
      received: `${pixels.length}`,
    });
  }
  if (channels === 1) return pixels;
  // Decoders give the channels of a pixel together; the dataset keeps whole planes.
  const planar = new Uint8Array(pixels.length);
  for (let place = 0; place < plane; place++) {
    for (let channel = 0; channel < channels; channel++) {
      planar[channel * plane + place] = pixels[place * channels + channel] ?? 0;
    }
  }
  return planar;
}

/** Size as seen (after the EXIF rotation) and whether the file stores colour. */
export interface ImageHeader {
  readonly height: number;
  readonly width: number;
  readonly colour: boolean;
}

/** Reads an image's header only. A file whose header is good can still be cut short. */
export async function readImageHeader(file: string): Promise<ImageHeader> {
  return await decoding(file, headerOf);
}

/** The header of an image in memory. Rejects with the decoder's error for bytes that are no image. */
export async function headerOf(bytes: Uint8Array): Promise<ImageHeader> {
  const { autoOrient, channels, hasAlpha } = await open(bytes).metadata();
  return { height: autoOrient.height, width: autoOrient.width, colour: channels - (hasAlpha ? 1 : 0) >= 3 };
}

/** From memory, because the decoder remembers files by name and would miss that one has changed. */
function open(bytes: Uint8Array): Sharp {
  return sharp(bytes, { failOn: 'error' });
}

async function decoding<T>(file: string, work: (bytes: Uint8Array) => Promise<T>): Promise<T> {
  try {
    const bytes = await readFile(file);
    if (bytes.length === 0) throw new Error('the file is empty');
    return await work(bytes);
  } catch (error) {
    throw inputError('not a readable image', { where: file, received: reasonOf(error), cause: error });
  }
}
