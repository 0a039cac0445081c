import { randomStream } from '../../src/core/random.ts';
import { assembleDataset } from '../../src/data/assemble.ts';
import type { ByteImages, ImageDataset } from '../../src/data/dataset.ts';
import { sharedBytes } from '../../src/data/memory.ts';

export interface SyntheticOptions {
  /** At most 4: one for each quarter of the image. */
  readonly classes?: number;
  readonly train?: number;
  readonly validation?: number;
  readonly channels?: number;
  /** Height and width in pixels, even. */
  readonly size?: number;
}

/** Dark noise with one bright quarter of the image: which one is the class. A network learns it in a few steps. */
function brightQuarters(seed: string, count: number, classes: number, channels: number, size: number): ByteImages {
  const random = randomStream(seed);
  const half = size / 2;
  const pixels = sharedBytes(count * channels * size * size);
  const labels = Int32Array.from({ length: count }, (_, index) => index % classes);
  pixels.forEach((_, place) => {
    const [column, row] = [place % size, Math.floor(place / size) % size];
    const label = labels[Math.floor(place / (channels * size * size))] ?? 0;
    const bright = Math.floor(row / half) * 2 + Math.floor(column / half) === label;
    pixels[place] = random.integer(90) + (bright ? 150 : 0);
  });
  return { kind: 'bytes', count, pixels, labels };
}

/** A small dataset that is always the same: 4 classes, 32 + 16 images of 1×8×8 pixels unless asked otherwise. */
export function syntheticDataset(options: SyntheticOptions = {}): ImageDataset<ByteImages> {
  const { classes = 4, train = 32, validation = 16, channels = 1, size = 8 } = options;
  return assembleDataset({
    name: 'bright quarters',
    classes: Array.from({ length: classes }, (_, index) => `quarter ${index}`),
    image: { channels, height: size, width: size },
    train: brightQuarters('train', train, classes, channels, size),
    validation: brightQuarters('validation', validation, classes, channels, size),
  });
}
