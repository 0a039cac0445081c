import { usageError } from '../core/errors.ts';
import { assembleDataset } from './assemble.ts';
import type { ImageDataset, ImageShape } from './dataset.ts';
import { readMnistSmall } from './mnist-small.ts';
import type { OnDataProgress } from './progress.ts';

export interface OpenOptions {
  readonly validationFraction?: number;
  readonly seed?: number;
  readonly cacheDirectory?: string;
  readonly imageSize?: ImageShape;
  readonly onUnreadable: 'skip' | 'fail';
  readonly allowDownload: boolean;
  readonly onProgress?: OnDataProgress;
}

/** Opens a dataset by name, or a folder. */
export async function openDataset(spec: string, options: OpenOptions): Promise<ImageDataset> {
  if (spec !== 'mnist-small')
    throw usageError('unknown dataset', { received: JSON.stringify(spec), legal: ['mnist-small'] });
  return assembleDataset(await readMnistSmall(), options);
}
