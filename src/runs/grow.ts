import { stat } from 'node:fs/promises';
import { inputError, usageError } from '../core/errors.ts';
import type { ImageDataset, ImageSet } from '../data/dataset.ts';
import { readClassImages, type ClassImages } from '../data/merge.ts';
import { readOnnx } from '../graph/onnx-read.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import { parseHead, formatHead } from '../heads/parse.ts';
import { growGraph, readHead, roomToGrow, scaleIn, slotsToChooseFrom, type StoredHead } from '../surgery/index.ts';
import { writeFileAtomically } from '../train/atomic.ts';
import { evaluateSession, type Evaluation } from '../train/evaluate.ts';
import { adaptedTo } from './adapt-data.ts';
import { openClassifier, readClassifier, type ClassifierFile, type OpenClassifier } from './classifier-file.ts';
import type { DatasetChoice } from './config.ts';
import { metadataKeys } from './export.ts';
import { chooseSlot, meanFeature, type SlotChoice } from './grow-choose.ts';
import { cosinesWith, probeSets, type ProbeOptions } from './grow-probe.ts';
import { openChoice, reopenDataset, type OpenChoiceOptions } from './prepare.ts';

/** Which class is added to which model. */
export interface GrowSettings {
  /** A run's folder, or an `.onnx` file that fixhead wrote. */
  readonly path: string;
  /** The name of the new class. */
  readonly class: string;
  /** A folder with its images. */
  readonly folder: string;
  /** Data of the old classes; of a run its own, and without any for a file unless given. */
  readonly old?: DatasetChoice;
  /** How the images of the new class are divided; those of a run as its own data. */
  readonly seed: number;
  readonly validationFraction?: number;
  readonly onUnreadable: 'skip' | 'fail';
}

/** What growing needs besides its settings. */
export interface GrowOptions extends OpenChoiceOptions, ProbeOptions {
  /** Receives one line for each decision that a reader should know about. */
  readonly log?: (line: string) => void;
}

/** How the old classes do: accuracies on the old validation images, 0 … 1. */
export interface OldScores {
  readonly classes: number;
  readonly images: number;
  readonly before: number;
  readonly after: number;
  /** Share of these images that are taken for the new class. */
  readonly takenForNew: number;
}

/** How the new class does: the share of its held-out images that are told right; `null` without any. */
export interface NewScores {
  readonly train: number;
  readonly images: number;
  readonly accuracy: number | null;
}

/** A model with one class more, not written yet. */
export interface Growth {
  readonly file: ClassifierFile;
  readonly stored: StoredHead;
  /** The classes, the new one last. */
  readonly labels: readonly string[];
  /** Vector and bias of the new class, and what they reach on training images. */
  readonly choice: SlotChoice;
  /** Vectors of the head, taken and not. */
  readonly slots: number;
  /** Whether the head has a bias for the new class. */
  readonly biased: boolean;
  /** Whether the head's product stayed as it was; see `GrownGraph`. */
  readonly form: 'same' | 'remade';
  readonly bytes: Uint8Array;
  readonly fresh: ClassImages;
  /** The old data, its labels counted as the model counts its classes. */
  readonly old: ImageDataset | undefined;
  readonly scores: { readonly old: OldScores | undefined; readonly new: NewScores };
  readonly notes: readonly string[];
}

/** The head that a file says it has, found in it. @throws a usage error for a file that fixhead did not write. */
export function storedHeadOf({ path, onnx }: ClassifierFile): StoredHead {
  const name = onnx.metadata[metadataKeys.head];
  if (onnx.producer !== 'fixhead' || name === undefined) {
    throw usageError(
      'only a model with a fixed head has unused class vectors, and this is not a file that fixhead wrote',
      {
        where: path,
        hint: `give it a fixed head first: fixhead fix ${path} --data DATA`,
      },
    );
  }
  const sign = onnx.metadata[metadataKeys.sign] === 'signed' ? 'signed' : 'non-negative';
  return readHead(onnx.graph, { spec: parseHead(name), sign, where: path });
}

/** The names of the classes with a new one behind. @throws an error for a file without names, and a name that is empty or there already. */
function withNewLabel({ path, labels }: ClassifierFile, name: string): readonly string[] {
  if (labels === undefined) {
    throw inputError('the model does not say what its classes are called', {
      where: path,
      hint: 'put their names, in order, into a labels.json beside it',
    });
  }
  if (name.trim() === '')
    throw usageError('a class needs a name', { where: '--class', received: JSON.stringify(name) });
  if (labels.includes(name)) {
    throw usageError('the model has this class already', {
      where: '--class',
      received: JSON.stringify(name),
      hint: 'train on more images of it instead, or choose another name',
    });
  }
  return Object.freeze([...labels, name]);
}

/** The old data as the model counts its classes. @throws an input error for classes that the model does not know. */
async function openOld(
  { old, path }: GrowSettings,
  { config, labels = [] }: ClassifierFile,
  { image }: OpenClassifier,
  options: GrowOptions,
): Promise<ImageDataset | undefined> {
  if (old === undefined && config === undefined) return undefined;
  const { channels, height, width } = image;
  const imageSize = { height, width, channels: channels === 1 ? 1 : 3 } as const;
  const opened =
    old !== undefined
      ? await openChoice({ ...old, imageSize }, options)
      : config === undefined
        ? undefined
        : await reopenDataset(config, options);
  if (opened === undefined) return undefined;
  const unknown = opened.classes.filter((name) => !labels.includes(name));
  if (unknown.length > 0) {
    throw inputError('the old data has classes that the model does not know', {
      where: opened.name,
      received: unknown.slice(0, 5).join(', ') + (unknown.length > 5 ? ', …' : ''),
      expected: `classes of ${path}: ${labels.slice(0, 10).join(', ')}${labels.length > 10 ? ', …' : ''}`,
    });
  }
  return adaptedTo(opened, { normalization: opened.normalization, classes: labels });
}

/**
 * Finds an unused vector and a bias for a new class and measures the model with it, on images that nothing was chosen by. Nothing is written.
 *
 * @throws a usage error for a model without a fixed head, a head without room, a class that is there already; an input error for images
 * that are missing or cannot be read, and for a model that gives no usable features for them.
 */
export async function planGrowth(settings: GrowSettings, options: GrowOptions): Promise<Growth> {
  const { runtime, log = () => undefined, onProgress, signal } = options;
  const file = await readClassifier(settings.path);
  if (file.config?.task.kind === 'instance') {
    throw usageError('a model that was trained to tell images apart has no classes', { where: settings.path });
  }
  if (file.config?.dataset.unlabelled === true) {
    throw usageError('the run was trained without labels, so its old classes cannot be measured', {
      where: settings.path,
      hint: `name its model and labelled data: ${settings.path}/model.onnx --old DATA`,
    });
  }
  const labels = withNewLabel(file, settings.class);
  const stored = storedHeadOf(file);
  const room = roomToGrow(stored.model);
  await using before = await openClassifier(runtime, file);
  const { batchSize, image } = before;
  if (batchSize !== undefined && batchSize !== 1) {
    throw inputError(`the model takes exactly ${batchSize} images at a time`, {
      where: file.path,
      hint: 'export it with a free batch size, or with one of 1',
    });
  }
  const { seed, validationFraction, onUnreadable, folder } = settings;
  const fresh = await readClassImages(folder, image, {
    ...{ seed, onUnreadable },
    ...(validationFraction === undefined ? {} : { validationFraction }),
    ...(options.onDataProgress === undefined ? {} : { onProgress: options.onDataProgress }),
  });
  for (const note of fresh.notes) log(`note: ${note}`);
  const old = await openOld(settings, file, before, options);

  const sets = [
    { what: `training images of ${settings.class}`, set: fresh.train as ImageSet },
    ...(old === undefined ? [] : [{ what: 'training images of the old classes', set: old.train }]),
  ];
  const [freshProbed, oldProbed] = await probeSets(file, stored, before, sets, options);
  if (freshProbed === undefined) throw inputError('no images of the new class', { where: folder });
  const { features } = stored.model.head;
  const cosines = async (probed: typeof freshProbed) => ({
    probed,
    cosines: await cosinesWith(runtime, room.pool, meanFeature(probed, features)),
  });
  const biased = stored.weights.has('head.bias');
  const choice = chooseSlot(
    slotsToChooseFrom(stored, room),
    { scale: scaleIn(stored), biased, vector: room.pool.vector },
    await cosines(freshProbed),
    oldProbed === undefined ? undefined : await cosines(oldProbed),
  );

  const { graph, form } = growGraph(stored, room, choice);
  const metadata = {
    ...file.onnx.metadata,
    [metadataKeys.labels]: JSON.stringify(labels),
    [metadataKeys.head]: formatHead(room.spec),
  };
  const bytes = toOnnx(graph, { producer: 'fixhead', metadata });
  const grown: ClassifierFile = { ...file, bytes, onnx: readOnnx(bytes, file.path), labels };
  await using after = await openClassifier(runtime, grown);

  const evaluate = (what: string, model: OpenClassifier, set: ImageSet): Promise<Evaluation> =>
    evaluateSession(model.session, model, set, {
      classes: model.classes,
      ...(model.batchSize === undefined ? {} : { batchSize: model.batchSize }),
      ...(signal === undefined ? {} : { signal }),
      onProgress: (done) => onProgress?.(what, done, set.count),
    });
  const oldScores = async (data: ImageDataset): Promise<OldScores> => {
    const then = await evaluate('old classes before', before, data.validation);
    const now = await evaluate('old classes after', after, data.validation);
    return {
      classes: labels.length - 1,
      images: now.count,
      before: then.accuracy,
      after: now.accuracy,
      takenForNew: predictedAs(now, labels.length - 1) / now.count,
    };
  };
  const newScores = async (): Promise<NewScores> => {
    const { train, validation } = fresh;
    const counts = { train: train.count, images: validation.count };
    if (validation.count === 0) return { ...counts, accuracy: null };
    const own = { ...validation, labels: validation.labels.map(() => labels.length - 1) };
    return { ...counts, accuracy: (await evaluate('the new class', after, own)).accuracy };
  };
  const notes = [...fresh.notes, ...notesOf({ biased, old, form, fresh })];
  for (const note of notes.slice(fresh.notes.length)) log(`note: ${note}`);
  return Object.freeze({
    ...{ file, stored, labels, choice, biased, form, bytes, fresh, old },
    slots: room.pool.slots,
    scores: { old: old === undefined ? undefined : await oldScores(old), new: await newScores() },
    notes,
  });
}

/** How many images were taken for a class. */
export function predictedAs({ confusion }: Pick<Evaluation, 'confusion'>, place: number): number {
  return confusion.reduce((sum, { predicted, count }) => sum + (predicted === place ? count : 0), 0);
}

function notesOf({ biased, old, form, fresh }: Pick<Growth, 'biased' | 'old' | 'form' | 'fresh'>): readonly string[] {
  return [
    ...(biased ? [] : ['the head has no bias, so the new class has none: its vector alone decides']),
    ...(old === undefined
      ? [
          'without data of the old classes (--old DATA) the bias is only a guess that half of the new images win with, and what the old classes lose is not known',
        ]
      : []),
    ...(form === 'remade'
      ? ['the head now computes all vectors that it chooses from, and holds a table of those that classes have']
      : []),
    ...(fresh.validation.count === 0 ? ['one image is too few to hold any out: the new class is not measured'] : []),
  ];
}

/** @throws a usage error where there is a file already, unless it may be replaced. */
export async function checkFree(file: string, overwrite: boolean): Promise<void> {
  const taken = await stat(file).then(
    () => true,
    () => false,
  );
  if (taken && !overwrite) {
    throw usageError('there is a file already', {
      where: file,
      hint: 'choose another name (--out), or replace it (--overwrite)',
    });
  }
}

/** Writes a grown model; the file appears as a whole or not at all. */
export async function writeGrowth(file: string, { bytes }: Pick<Growth, 'bytes'>): Promise<void> {
  await writeFileAtomically(file, bytes);
}
