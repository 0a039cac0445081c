import { open, readFile, type FileHandle } from 'node:fs/promises';
import { inputError, type FixheadError } from '../core/errors.ts';
import { reasonOf } from '../data/files.ts';
import { codeOf, writeFileAtomically } from './atomic.ts';
import { decodeJson, encodeJson, isJsonObject, type JsonValue } from './json.ts';

const kinds = ['step', 'epoch', 'assignment'] as const;

/** One line of a run's `metrics.jsonl`. What else it holds is up to who writes it. */
export interface MetricRecord {
  readonly [key: string]: JsonValue;
  /** `step`: after an update; `epoch`: after a pass over the training images; `assignment`: of classes to class vectors. */
  readonly kind: (typeof kinds)[number];
  /** Updates done when it was written, from 1. */
  readonly step: number;
}

/** Adds records to a run's metrics. Calls may overlap; lines stay in the order of the calls. */
export class MetricsWriter {
  readonly #path: string;
  readonly #handle: FileHandle;
  /** Bytes of whole lines. */
  #length: number;
  #queue: Promise<void> = Promise.resolve();

  constructor(path: string, handle: FileHandle, length: number) {
    this.#path = path;
    this.#handle = handle;
    this.#length = length;
  }

  /**
   * Appends one line for each record.
   *
   * @throws FixheadError of kind `input` where the disk is full or broken; the file then has the lines before it.
   */
  append(...records: readonly MetricRecord[]): Promise<void> {
    const lines = records.map((record) => `${encodeJson(record, `metrics of step ${record.step}`)}\n`);
    return this.#enqueue(() => this.#write(new TextEncoder().encode(lines.join(''))));
  }

  /**
   * Makes sure that everything appended so far outlives a power cut. To be called before a checkpoint is written: its
   * run's metrics must reach at least as far as the checkpoint.
   */
  flush(): Promise<void> {
    return this.#enqueue(() => this.#handle.datasync());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue;
    await this.#handle.close();
  }

  #enqueue(action: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(action).catch((error: unknown) => {
      throw unwritable(this.#path, error);
    });
    this.#queue = done.catch(() => undefined);
    return done;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#handle.appendFile(bytes);
    } catch (error) {
      await this.#handle.truncate(this.#length).catch(() => undefined);
      throw error;
    }
    this.#length += bytes.length;
  }
}

/**
 * Opens the metrics at `path` for more records. A line that a crash cut off is removed first.
 *
 * @throws FixheadError of kind `input` where the file cannot be written.
 */
export async function openMetrics(path: string): Promise<MetricsWriter> {
  const bytes = await readOrEmpty(path);
  const length = bytes.lastIndexOf(newline) + 1;
  try {
    const handle = await open(path, 'a');
    if (length < bytes.length) await handle.truncate(length);
    return new MetricsWriter(path, handle, length);
  } catch (error) {
    throw unwritable(path, error);
  }
}

/**
 * The records of a run's metrics, none where there is no file. A last line without its line break is what a crash left
 * of a record, or one that is being written; it is ignored.
 *
 * @throws FixheadError of kind `input` naming the first line that is no record.
 */
export async function readMetrics(path: string): Promise<readonly MetricRecord[]> {
  return (await readLines(path)).map(({ record }) => record);
}

/**
 * Takes a run's metrics back to a checkpoint: drops the records of later steps and, where `finishedEpochs` is given, all
 * but the first so many epoch records. (A run can be stopped between an epoch's last step and its evaluation, so the
 * step alone does not tell whether the epoch's record will be written again.) The kept lines stay as they are, byte for
 * byte. The file is replaced in one step.
 *
 * @throws FixheadError of kind `input` naming a line that is no record, or where the file cannot be written.
 */
export async function truncateMetrics(path: string, step: number, finishedEpochs = Infinity): Promise<void> {
  let epochs = 0;
  const kept = (await readLines(path)).filter(({ record }) => {
    if (record.kind === 'epoch') epochs += 1;
    return record.step <= step && (record.kind !== 'epoch' || epochs <= finishedEpochs);
  });
  await writeFileAtomically(path, kept.map(({ line }) => `${line}\n`).join(''));
}

const newline = 0x0a;

interface Line {
  readonly line: string;
  readonly record: MetricRecord;
}

async function readLines(path: string): Promise<readonly Line[]> {
  const bytes = await readOrEmpty(path);
  // By bytes: a cut within a character must not change the lines before it.
  const text = new TextDecoder().decode(bytes.subarray(0, bytes.lastIndexOf(newline) + 1));
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line, index) => ({ line, record: parseRecord(line, `${path}:${index + 1}`) }));
}

function parseRecord(line: string, where: string): MetricRecord {
  const value = decodeJson(line);
  if (isRecord(value)) return value;
  throw inputError('not a metrics record', {
    where,
    expected: '{"kind":"step", "epoch" or "assignment","step":<number>,…}',
    received: line.length <= 60 ? line : `${line.slice(0, 57)}...`,
    hint: 'the file was changed by something else; put the line right or remove it',
  });
}

function isRecord(value: unknown): value is MetricRecord {
  if (!isJsonObject(value)) return false;
  const { kind, step } = value;
  return kinds.some((known) => known === kind) && Number.isSafeInteger(step) && Number(step) >= 0;
}

async function readOrEmpty(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return new Uint8Array();
    throw inputError('cannot be read', { where: path, received: reasonOf(error), cause: error });
  });
}

function unwritable(path: string, error: unknown): FixheadError {
  return inputError('the metrics cannot be written', {
    where: path,
    received: reasonOf(error),
    hint: 'is the folder there, writable, and the disk not full?',
    cause: error,
  });
}
