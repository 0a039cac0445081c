import { createHash } from 'node:crypto';
import { inputError, type FixheadError } from '../core/errors.ts';
import { formatShape, sameShape, type StaticShape } from '../core/shape.ts';
import { bytesOf, type HostTensor } from '../core/tensor.ts';
import { writeFileAtomically } from './atomic.ts';
import { decodeJson, encodeJson, isJsonObject, type JsonObject } from './json.ts';
import { encodeSafetensors, readSafetensors } from './safetensors.ts';

/** A training's whole state between two steps: enough to go on as if it had not stopped. */
export interface Checkpoint {
  /** Updates done since the start of the training. */
  readonly step: number;
  /** The epoch that `batch` belongs to, counted from 0. */
  readonly epoch: number;
  /** The next batch within the epoch, counted from 0. */
  readonly batch: number;
  /** Parameters, optimiser state and running statistics by name. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** What else goes on: best accuracy so far, running sums of the epoch. */
  readonly state: JsonObject;
}

/** What a checkpoint was made for: what must be the same when a training goes on from it. */
export interface ModelIdentity {
  readonly model: string;
  readonly head: string;
  /** Fingerprint of the dataset. */
  readonly dataset: string;
  /** The model's parameters and their shapes. */
  readonly parameters: ReadonlyMap<string, StaticShape>;
}

/** A checkpoint as it was read from a file. */
export interface StoredCheckpoint {
  readonly path: string;
  readonly checkpoint: Checkpoint;
  readonly identity: ModelIdentity;
}

const format = 'fixhead-checkpoint';
const version = '1';

/**
 * Writes a checkpoint as one safetensors file; everything that is no tensor is JSON in the file's metadata. The file
 * appears as a whole or not at all. The tensors must not change until the promise is settled.
 *
 * @throws FixheadError of kind `input` when it cannot be written (a full disk: how much is needed); a checkpoint that
 * was at `path` before is whole then.
 */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint, identity: ModelIdentity): Promise<void> {
  const { step, epoch, batch, tensors, state } = checkpoint;
  const texts = {
    progress: encodeJson({ step, epoch, batch }, 'progress'),
    state: encodeJson(state, 'state'),
    identity: encodeJson({ ...identity, parameters: Object.fromEntries(identity.parameters) }, 'identity'),
  };
  const metadata = { format, version, ...texts, sha256: digest(texts, tensors) };
  await writeFileAtomically(path, encodeSafetensors({ tensors, metadata }));
}

/**
 * Reads a checkpoint.
 *
 * @throws FixheadError of kind `input` where the file cannot be read, is damaged (a SHA-256 covers all of its content),
 * is no checkpoint, or comes from a newer version.
 */
export async function readCheckpoint(path: string): Promise<StoredCheckpoint> {
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata['format'] !== format) {
    throw inputError('not a checkpoint', {
      where: path,
      expected: `a safetensors file with the format ${format}`,
      received: metadata['format'] ?? 'one without a format',
    });
  }
  if (metadata['version'] !== version) {
    throw inputError('a checkpoint of another version', {
      where: path,
      expected: version,
      received: metadata['version'] ?? 'none',
      hint: 'use the version of fixhead that wrote it',
    });
  }
  const { progress = '', state = '', identity = '', sha256 = '' } = metadata;
  const found = digest({ progress, state, identity }, tensors);
  if (found !== sha256) throw damaged(path, 'sha256', sha256, found);
  const place = parseProgress(progress, path);
  const parsed = decodeJson(state);
  if (!isJsonObject(parsed)) throw damaged(path, 'state', 'a JSON object', state);
  return { path, checkpoint: { ...place, tensors, state: parsed }, identity: parseIdentity(identity, path) };
}

/** Changes with every bit of the content that matters, and with nothing else. */
function digest(
  texts: { readonly progress: string; readonly state: string; readonly identity: string },
  tensors: ReadonlyMap<string, HostTensor>,
): string {
  const hash = createHash('sha256').update(JSON.stringify([texts.progress, texts.state, texts.identity]));
  for (const [name, value] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(JSON.stringify([name, value.dtype, value.shape])).update(bytesOf(value));
  }
  return hash.digest('hex');
}

function parseProgress(text: string, path: string): Pick<Checkpoint, 'step' | 'epoch' | 'batch'> {
  const value = decodeJson(text);
  if (isJsonObject(value)) {
    const { step, epoch, batch } = value;
    if (isCount(step) && isCount(epoch) && isCount(batch)) return { step, epoch, batch };
  }
  throw damaged(path, 'progress', 'step, epoch and batch', text);
}

function parseIdentity(text: string, path: string): ModelIdentity {
  const value = decodeJson(text);
  if (isJsonObject(value)) {
    const { model, head, dataset, parameters } = value;
    if (typeof model === 'string' && typeof head === 'string' && typeof dataset === 'string') {
      const shapes = isJsonObject(parameters) ? Object.entries(parameters) : [];
      if (isJsonObject(parameters) && shapes.every((entry): entry is [string, StaticShape] => isShape(entry[1]))) {
        return { model, head, dataset, parameters: new Map(shapes) };
      }
    }
  }
  throw damaged(path, 'identity', 'model, head, dataset and parameters', text);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isShape(value: unknown): value is StaticShape {
  return Array.isArray(value) && value.every(isCount);
}

function damaged(path: string, what: string, expected: string, received: string): FixheadError {
  return inputError(`the checkpoint is damaged: wrong ${what}`, {
    where: path,
    expected,
    received: received.length <= 80 ? received : `${received.slice(0, 77)}...`,
    hint: 'go on from another checkpoint of the run, or start the run again',
  });
}

/**
 * Checks that a checkpoint is one of this model on this data.
 *
 * @throws FixheadError of kind `input` naming everything that differs, a few parameters at most.
 */
export function checkIdentity(stored: StoredCheckpoint, expected: ModelIdentity): void {
  const { path, identity } = stored;
  const differing = (['model', 'head', 'dataset'] as const).filter((key) => identity[key] !== expected[key]);
  if (differing.length > 0) {
    throw inputError(`the checkpoint is of another ${differing.join(' and ')}`, {
      where: path,
      expected: differing.map((key) => `${key} ${expected[key]}`).join(' and '),
      received: differing.map((key) => `${key} ${identity[key]}`).join(' and '),
      hint: 'resume a run with the settings it was started with',
    });
  }
  checkShapes('parameter', identity.parameters, expected.parameters, path);
}

/**
 * Checks that a checkpoint has exactly the tensors that a training needs, in their shapes.
 *
 * @throws FixheadError of kind `input` naming the missing, unexpected and differently shaped ones, a few of each.
 */
export function checkCheckpointFits(stored: StoredCheckpoint, expected: ReadonlyMap<string, StaticShape>): void {
  const found = new Map([...stored.checkpoint.tensors].map(([name, value]) => [name, value.shape]));
  checkShapes('tensor', found, expected, stored.path);
}

function checkShapes(
  kind: string,
  found: ReadonlyMap<string, StaticShape>,
  expected: ReadonlyMap<string, StaticShape>,
  where: string,
): void {
  const missing = [...expected.keys()].filter((name) => !found.has(name));
  const unexpected = [...found.keys()].filter((name) => !expected.has(name));
  const reshaped = [...expected].flatMap(([name, shape]) => {
    const other = found.get(name);
    if (other === undefined || sameShape(other, shape)) return [];
    return [`${name} is ${formatShape(other)} and not ${formatShape(shape)}`];
  });
  const problems = [
    ...listed(missing, (count, names) => `${count} ${kind}${plural(count)} missing (${names})`),
    ...listed(unexpected, (count, names) => `${count} unexpected ${kind}${plural(count)} (${names})`),
    ...listed(reshaped, (count, names) => `${count} ${kind}${plural(count)} of another shape (${names})`),
  ];
  if (problems.length === 0) return;
  throw inputError(`the checkpoint does not fit the model: ${problems.join(', ')}`, {
    where,
    hint: 'resume a run with the settings it was started with',
  });
}

function listed(names: readonly string[], phrase: (count: number, names: string) => string): readonly string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, 3).join(', ');
  return [phrase(names.length, names.length > 3 ? `${shown}, …` : shown)];
}

function plural(count: number): string {
  return count === 1 ? '' : 's';
}
