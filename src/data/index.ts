export type { Augmentation, Batch, ImageDataset, ImageSet, ImageShape, Normalization } from './dataset.ts';
export { assembleDataset, defaultValidationFraction, type RawDataset, type SplitChoice } from './assemble.ts';
export {
  evaluationBatches,
  openBatchLoader,
  trainingBatches,
  type BatchLoader,
  type LoaderOptions,
} from './batches.ts';
export { measureNormalization } from './normalization.ts';
export { noAugmentation, prepareBatch, type BatchRecipe } from './prepare-batch.ts';
export { openDataset, type OpenOptions } from './registry.ts';
export { stratifiedSplit, takeImages, type Split } from './split.ts';
export type { DataProgress, OnDataProgress } from './progress.ts';
