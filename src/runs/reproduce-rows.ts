import { usageError } from '../core/errors.ts';
import { nearestOf } from '../core/suggest.ts';
import type { ImageSize } from '../heads/backbone.ts';
import { parseHead } from '../heads/parse.ts';
import type { HeadSpec } from '../heads/spec.ts';
import type { RecipeName } from '../train/recipe.ts';

/** A row of a published table as data: what was trained on what, and what came out. */
export interface PublishedRow {
  readonly id: string;
  readonly model: string;
  /** A dataset that is known by name, or ImageNet, which everyone must get for themselves. */
  readonly data: 'cifar-10' | 'cifar-100' | 'imagenet';
  readonly image: ImageSize;
  readonly classes: number;
  /** Images of the published data. */
  readonly images: { readonly train: number; readonly validation: number };
  readonly recipe: RecipeName;
  readonly learned: HeadSpec;
  readonly fixed: HeadSpec;
  /** The head with which the published parameters were counted. */
  readonly counted: HeadSpec;
  readonly published: {
    /** Top-1 accuracy on the validation images, per cent, with the digits that are printed. */
    readonly learned: string;
    readonly fixed: string;
    readonly parameters: number;
    /** N·C as a share of the parameters, per cent, with the digits that are printed. */
    readonly share: string;
  };
  readonly notes: readonly string[];
}

/** Which table {@link tableOne} is. */
export const tableOneSource =
  'Hoffer, Hubara & Soudry, “Fix your classifier: the marginal value of training the last weight layer” (ICLR 2018, arXiv 1801.04540), table 1';

/** How sure its figures are. */
export const tableOneCaveat =
  'Published accuracies are recalled from the paper and were not checked against its text: take them as a guide, not as a citation.';

const learned = parseHead('learned');
const hadamard = parseHead('hadamard');

const cifar = {
  image: { channels: 3, height: 32, width: 32 },
  images: { train: 50_000, validation: 10_000 },
  learned,
  fixed: hadamard,
  counted: learned,
} as const;

const imagenet = {
  ...cifar,
  data: 'imagenet',
  image: { channels: 3, height: 224, width: 224 },
  classes: 1000,
  images: { train: 1_281_167, validation: 50_000 },
} as const;

/**
 * Table 1 of Hoffer, Hubara & Soudry 2018. The authors slice a fixed layer out of a Sylvester matrix, whose order is a power of two: C rows of
 * which the first N columns are kept. What the notes say of that slice is computed from it.
 */
export const tableOne: readonly PublishedRow[] = Object.freeze([
  {
    ...cifar,
    id: 'resnet56-cifar10',
    model: 'resnet56',
    data: 'cifar-10',
    classes: 10,
    recipe: 'paper-cifar',
    published: { learned: '93.03', fixed: '93.14', parameters: 855_770, share: '0.07' },
    notes: ['Shortcuts that change the shape are 1×1 convolutions: with them the parameters are the published ones.'],
  },
  {
    ...cifar,
    id: 'densenet100-cifar100',
    model: 'densenet100-bc12',
    data: 'cifar-100',
    classes: 100,
    recipe: 'paper-cifar-densenet',
    published: { learned: '77.73', fixed: '77.67', parameters: 800_032, share: '4.2' },
    notes: [
      'No Hadamard matrix of order 342 exists. The slice of a 512×512 one has cosines of up to 0.12 between its vectors; our Hadamard head takes a matrix of order 340 on 340 of the 342 features, with cosines of exactly 0.',
    ],
  },
  {
    ...imagenet,
    id: 'resnet50-imagenet',
    model: 'resnet50',
    recipe: 'paper-imagenet',
    published: { learned: '75.3', fixed: '75.3', parameters: 25_557_032, share: '8.01' },
    notes: [],
  },
  {
    ...imagenet,
    id: 'densenet169-imagenet',
    model: 'densenet169',
    recipe: 'paper-imagenet-densenet',
    published: { learned: '76.2', fixed: '76.0', parameters: 14_149_480, share: '11.76' },
    notes: [
      'The slice of a 2048×2048 matrix to 1664 columns has cosines of up to 0.23 between its vectors; ours are rows of a Hadamard matrix of order 1664, with cosines of exactly 0.',
    ],
  },
  {
    ...imagenet,
    id: 'shufflenet-imagenet',
    model: 'shufflenet',
    recipe: 'paper-imagenet',
    counted: parseHead('learned:scale=learned'),
    published: { learned: '65.9', fixed: '65.4', parameters: 1_826_555, share: '52.56' },
    notes: [
      'More classes than features: no 1000 vectors of 960 features are all orthogonal. The slice of a 1024×1024 matrix to 960 columns has cosines of up to 0.07 in size; ours are rows of a Hadamard matrix of order 960 and the negatives of some, with cosines of 0 or, between the two of such a pair, −1.',
      'The published count is that of a learned classifier with one learned scale, one number more than without it.',
      'The paper’s recipe for ShuffleNet is not known to us; this is the one of its ResNet-50.',
    ],
  },
] satisfies readonly PublishedRow[]);

/** The rows of these ids, in the order of the table. @throws a usage error for an unknown id, naming the nearest. */
export function rowsOf(ids: readonly string[], table: readonly PublishedRow[] = tableOne): readonly PublishedRow[] {
  const known = table.map(({ id }) => id);
  for (const id of ids) {
    if (!known.includes(id)) throw usageError(`unknown row ${id}`, { legal: known, ...nearestOf(id, known) });
  }
  return table.filter(({ id }) => ids.includes(id));
}
