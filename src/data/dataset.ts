import type { EncodedFiles } from './encoded/files.ts';

/**
 * What a dataset is: two sets of labelled images of one size, with what is needed to normalise them.
 * Readers produce it, batches consume it; nothing else in fixhead knows where the images came from.
 */
export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

interface LabelledSet {
  readonly count: number;
  /** `[count]`, each an index into the dataset's classes. */
  readonly labels: Int32Array;
}

/** Images that are held in memory as bytes. */
export interface ByteImages extends LabelledSet {
  readonly kind: 'bytes';
  /** `[count, channels, height, width]`, 0 … 255, planar (all of one channel, then the next). Backed by shared memory so that a worker reads it without a copy. */
  readonly pixels: Uint8Array;
  /** Where each image came from (a path relative to the dataset), where there is such a thing. */
  readonly sources?: readonly string[];
}

/** Numbers that are held in memory as they are: features that another model computed, images of shape `[features, 1, 1]`. */
export interface FloatImages extends LabelledSet {
  readonly kind: 'floats';
  /** `[count, channels, height, width]`, finite, in shared memory. */
  readonly values: Float32Array;
}

/** Image files that are read and decoded each time they are asked for: data that is too large for memory. */
export interface EncodedImages extends LabelledSet {
  readonly kind: 'encoded';
  /** Where the files are; more of them than this set has, where the data was divided. */
  readonly files: EncodedFiles;
  /** `[count]` the places of this set's images among `files`. */
  readonly places: Uint32Array;
  /**
   * What happens to a file that cannot be decoded, which shows only when its turn comes: `fail` is an error that names it; `skip` takes the next readable
   * image of the set in a training batch, and leaves it out of an evaluation.
   */
  readonly onUnreadable: 'skip' | 'fail';
}

/** Images and labels of one split: a closed union by where the pixels are. */
export type ImageSet = ByteImages | FloatImages | EncodedImages;

/**
 * Per-channel mean and standard deviation of the training pixels in units of 0 … 1; a normalised pixel is `(p/255 − mean)/std`, a normalised number of
 * {@link FloatImages} `(v − mean)/std`.
 */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Training and validation images of one size, with their classes. */
export interface ImageDataset<Images extends ImageSet = ImageSet> {
  readonly name: string;
  readonly classes: readonly string[];
  readonly image: ImageShape;
  readonly train: Images;
  readonly validation: Images;
  readonly normalization: Normalization;
  /**
   * SHA-256 (hex) over shapes, classes, labels and pixels of both splits (of files that are decoded when asked for: names, sizes in bytes and labels): what a
   * resumed run must find again.
   */
  readonly fingerprint: string;
  /** What the reader left out and why, for the user to see; empty when nothing was. */
  readonly notes: readonly string[];
}

/**
 * Random changes to training images: in the units of the CIFAR recipe, zero-pad and crop back, mirror with probability ½; and, where asked for, turn, scale and
 * shift about the centre, read between pixels by bilinear interpolation.
 */
export interface Augmentation {
  /** Pixels of padding on each side before a random crop of the original size; 0 for none. */
  readonly cropPadding: number;
  readonly horizontalFlip: boolean;
  /** Turns by an angle uniform in ± this many degrees, 0 … 180; none unless given. */
  readonly rotationDegrees?: number;
  /** Scales by a factor uniform in 1 ± this, 0 ≤ scale < 1; not unless given. */
  readonly scale?: number;
  /** Shifts down and to the right by distances uniform in ± this many pixels, fractions included; not unless given. */
  readonly shift?: number;
  /** Before all of these, a part of the image is cut out and scaled to the full size; see {@link RandomResizedCrop}. Not unless given. */
  readonly randomResizedCrop?: RandomResizedCrop;
}

/**
 * Szegedy et al. 2015, “Going deeper with convolutions”, section 6: a part whose area is a share of the image's uniform in `scale` and whose aspect ratio
 * width / height is log-uniform in `ratio`, at a uniform place, scaled to the size of the images. As torchvision's transform of this name: ten draws, then the
 * largest central part whose aspect ratio is in range.
 */
export interface RandomResizedCrop {
  /** 0 < min ≤ max ≤ 1; [0.08, 1] in the ImageNet recipe. */
  readonly scale: readonly [min: number, max: number];
  /** 0 < min ≤ max; [3/4, 4/3] in the ImageNet recipe. */
  readonly ratio: readonly [min: number, max: number];
}

/** A prepared batch: normalised, ready to be fed. */
export interface Batch {
  /** `[size, channels, height, width]`, normalised. */
  readonly images: Float32Array;
  /** `[size]`; −1 in an evaluation for an image that cannot be decoded and is to be left out: its pixels are 0. */
  readonly labels: Int32Array;
  readonly size: number;
}
