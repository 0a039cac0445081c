import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { inputError, usageError } from '../core/errors.ts';
import { float32, type HostTensor } from '../core/tensor.ts';
import { kindOf, reasonOf } from '../data/files.ts';
import type { ClassVectors } from '../heads/geometry.ts';
import { formatHead } from '../heads/parse.ts';
import type { HeadSpec } from '../heads/spec.ts';
import { writeFileAtomically } from '../train/atomic.ts';
import type { Run, RunPaths } from '../train/run-folder.ts';
import { encodeSafetensors, readSafetensors } from '../train/safetensors.ts';
import { floatsOf } from './floats.ts';
import { parseNpy } from './npy.ts';

const readers: Readonly<Record<string, (path: string) => Promise<ClassVectors>>> = {
  '.npy': async (path) => parseNpy(await bytesAt(path), path),
  '.csv': async (path) => parseCsv(new TextDecoder().decode(await bytesAt(path)), path),
  '.safetensors': readOnlyTensor,
};

async function bytesAt(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((cause: unknown) => {
    throw inputError('the class vectors cannot be read', { where: path, received: reasonOf(cause), cause });
  });
}

/**
 * A matrix of class vectors, one row a class: a NumPy array (`.npy`, float32 or float64), numbers with commas between (`.csv`, no
 * header line) or the only tensor of a `.safetensors` file.
 *
 * @throws a usage error for a file of another kind; an input error for one that cannot be read, is ragged or holds no numbers.
 */
export async function readClassVectors(path: string): Promise<ClassVectors> {
  const read = readers[extname(path).toLowerCase()];
  if (read !== undefined) return await read(path);
  throw usageError('class vectors in a file of an unknown kind', { where: path, legal: Object.keys(readers) });
}

/** Rows of decimal numbers with commas between. */
function parseCsv(text: string, where: string): ClassVectors {
  const content = text.replace(/^\uFEFF/, '').trimEnd();
  if (content === '') throw inputError('no class vectors', { where, received: 'an empty file' });
  const rows = content.split(/\r\n|\n|\r/).map((line, index) =>
    line.split(',').map((cell, column) => {
      const value = Number(cell);
      if (cell.trim() !== '' && !Number.isNaN(value)) return value;
      throw inputError('not a number', {
        where: `${where}, line ${index + 1}, column ${column + 1}`,
        received: JSON.stringify(cell.slice(0, 40)),
        ...(index === 0 ? { hint: 'there must be no header line and no column of names' } : {}),
      });
    }),
  );
  const features = rows[0]?.length ?? 0;
  const ragged = rows.findIndex((row) => row.length !== features);
  if (ragged >= 0) {
    throw inputError('a row of another length', {
      where: `${where}, line ${ragged + 1}`,
      expected: `${features} numbers, as in line 1`,
      received: String(rows[ragged]?.length),
    });
  }
  return { classes: rows.length, features, data: Float32Array.from(rows.flat()) };
}

function matrixOf(value: HostTensor | undefined, where: string): ClassVectors {
  const [classes, features, ...more] = value?.shape ?? [];
  const data = value === undefined ? undefined : floatsOf(value);
  if (data === undefined || classes === undefined || features === undefined || more.length > 0) {
    throw inputError('not a matrix of class vectors', {
      where,
      expected: 'a floating-point tensor [classes, features]',
      received: value === undefined ? 'none' : `${value.dtype}[${value.shape.join(', ')}]`,
    });
  }
  return { classes, features, data };
}

async function readOnlyTensor(path: string): Promise<ClassVectors> {
  const { tensors } = await readSafetensors(path);
  if (tensors.size !== 1) {
    throw inputError('class vectors must be the only tensor of their file', {
      where: path,
      received: tensors.size === 0 ? 'none' : `${tensors.size}: ${[...tensors.keys()].slice(0, 5).join(', ')}`,
    });
  }
  return matrixOf([...tensors.values()][0], path);
}

/** The class vectors of custom heads, by the heads' names. */
export type VectorsByHead = ReadonlyMap<string, ClassVectors>;

/** The class vectors that heads ask for, from their files; nothing for heads of other kinds. @throws as {@link readClassVectors}. */
export async function vectorsFor(heads: readonly HeadSpec[]): Promise<VectorsByHead> {
  const found = new Map<string, ClassVectors>();
  for (const head of heads) {
    if (head.kind === 'custom') found.set(formatHead(head), await readClassVectors(head.file));
  }
  return found;
}

/** Keeps a copy of these heads' class vectors with a run, so that it stays whole without the files that they came from. */
export async function keepVectors(
  { vectors: path }: RunPaths,
  vectors: VectorsByHead,
  heads: readonly HeadSpec[],
): Promise<void> {
  const names = new Set(heads.map(formatHead));
  const own = [...vectors].filter(([head]) => names.has(head));
  if (own.length === 0) return;
  const tensors = own.map(([head, { classes, features, data }]) => [head, float32([classes, features], data)] as const);
  await writeFileAtomically(path, encodeSafetensors({ tensors: new Map(tensors), metadata: {} }));
}

/** The class vectors that are kept with a run for these heads. @throws an input error where they are missing. */
export async function keptVectors({ paths }: Run, heads: readonly HeadSpec[]): Promise<VectorsByHead> {
  const names = heads.filter(({ kind }) => kind === 'custom').map(formatHead);
  if (names.length === 0) return new Map();
  if ((await kindOf(paths.vectors)) === undefined) {
    throw inputError('the class vectors of this run are missing', {
      where: paths.vectors,
      hint: 'start the run again with --overwrite',
    });
  }
  const { tensors } = await readSafetensors(paths.vectors);
  return new Map(names.map((name) => [name, matrixOf(tensors.get(name), `${paths.vectors}: ${name}`)] as const));
}
