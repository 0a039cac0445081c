import { inputError } from '../core/errors.ts';
import { kindOf } from '../data/files.ts';
import type { Cut } from '../surgery/index.ts';
import type { Run } from '../train/run-folder.ts';
import { keptVectors, type VectorsByHead } from './class-vectors.ts';
import type { OriginalChoice, TrainConfig } from './config.ts';
import { openOriginal } from './original.ts';

/** What a model is made of besides its settings: things too large for them, which a run keeps as files. */
export interface ModelParts {
  /** Of custom heads. */
  readonly vectors: VectorsByHead;
  /** Of a backbone that comes from a file: the model that was read, cut in front of its classifier. */
  readonly cut?: Cut;
}

/** What a run keeps for its model. @throws an input error where a file of it is missing or damaged. */
export async function keptParts(
  run: Run,
  { head, original }: Pick<TrainConfig, 'head' | 'original'>,
): Promise<ModelParts> {
  const vectors = await keptVectors(run, [head]);
  return original === undefined ? { vectors } : { vectors, cut: await keptOriginal(run, original) };
}

async function keptOriginal({ paths }: Run, choice: OriginalChoice): Promise<Cut> {
  if ((await kindOf(paths.original)) === undefined) {
    throw inputError('the model that this run started from is missing', {
      where: paths.original,
      hint: `start the run again from ${choice.file}`,
    });
  }
  return (await openOriginal(paths.original, choice)).cut;
}
