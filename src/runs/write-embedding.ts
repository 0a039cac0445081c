import { usageError } from '../core/errors.ts';
import { kindOf } from '../data/files.ts';
import { embeddingText } from '../embeddings/embedding-text.ts';
import type { WordEmbedding } from '../embeddings/embedding.ts';
import { writeFileAtomically } from '../train/atomic.ts';
import { formatNpy } from './npy.ts';

/** The files of one embedding. */
export interface EmbeddingFiles {
  /** word2vec's text form. */
  readonly text: string;
  /** The vectors `[V, N]` in NumPy's form, float32. */
  readonly npy: string;
  /** The V words, one a line, in the order of the rows. */
  readonly words: string;
}

/** `PATH`, and beside it the same name with `.npy` and `.words.txt` in place of its ending. */
export function embeddingFiles(path: string): EmbeddingFiles {
  const stem = path.replace(/\.(?:txt|vec|npy)$/i, '');
  return {
    text: path.toLowerCase().endsWith('.npy') ? `${stem}.txt` : path,
    npy: `${stem}.npy`,
    words: `${stem}.words.txt`,
  };
}

/** @throws a usage error where one of the files is there, or a folder in its place. */
export async function checkEmbeddingFiles(files: EmbeddingFiles, overwrite: boolean): Promise<void> {
  for (const path of [files.text, files.npy, files.words]) {
    const kind = await kindOf(path);
    if (kind === 'folder')
      throw usageError('a folder, not a file', { where: path, hint: 'name a file, as in --out vectors.txt' });
    if (kind === undefined || overwrite) continue;
    throw usageError('there is a file already', { where: path, hint: 'choose another --out, or --overwrite it' });
  }
}

/** Writes an embedding in word2vec's text form. @throws an input error where it cannot be written; what was there stays then. */
export async function writeEmbeddingText(path: string, embedding: WordEmbedding): Promise<void> {
  const encoder = new TextEncoder();
  await writeFileAtomically(
    path,
    Array.from(embeddingText(embedding), (piece) => encoder.encode(piece)),
  );
}

/** Writes the vectors in NumPy's form and the words beside them. @throws an input error where one cannot be written. */
export async function writeEmbeddingNpy(path: string, wordsPath: string, embedding: WordEmbedding): Promise<void> {
  const { words, size, vectors } = embedding;
  await writeFileAtomically(path, formatNpy(words.length, size, vectors));
  await writeFileAtomically(wordsPath, words.map((word) => `${word}\n`).join(''));
}
