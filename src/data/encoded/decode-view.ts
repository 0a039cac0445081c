import sharp, { type Sharp } from 'sharp';
import { internalError } from '../../core/errors.ts';
import type { ImageShape } from '../dataset.ts';
import type { Crop } from '../resized-crop.ts';

/** What part of an image is seen: its centre, as in validation, or the part that `draw` chooses when it knows the image's size. */
export type EncodedView =
  | { readonly kind: 'centre' }
  | { readonly kind: 'crop'; readonly draw: (size: { readonly height: number; readonly width: number }) => Crop };

/** The whole image before the centre is cut out of it, relative to the centre: 256 pixels for 224. */
const MARGIN = 256 / 224;

/** Reductions that JPEG decoders do while they decode, at a fraction of the work. */
const LOAD_SHRINKS = [8, 4, 2];

let prepared = false;

/**
 * One thread for each image and several images at a time: more images a second than several threads for one image. Nothing is kept, because
 * every image is decoded once an epoch.
 */
function prepareSharp(): void {
  if (prepared) return;
  prepared = true;
  sharp.concurrency(1);
  sharp.cache(false);
}

/**
 * One encoded image as bytes of the given shape, `[channels, height, width]`, planar, 0 … 255: a part of it, scaled with linear interpolation that takes in all
 * pixels where it reduces.
 *
 * - `centre`: scaled until it covers 256/224 of the shape, then the middle (torchvision's `Resize(256)`, `CenterCrop(224)` for 224×224);
 * - `crop`: the part, scaled to the shape whatever its aspect ratio. An image of which a JPEG decoder can give a half, a quarter or an eighth that still
 *   has a pixel for each one asked for is decoded so; the part's edges are then in the right place to a pixel of the result.
 *
 * What is enlarged lies half a pixel of the result off centre, as libvips does it.
 *
 * The EXIF rotation is applied, transparent parts are put on white, colour becomes grey or grey colour, 16-bit samples 8-bit ones.
 *
 * @throws what the decoder throws for bytes that are no image, are damaged or cut short.
 */
export async function decodeView(bytes: Uint8Array, shape: ImageShape, view: EncodedView): Promise<Uint8Array> {
  prepareSharp();
  if (bytes.length === 0) throw new Error('the file is empty');
  const source = sharp(bytes, { failOn: 'error' });
  const { autoOrient, format } = await source.metadata();
  const picture =
    view.kind === 'centre'
      ? centre(source.autoOrient(), autoOrient, shape)
      : await part(source.autoOrient(), autoOrient, shape, view.draw(autoOrient), format === 'jpeg');
  return planar(await finished(picture, shape.channels).toBuffer(), shape);
}

function finished(picture: Sharp, channels: number): Sharp {
  return picture
    .flatten({ background: '#ffffff' })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' });
}

interface Size {
  readonly height: number;
  readonly width: number;
}

function centre(picture: Sharp, { height, width }: Size, target: Size): Sharp {
  const [least, across] = [Math.round(target.height * MARGIN), Math.round(target.width * MARGIN)];
  // The side that fits exactly, and the other rounded down, as torchvision does.
  const scaled =
    width * least >= height * across
      ? { height: least, width: Math.floor((least * width) / height) }
      : { height: Math.floor((across * height) / width), width: across };
  return picture.resize({ ...scaled, fit: 'fill', kernel: 'linear' }).extract({
    left: Math.round((scaled.width - target.width) / 2),
    top: Math.round((scaled.height - target.height) / 2),
    width: target.width,
    height: target.height,
  });
}

async function part(picture: Sharp, whole: Size, target: Size, crop: Crop, jpeg: boolean): Promise<Sharp> {
  const { height, width } = target;
  const shrink = jpeg
    ? LOAD_SHRINKS.find((factor) => crop.width >= factor * width && crop.height >= factor * height)
    : undefined;
  const resize = { height, width, fit: 'fill', kernel: 'linear' } as const;
  if (shrink === undefined) return picture.extract(crop).resize(resize);
  // A part of the image taken first would make the decoder decode it at full size.
  const small = { height: Math.floor(whole.height / shrink), width: Math.floor(whole.width / shrink) };
  const { data, info } = await picture
    .resize({ ...small, fit: 'fill', kernel: 'linear' })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } })
    .extract(scaledCrop(crop, small, whole))
    .resize(resize);
}

function scaledCrop(crop: Crop, small: Size, whole: Size): Crop {
  const [across, down] = [small.width / whole.width, small.height / whole.height];
  const left = Math.min(Math.round(crop.left * across), small.width - 1);
  const top = Math.min(Math.round(crop.top * down), small.height - 1);
  return {
    left,
    top,
    width: Math.max(1, Math.min(Math.round(crop.width * across), small.width - left)),
    height: Math.max(1, Math.min(Math.round(crop.height * down), small.height - top)),
  };
}

/** Decoders give the channels of a pixel together; batches keep whole planes. */
function planar(pixels: Uint8Array, { channels, height, width }: ImageShape): Uint8Array {
  const plane = height * width;
  if (pixels.length !== channels * plane) {
    throw internalError('a decoded image has another size', {
      expected: `${channels * plane} bytes`,
      received: `${pixels.length}`,
    });
  }
  if (channels === 1) return pixels;
  const planes = new Uint8Array(pixels.length);
  for (let channel = 0; channel < channels; channel++) {
    for (let place = 0, from = channel; place < plane; place++, from += channels) {
      planes[channel * plane + place] = pixels[from] ?? 0;
    }
  }
  return planes;
}
