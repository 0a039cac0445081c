import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { inputError, usageError } from '../core/errors.ts';
import { kindOf, reasonOf } from '../data/files.ts';
import type { OnDataProgress } from '../data/progress.ts';
import { fetchDataset } from '../data/registry.ts';
import { formatHead } from '../heads/parse.ts';
import type { MissingData, ReproductionDocument } from '../report/reproduce-document.ts';
import { renderReproduction } from '../report/reproduce-page.ts';
import { reproductionMarkdown } from '../report/reproduce-table.ts';
import { writeFileAtomically } from '../train/atomic.ts';
import type { TrainEvent } from '../train/events.ts';
import type { Recipe } from '../train/recipe.ts';
import { openRun, runPaths } from '../train/run-folder.ts';
import { resumeComparison, startComparison, type CompareOptions, type Comparison } from './compare.ts';
import { compareConfigOf, type CompareSettings } from './config.ts';
import { fittingRecipe, openChoice } from './prepare.ts';
import { findRowData, type DataPlaces, type RowData } from './reproduce-data.ts';
import { scaledRecipe, type RecipeChanges } from './reproduce-recipe.ts';
import { countRow, reproducedRow, type RowCounts, type RowProgress } from './reproduce-row.ts';
import type { PublishedRow } from './reproduce-rows.ts';

/** Which rows are reproduced, and in what they differ from the paper's training. */
export interface ReproduceSettings extends RecipeChanges, DataPlaces {
  readonly rows: readonly PublishedRow[];
  readonly seeds: readonly number[];
  readonly lowering: CompareSettings['lowering'];
  /** Which paper and table the rows are of, and how sure their figures are. */
  readonly source: string;
  readonly caveat: string;
}

/** A row with all that is known of it before anything is trained. */
export interface PlannedRow {
  readonly row: PublishedRow;
  readonly counts: RowCounts;
  readonly recipe: Recipe;
  readonly data: RowData;
}

/** What a reproduction would do. */
export interface ReproductionPlan {
  readonly settings: ReproduceSettings;
  readonly rows: readonly PlannedRow[];
}

/** Counts the parameters of each row and looks for its data. Trains nothing, reads no image, writes nothing. */
export async function planReproduction(settings: ReproduceSettings): Promise<ReproductionPlan> {
  const rows: PlannedRow[] = [];
  for (const row of settings.rows) {
    rows.push({
      row,
      counts: countRow(row),
      recipe: scaledRecipe(row.recipe, settings),
      data: await findRowData(row, settings),
    });
  }
  return { settings, rows };
}

/** Fetches what is missing and can be fetched; the rest stays missing. @throws as `fetchDataset`. */
export async function fetchMissing(plan: ReproductionPlan, onProgress?: OnDataProgress): Promise<ReproductionPlan> {
  const { cacheDirectory } = plan.settings;
  const wanted = plan.rows.flatMap(({ row, data }) => (data.kind === 'missing' ? [row.data] : []));
  for (const name of new Set(wanted)) {
    if (name === 'imagenet') continue;
    await fetchDataset(name, {
      ...(cacheDirectory === undefined ? {} : { cacheDirectory }),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  }
  return await planReproduction(plan.settings);
}

/** The document of a plan before anything is trained. */
export function plannedDocument(plan: ReproductionPlan): ReproductionDocument {
  return documentOf(plan, new Map(), null);
}

/** What a reproduction needs besides its plan; nothing here changes its result. */
export interface ReproduceOptions extends Omit<CompareOptions, 'onEvent'> {
  /** Called for each event of a row's training runs. */
  readonly onEvent?: (row: string, head: string, seed: number, event: TrainEvent) => void;
  /** Train rows again whose folders hold a comparison of other settings. */
  readonly overwrite?: boolean;
}

/** A reproduction that has ended. */
export interface Reproduction {
  readonly status: 'finished' | 'interrupted';
  readonly document: ReproductionDocument;
}

/**
 * Trains the rows whose data is here, each as a comparison of its learned with its fixed head in `folder/ROW`, and writes `table.md`,
 * `table.html` and `results.json` after each. What an earlier call left in the folder is gone on with: finished runs are read again, a cut one
 * is resumed.
 *
 * @throws a usage error where a row's folder holds a comparison of other settings and `overwrite` is not given; else as `startComparison`.
 */
export async function reproduce(
  folder: string,
  plan: ReproductionPlan,
  options: ReproduceOptions,
): Promise<Reproduction> {
  const root = resolve(folder);
  const starts: Start[] = [];
  // All before the first training: a mistake should not come to light days later.
  for (const planned of plan.rows) {
    const { data } = planned;
    if (data.kind === 'here') starts.push(await startOf(join(root, planned.row.id), planned, data, plan, options));
  }
  const files = {
    folder: root,
    markdown: join(root, 'table.md'),
    page: join(root, 'table.html'),
    results: join(root, 'results.json'),
  };
  const progress = new Map<string, RowProgress>();
  let status: Reproduction['status'] = 'finished';
  for (const start of starts) {
    if (status === 'interrupted') break;
    const result = await trainRow(start, options);
    ({ status } = result);
    const { recipe } = compareConfigOf(await openRun(result.folder));
    progress.set(start.planned.row.id, {
      state: status,
      recipe,
      found: { document: result.document, folder: result.folder, recipe },
    });
    await writeFiles(documentOf(plan, progress, files));
  }
  return { status, document: documentOf(plan, progress, starts.length === 0 ? null : files) };
}

interface Start {
  readonly planned: PlannedRow;
  readonly folder: string;
  readonly kind: 'new' | 'replace' | 'continue';
  readonly settings: CompareSettings;
}

async function startOf(
  folder: string,
  planned: PlannedRow,
  { choice }: RowData & { readonly kind: 'here' },
  { settings: { seeds, lowering, cacheDirectory } }: ReproductionPlan,
  { overwrite = false }: ReproduceOptions,
): Promise<Start> {
  const { row, recipe } = planned;
  const settings: CompareSettings = {
    dataset: choice,
    model: row.model,
    heads: [row.learned, row.fixed],
    seeds,
    recipe,
    lowering,
  };
  const start = { planned, folder, settings };
  if ((await kindOf(runPaths(folder).config)) === undefined) return { ...start, kind: 'new' };
  const stored = compareConfigOf(await openRun(folder));
  const fitting = await asStored(recipe, stored.recipe, settings, cacheDirectory);
  const names = (heads: CompareSettings['heads']): string => heads.map(formatHead).join(', ');
  const texts: readonly (readonly [name: string, before: string, now: string])[] = [
    ['data', stored.dataset.spec, choice.spec],
    ['model', stored.model, row.model],
    ['heads', names(stored.heads), names(settings.heads)],
    ['seeds', stored.seeds.join(', '), seeds.join(', ')],
    ['epochs', String(stored.recipe.epochs), String(fitting.epochs)],
    ['batch size', String(stored.recipe.batchSize), String(fitting.batchSize)],
    ['lowering', stored.lowering, lowering],
  ];
  const different = texts.find(([, before, now]) => before !== now);
  if (different === undefined && isDeepStrictEqual(stored.recipe, fitting)) return { ...start, kind: 'continue' };
  if (overwrite) return { ...start, kind: 'replace' };
  const [name, before, now] = different ?? ['recipe', 'of another version', 'that of this version'];
  throw usageError('the folder holds this row with other settings', {
    where: folder,
    expected: `${name} ${before}, as it was started`,
    received: now,
    hint: 'choose another --out, give the settings it was started with to go on with it, or replace it (--overwrite)',
  });
}

/** The recipe as a comparison stores it: a small training set makes the batch smaller. The data is opened only where that may be so. */
async function asStored(
  recipe: Recipe,
  stored: Recipe,
  { dataset }: CompareSettings,
  cacheDirectory: string | undefined,
): Promise<Recipe> {
  if (stored.batchSize >= recipe.batchSize) return recipe;
  const data = await openChoice(dataset, cacheDirectory === undefined ? {} : { cacheDirectory });
  return fittingRecipe(recipe, data, () => undefined);
}

async function trainRow(
  { planned, folder, kind, settings }: Start,
  { onEvent, overwrite: _, ...options }: ReproduceOptions,
): Promise<Comparison> {
  const compareOptions: CompareOptions = {
    ...options,
    ...(onEvent === undefined
      ? {}
      : {
          onEvent: (head: string, seed: number, event: TrainEvent) => {
            onEvent(planned.row.id, head, seed, event);
          },
        }),
  };
  switch (kind) {
    case 'new':
      return await startComparison(folder, settings, compareOptions);
    case 'replace':
      return await startComparison(folder, settings, { ...compareOptions, overwrite: true });
    case 'continue':
      return await resumeComparison(folder, compareOptions);
    default:
      return kind satisfies never;
  }
}

function documentOf(
  { settings, rows }: ReproductionPlan,
  progress: ReadonlyMap<string, RowProgress>,
  files: ReproductionDocument['files'],
): ReproductionDocument {
  return {
    source: settings.source,
    caveat: settings.caveat,
    rows: rows.map(({ row, counts, recipe, data }) =>
      reproducedRow(
        row,
        counts,
        progress.get(row.id) ?? { state: data.kind === 'missing' ? 'missing' : 'planned', recipe },
      ),
    ),
    missing: missingOf(rows),
    files,
  };
}

function missingOf(rows: readonly PlannedRow[]): readonly MissingData[] {
  const byName = new Map<string, MissingData>();
  for (const { row, data } of rows) {
    if (data.kind !== 'missing') continue;
    const { places, howToGet } = data;
    const known = byName.get(row.data)?.rows ?? [];
    byName.set(row.data, { dataset: row.data, rows: [...known, row.id], places, howToGet });
  }
  return [...byName.values()];
}

async function writeFiles(document: ReproductionDocument): Promise<void> {
  const { files } = document;
  if (files === null) return;
  await mkdir(files.folder, { recursive: true }).catch((error: unknown) => {
    throw inputError('the folder cannot be made', { where: files.folder, received: reasonOf(error), cause: error });
  });
  await writeFileAtomically(files.results, `${JSON.stringify(document, undefined, 2)}\n`);
  await writeFileAtomically(files.markdown, reproductionMarkdown(document));
  await writeFileAtomically(files.page, renderReproduction(document));
}
