/**
 * What a dataset is: two sets of labelled images of one size, as bytes, with what is needed to normalise them.
 * Readers produce it, batches consume it; nothing else in fixhead knows where the images came from.
 */
export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Images and labels of one split. */
export interface ImageSet {
  readonly count: number;
  /** `[count, channels, height, width]`, 0 … 255, planar (all of one channel, then the next). Backed by shared memory so that a worker reads it without a copy. */
  readonly pixels: Uint8Array;
  /** `[count]`, each an index into the dataset's classes. */
  readonly labels: Int32Array;
  /** Where each image came from (a path relative to the dataset), where there is such a thing. */
  readonly sources?: readonly string[];
}

/** Per-channel mean and standard deviation of the training pixels in units of 0 … 1; a normalised pixel is `(p/255 − mean)/std`. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Training and validation images of one size, with their classes. */
export interface ImageDataset {
  readonly name: string;
  readonly classes: readonly string[];
  readonly image: ImageShape;
  readonly train: ImageSet;
  readonly validation: ImageSet;
  readonly normalization: Normalization;
  /** SHA-256 (hex) over shapes, classes, labels and pixels of both splits: what a resumed run must find again. */
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
}

/** A prepared batch: normalised, ready to be fed. */
export interface Batch {
  /** `[size, channels, height, width]`, normalised. */
  readonly images: Float32Array;
  /** `[size]` */
  readonly labels: Int32Array;
  readonly size: number;
}
