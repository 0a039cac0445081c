import type { ComparisonDocument, HeadComparison } from '../report/comparison.ts';
import { count } from '../report/format.ts';
import type { Counted, ReachedAccuracy, ReproducedRow, RowState } from '../report/reproduce-document.ts';
import { formatHead } from '../heads/parse.ts';
import { countParameters, createModel, modelTensors } from '../heads/model.ts';
import type { HeadSpec } from '../heads/spec.ts';
import { createBackbone } from '../models/registry.ts';
import { recipes, type Recipe } from '../train/recipe.ts';
import type { PublishedRow } from './reproduce-rows.ts';

/** What is counted in a row's model, without any data. */
export interface RowCounts {
  readonly features: number;
  readonly parameters: Counted;
  readonly share: Counted;
  readonly trainedWithFixedHead: number;
}

/** Counts the parameters of a row's model and sets them beside the published ones. */
export function countRow({ model, image, classes, counted, fixed, published }: PublishedRow): RowCounts {
  const backbone = createBackbone(model, image);
  const numbers = (head: HeadSpec) => countParameters(modelTensors(createModel(backbone, head, classes)));
  const { total } = numbers(counted);
  const share = (backbone.features * classes) / total;
  const decimals = published.share.split('.')[1]?.length ?? 0;
  return {
    features: backbone.features,
    parameters: {
      ours: total,
      published: published.parameters,
      printed: count(published.parameters),
      matches: total === published.parameters,
    },
    share: {
      ours: share,
      published: Number(published.share) / 100,
      printed: published.share,
      // The printed digits are cut off in some rows and rounded in others: less than one unit of the last one apart.
      matches: Math.abs(100 * share - Number(published.share)) < 10 ** -decimals,
    },
    trainedWithFixedHead: numbers(fixed).trainable,
  };
}

/** What is known of a row besides its published figures. */
export interface RowProgress {
  readonly state: RowState;
  readonly recipe: Recipe;
  /** What its comparison found, where it was trained. */
  readonly found?: { readonly document: ComparisonDocument; readonly folder: string; readonly recipe: Recipe };
}

/** The row as the tables show it. */
export function reproducedRow(row: PublishedRow, counts: RowCounts, progress: RowProgress): ReproducedRow {
  const { state, found } = progress;
  const recipe = found?.recipe ?? progress.recipe;
  const paper = recipes[row.recipe];
  const differences = differencesFrom(row, recipe, found?.document);
  return {
    id: row.id,
    model: row.model,
    dataset: row.data,
    features: counts.features,
    classes: row.classes,
    state,
    parameters: counts.parameters,
    share: counts.share,
    trainedWithFixedHead: counts.trainedWithFixedHead,
    learned: reached(row.learned, row.published.learned, found?.document),
    fixed: reached(row.fixed, row.published.fixed, found?.document),
    recipe: row.recipe,
    epochs: { ours: recipe.epochs, paper: paper.epochs },
    comparable: differences.length === 0,
    notes: [
      ...(state === 'interrupted' ? ['Stopped before it was finished: the same command goes on.'] : []),
      ...(state === 'missing' || differences.length === 0
        ? []
        : [`Accuracies are not comparable with the published ones: ${differences.join('; ')}.`]),
      ...mismatches(counts),
      ...row.notes,
    ],
    folder: found?.folder ?? null,
  };
}

function reached(head: HeadSpec, printed: string, document: ComparisonDocument | undefined): ReachedAccuracy {
  const name = formatHead(head);
  const found: HeadComparison | undefined = document?.heads.find((each) => each.head === name);
  return {
    head: name,
    ours: found === undefined ? null : { ...found.validationAccuracy, seeds: found.seeds.length },
    published: Number(printed) / 100,
    printed,
  };
}

/** In what our training is not the paper's, as far as its recipe is known. */
function differencesFrom(
  { recipe: name, images, classes }: PublishedRow,
  recipe: Recipe,
  document: ComparisonDocument | undefined,
): readonly string[] {
  const paper = recipes[name];
  const parts: string[] = [];
  if (recipe.epochs !== paper.epochs) parts.push(`${recipe.epochs} of ${paper.epochs} epochs`);
  if (recipe.batchSize !== paper.batchSize) {
    parts.push(`batches of ${recipe.batchSize} images in place of ${paper.batchSize}, at the same learning rate`);
  }
  if (document === undefined) return parts;
  const { train, validation, classes: found } = document.dataset;
  if (train !== images.train || validation !== images.validation) {
    parts.push(
      `${count(train)} training and ${count(validation)} validation images in place of ${count(images.train)} and ${count(images.validation)}`,
    );
  }
  if (found !== classes) parts.push(`${count(found)} classes in place of ${count(classes)}`);
  return parts;
}

function mismatches({ parameters, share }: RowCounts): readonly string[] {
  return [
    ...(parameters.matches
      ? []
      : [`Our model has ${count(parameters.ours)} parameters, the published one ${count(parameters.published)}.`]),
    ...(share.matches
      ? []
      : [
          `The fixed layer is ${(100 * share.ours).toFixed(2)} % of our model and ${share.printed} % of the published one.`,
        ]),
  ];
}
