export type {
  Augmentation,
  Batch,
  ByteImages,
  EncodedImages,
  FloatImages,
  ImageDataset,
  ImageSet,
  ImageShape,
  Normalization,
  RandomResizedCrop,
} from './dataset.ts';
export type { Container, EncodedFiles } from './encoded/files.ts';
export {
  assembleDataset,
  defaultValidationFraction,
  type HeldDataset,
  type RawDataset,
  type SplitChoice,
} from './assemble.ts';
export {
  batchesInOrder,
  evaluationBatches,
  openBatchLoader,
  trainingBatches,
  type BatchLoader,
  type LoaderActivity,
  type LoaderOptions,
} from './batches.ts';
export { decodeImage, imageExtensions } from './decode-image.ts';
export { openUnlabelledImages, type EncodedOptions } from './encoded/open-encoded.ts';
export { isFeatureSpec } from './features/read-features.ts';
export type { FetchOptions } from './fetch.ts';
export { namedCharacterSets } from './glyphs/characters.ts';
export {
  defaultFontsPerFamily,
  defaultHeldOut,
  defaultMaxClasses,
  isGlyphSpec,
  type GlyphChoice,
} from './glyphs/choice.ts';
export { readImageFolder, type ImageFolderOptions } from './image-folder.ts';
export { largestInferredSide, type ImageSizeChoice } from './image-size.ts';
export { instanceDataset } from './instances.ts';
export { listImages, type ImageListing } from './list-images.ts';
export { dataRoots } from './locations.ts';
export { imageNetNormalization, measureNormalization, type NormalizationChoice } from './normalization.ts';
export { listDatasets, verifyDataset, type DatasetListing, type DatasetReport } from './overview.ts';
export { noAugmentation, prepareBatch, type BatchRecipe } from './prepare-batch.ts';
export type { DataProgress, OnDataProgress } from './progress.ts';
export { fetchDataset, openDataset, type OpenOptions } from './registry.ts';
export { drawResizedCrop, imageNetCrop, type Crop } from './resized-crop.ts';
export { pixelsOf, sourceOf, stratifiedSplit, takeImages, type Split } from './split.ts';
