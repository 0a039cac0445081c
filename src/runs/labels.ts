import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inputError } from '../core/errors.ts';
import type { OnnxModel } from '../graph/onnx-read.ts';
import { metadataKeys } from './export.ts';

function labelsFrom(text: string | undefined, where: string): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const problem = { where, expected: 'a JSON list of class names', received: text.slice(0, 40) };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw inputError('labels that cannot be read', { ...problem, cause });
  }
  if (Array.isArray(value) && value.every((label): label is string => typeof label === 'string')) return value;
  throw inputError('labels that cannot be read', problem);
}

/** Labels from the model's metadata, or from `labels.json` beside it. */
export async function labelsOf(path: string, onnx: OnnxModel): Promise<readonly string[] | undefined> {
  const own = onnx.metadata[metadataKeys.labels];
  if (own !== undefined) return labelsFrom(own, `${path}: metadata ${metadataKeys.labels}`);
  const beside = join(dirname(path), 'labels.json');
  return labelsFrom(await readFile(beside, 'utf8').catch(() => undefined), beside);
}
