import type { ImageSet, ImageShape, Normalization } from './dataset.ts';

/** One grey level of 255: a channel that hardly varies is not stretched beyond one unit per level, and never divided by zero. */
const smallestStd = 1 / 255;

/**
 * Mean and standard deviation of each channel over every pixel of every image of `set`, in units of 0 … 1.
 *
 * mean_c = Σ p/255 / n and std_c = √(Σ (p/255)²/n − mean_c²), the population value, where p runs over the n = count·height·width
 * bytes of channel c. The sums are taken over the 256 possible values, weighted by how often each occurs, so they are exact
 * up to the last rounding whatever the number of pixels. std is at least 1/255; a set without images gives mean 0, std 1.
 */
export function measureNormalization(set: ImageSet, image: ImageShape): Normalization {
  const plane = image.height * image.width;
  const mean: number[] = [];
  const std: number[] = [];
  for (let channel = 0; channel < image.channels; channel++) {
    const occurrences = new Float64Array(256);
    for (let index = 0; index < set.count; index++) {
      const start = (index * image.channels + channel) * plane;
      for (let offset = start; offset < start + plane; offset++) {
        const level = set.pixels[offset] ?? 0;
        occurrences[level] = (occurrences[level] ?? 0) + 1;
      }
    }
    const total = set.count * plane;
    let sum = 0;
    let squares = 0;
    occurrences.forEach((times, level) => {
      sum += times * level;
      squares += times * level * level;
    });
    const average = total === 0 ? 0 : sum / total;
    const variance = total === 0 ? 255 ** 2 : squares / total - average ** 2;
    mean.push(average / 255);
    std.push(Math.max(Math.sqrt(Math.max(variance, 0)) / 255, smallestStd));
  }
  return Object.freeze({ mean: Object.freeze(mean), std: Object.freeze(std) });
}
