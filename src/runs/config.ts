import { z } from 'zod';
import type { ImageDataset } from '../data/dataset.ts';
import type { GlyphChoice } from '../data/glyphs/choice.ts';
import type { ExtraClass } from '../data/merge.ts';
import type { NormalizationChoice } from '../data/normalization.ts';
import type { Distillation } from '../heads/distillation.ts';
import { headKinds, headSpec, type HeadSpec } from '../heads/spec.ts';
import type { TrainChoice } from '../surgery/index.ts';
import type { JsonObject } from '../train/json.ts';
import { recipe, type Recipe } from '../train/recipe.ts';
import { classesTask, instanceTask, type TaskSpec } from '../train/task.ts';
import type { Run, RunConfig } from '../train/run-folder.ts';
import { optimizer, parseConfig, schedule, withoutUndefined } from './config-shapes.ts';

/** Which data a run was started on: enough to open it again. */
export interface DatasetChoice {
  /** A name or a path, as it was given (a path made absolute). */
  readonly spec: string;
  /** Seed of the validation split, where the data has no split of its own. */
  readonly seed: number;
  readonly validationFraction?: number;
  readonly imageSize?: { readonly height: number; readonly width: number; readonly channels?: 1 | 3 };
  readonly onUnreadable: 'skip' | 'fail';
  /** Whether images are held in memory or decoded when they are asked for; without it they are held. A run that is started with `auto` stores what was chosen. */
  readonly inMemory?: 'auto' | 'always' | 'never';
  /** What pixels are normalised with; measured unless given. */
  readonly normalization?: NormalizationChoice;
  /** For features only: the file of their labels. */
  readonly labels?: string;
  /** A folder of images without classes: a teacher answers for them. */
  readonly unlabelled?: true;
  /** For `glyphs` data only. */
  readonly glyphs?: GlyphChoice;
  /** Classes that were added behind those of the data, each with a folder of its images. */
  readonly extra?: readonly ExtraClass[];
}

/** Everything that decides a training run's result, but for the numbers in the data, which the fingerprint stands for. */
export interface TrainSettings {
  readonly dataset: DatasetChoice;
  readonly model: string;
  /** The model whose classifier is replaced, where the backbone is not one of ours. */
  readonly original?: OriginalChoice;
  readonly head: HeadSpec;
  /** What is learned to tell apart: the classes of the data unless given. */
  readonly task?: TaskSpec;
  readonly recipe: Recipe;
  readonly seed: number;
  /** `auto` takes the fastest lowering of the device, `portable` standard operators only. */
  readonly lowering: 'auto' | 'portable';
}

/** Which model a run took its backbone from, and how. The run folder holds a copy of it. */
export interface OriginalChoice {
  /** The file, as it was given. */
  readonly file: string;
  /** Which of its outputs, and which of its nodes, is the classifier; found where it is not said. */
  readonly output?: string;
  readonly node?: string;
  /** Which of its layers are trained. */
  readonly train: TrainChoice;
  /** Features of an adapter, one linear layer with batch normalisation, between the model and the head; none unless given. */
  readonly adapter?: number;
  /** How its answers are learned besides the labels, or instead of them; not at all unless given. */
  readonly teacher?: Distillation;
}

/** What `config.json` of a training run holds. */
export interface TrainConfig extends TrainSettings {
  readonly task: TaskSpec;
  /** How many classes the head has: those of the data, or one for each training image. */
  readonly headClasses: number;
  readonly fingerprint: string;
  readonly classes: readonly string[];
  readonly image: ImageDataset['image'];
  readonly normalization: ImageDataset['normalization'];
}

/** What `config.json` of a comparison holds: one training run for each head and seed. */
export interface CompareSettings extends Omit<TrainSettings, 'head' | 'seed'> {
  readonly heads: readonly HeadSpec[];
  readonly seeds: readonly number[];
}

/** A comparison's settings with what the opened data adds. */
export interface CompareConfig extends CompareSettings {
  readonly task: TaskSpec;
  readonly fingerprint: string;
}

const count = z.number().int().positive();
const datasetChoice = z.object({
  spec: z.string(),
  seed: z.number().int(),
  validationFraction: z.number().optional(),
  imageSize: z
    .object({ height: count, width: count, channels: z.union([z.literal(1), z.literal(3)]).optional() })
    .optional(),
  onUnreadable: z.enum(['skip', 'fail']),
  unlabelled: z.literal(true).optional(),
  inMemory: z.enum(['auto', 'always', 'never']).optional(),
  normalization: z.enum(['measured', 'imagenet']).optional(),
  labels: z.string().optional(),
  glyphs: z
    .object({
      characters: z.string().optional(),
      minFonts: count.optional(),
      maxClasses: count.optional(),
      heldOutFonts: z.union([z.number(), z.array(z.string())]).optional(),
      fontsPerFamily: count.optional(),
    })
    .optional(),
  extra: z.array(z.object({ class: z.string(), folder: z.string() })).optional(),
});

const head = z
  .object({
    kind: z.enum(headKinds),
    scale: z.union([z.literal('learned'), z.number()]),
    bias: z.union([z.boolean(), z.literal('auto')]),
    loss: z.enum(['cross-entropy', 'cosine']),
    center: z.enum(['auto', 'batch-norm', 'none']).optional(),
    margin: z.object({ kind: z.enum(['cosface', 'arcface']), value: z.number() }).optional(),
    seed: z.number().int().optional(),
    directions: z.enum(['signs', 'gaussian']).optional(),
    exact: z.boolean().optional(),
    signs: z.boolean().optional(),
    file: z.string().optional(),
  })
  .transform(({ kind, bias, ...options }) => {
    // Version 0.1, which had no centring, wrote a fixed head's default bias as true; no head of it had room for 1000 classes.
    const automatic = options.center === undefined && kind !== 'learned' && bias === true;
    return headSpec(kind, { ...withoutUndefined(options), bias: automatic ? 'auto' : bias });
  });

const recipeShape = z
  .object({
    epochs: count,
    batchSize: count,
    learningRate: z.number(),
    optimizer,
    schedule,
    labelSmoothing: z.number(),
    clipNorm: z.number().nullable(),
    augmentation: z
      .object({
        cropPadding: z.number().int().min(0),
        horizontalFlip: z.boolean(),
        rotationDegrees: z.number().optional(),
        scale: z.number().optional(),
        shift: z.number().optional(),
        randomResizedCrop: z
          .object({ scale: z.tuple([z.number(), z.number()]), ratio: z.tuple([z.number(), z.number()]) })
          .optional(),
      })
      .transform(withoutUndefined),
    // Runs of version 0.1 have neither.
    softmax: z
      .discriminatedUnion('kind', [
        z.object({ kind: z.literal('auto') }),
        z.object({ kind: z.literal('full') }),
        z.object({ kind: z.literal('streaming') }),
        z.object({ kind: z.literal('sampled'), bases: count }),
      ])
      .default({ kind: 'auto' }),
    assignment: z.array(z.number().int().min(0)).default([]),
    checkpointActivations: z.literal(true).optional(),
    precision: z.enum(['float32', 'mixed']).optional(),
  })
  .transform((values) => recipe('default', withoutUndefined(values)));

// Runs of version 0.1 have none.
const task = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('classes') }),
    z.object({ kind: z.literal('instance'), neighbours: count, temperature: z.number() }),
  ])
  .default(classesTask)
  .transform((spec) => (spec.kind === 'instance' ? instanceTask(spec) : classesTask));

const original = z
  .object({
    file: z.string(),
    output: z.string().optional(),
    node: z.string().optional(),
    train: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('all') }),
      z.object({ kind: z.literal('blocks'), count }),
      z.object({ kind: z.literal('head') }),
    ]),
    adapter: count.optional(),
    teacher: z.object({ temperature: z.number().positive(), weight: z.number().min(0).max(1) }).optional(),
  })
  .transform(withoutUndefined);

const shared = {
  dataset: datasetChoice,
  model: z.string(),
  task,
  recipe: recipeShape,
  lowering: z.enum(['auto', 'portable']),
};

const trainShape = z.object({
  ...shared,
  head,
  original: original.optional(),
  seed: z.number().int(),
  fingerprint: z.string(),
  classes: z.array(z.string()).min(2),
  headClasses: count.optional(),
  image: z.object({ channels: count, height: count, width: count }),
  normalization: z.object({ mean: z.array(z.number()), std: z.array(z.number()) }),
});

const compareShape = z.object({
  ...shared,
  heads: z.array(head).min(1),
  seeds: z.array(z.number().int()).min(1),
  fingerprint: z.string(),
});

/** The settings of a training run. @throws an input error naming the damaged settings. */
export function trainConfigOf(run: Run): TrainConfig {
  const { original: replaced, ...config } = parseConfig(trainShape, run, 'train');
  return {
    ...config,
    ...(replaced === undefined ? {} : { original: replaced }),
    headClasses: config.headClasses ?? config.classes.length,
    dataset: withoutUndefined(config.dataset) as DatasetChoice,
  };
}

/** The settings of a comparison. @throws an input error naming the damaged settings. */
export function compareConfigOf(run: Run): CompareConfig {
  const config = parseConfig(compareShape, run, 'compare');
  return { ...config, dataset: withoutUndefined(config.dataset) as DatasetChoice };
}

/** Settings as they are stored. They hold plain data only, so JSON keeps them whole. */
export function storedConfig(kind: 'train' | 'compare', settings: TrainConfig | CompareConfig): RunConfig {
  const plain = JSON.parse(JSON.stringify(settings)) as JsonObject;
  return { ...plain, version: 1, kind };
}
