import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { inputError } from '../core/errors.ts';
import { kindOf } from '../data/files.ts';
import { readPieces } from '../data/text/read-text.ts';
import type { WordEmbedding } from './embedding.ts';
import { headerOf, parseRow, rowSize, type FileHeader } from './file-rows.ts';

/** Word vectors that a file held. */
export interface FileEmbedding extends WordEmbedding {
  /** Words in the file, those that were not kept and repeated ones included. */
  readonly rows: number;
  /** Rows left out because their word had come before: the first one counts. */
  readonly repeated: number;
}

/** How much of a file's beginning tells its form. */
const beginningBytes = 65_536;

/** Forms that are not text, by their first bytes. */
const packed: readonly { readonly bytes: readonly number[]; readonly name: string; readonly hint: string }[] = [
  { bytes: [0x1f, 0x8b], name: 'a gzip file', hint: 'unpack it first: gunzip FILE' },
  { bytes: [0x50, 0x4b, 0x03, 0x04], name: 'a zip archive', hint: 'unpack it first: unzip FILE' },
  { bytes: [0x93, 0x4e, 0x55, 0x4d], name: 'a NumPy array', hint: 'a text file with the words is needed' },
];

/** Says what a file that is not text is; nothing for text. */
async function refuseBinary(path: string): Promise<void> {
  if ((await kindOf(path)) !== 'file') return;
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(beginningBytes), 0, beginningBytes, 0);
  const start = buffer.subarray(0, bytesRead);
  const known = packed.find(({ bytes }) => bytes.every((byte, index) => start[index] === byte));
  const expected = 'text: a word and its numbers on each line';
  if (known !== undefined) {
    throw inputError('not a text file of word vectors', {
      where: path,
      expected,
      received: known.name,
      hint: known.hint,
    });
  }
  const firstLine = start.subarray(0, Math.max(0, start.indexOf(0x0a))).toString('latin1');
  const control = start.some((byte) => byte < 0x09 || (byte > 0x0d && byte < 0x20));
  if (control && headerOf(firstLine) !== undefined) {
    throw inputError('word vectors in the binary form of word2vec, which is not read', {
      where: path,
      expected,
      received: `the line "${firstLine}" and bytes`,
      hint: 'write it as text, with gensim: KeyedVectors.load_word2vec_format(FILE, binary=True).save_word2vec_format("vectors.txt")',
    });
  }
}

/** Rows of numbers whose count is not known before; the memory doubles. */
function growingRows(size: number) {
  let rows = new Float32Array(1024 * size);
  let count = 0;
  return {
    /** Where the next row is written. */
    next: (): Float32Array => {
      if ((count + 1) * size > rows.length) {
        const larger = new Float32Array(2 * rows.length);
        larger.set(rows);
        rows = larger;
      }
      return rows.subarray(count * size, (count + 1) * size);
    },
    accept: (): void => {
      count++;
    },
    all: (): Float32Array => rows.slice(0, count * size),
  };
}

/**
 * Word vectors from a text file: a word and its N numbers on each line, with spaces or tabs between. Told apart by the first
 * line: two whole numbers (rows and N) begin the form of word2vec and fastText (`.vec`); anything else is the form of GloVe,
 * whose first row gives N.
 *
 * The file is read as a stream, so that its size does not matter where `keep` leaves few words. A word may hold spaces (some of
 * GloVe's do); its last N columns are the numbers. Of a repeated word the first row counts. The numbers of words that are not
 * kept are counted but not read.
 *
 * @param keep whether a word is wanted; default all.
 * @throws an input error, with the line where there is one: no such file, empty, packed or binary (word2vec's `.bin`), not UTF-8, rows
 * with more or fewer numbers than the first one or the header says, numbers that are not finite, more or fewer rows than the header says.
 */
export async function readEmbeddingFile(path: string, keep?: (word: string) => boolean): Promise<FileEmbedding> {
  await refuseBinary(path);
  let header: FileHeader | undefined;
  let size: number | undefined;
  let rows: ReturnType<typeof growingRows> | undefined;
  const seen = new Map<string, number>();
  let [line, count, repeated] = [0, 0, 0];
  let blank: number | undefined;
  for await (const piece of readPieces(path)) {
    for (let begin = 0; begin < piece.length;) {
      const newline = piece.indexOf('\n', begin);
      const end = newline === -1 ? piece.length : newline;
      // Not trim(): it would take spaces of other kinds, which are words in some files.
      const text = piece.slice(begin, end).replace(/[ \t\r]+$/, '');
      begin = end + 1;
      line++;
      const where = `${path}, line ${line}`;
      if (line === 1) {
        header = headerOf(text.replace(/^\uFEFF/, ''));
        if (header !== undefined) {
          size = header.size;
          continue;
        }
      }
      if (text === '') {
        blank ??= line;
        continue;
      }
      if (blank !== undefined) {
        throw inputError('an empty line between word vectors', { where: `${path}, line ${blank}` });
      }
      size ??= rowSize(text, where);
      rows ??= growingRows(size);
      const at = rows.next();
      const word = parseRow(text, size, where, (each) => !seen.has(each) && (keep?.(each) ?? true), at);
      count++;
      if (word.kept) {
        seen.set(word.word, seen.size);
        rows.accept();
      } else if (seen.has(word.word)) repeated++;
    }
  }
  if (size === undefined || rows === undefined) {
    throw inputError('no word vectors', {
      where: path,
      expected: 'a word and its numbers on each line',
      received: `${line} lines`,
    });
  }
  if (header !== undefined && header.rows !== count) {
    throw inputError(
      count < header.rows ? 'not a whole file of word vectors' : 'more word vectors than its first line says',
      {
        where: path,
        expected: `${header.rows} rows, as the first line says`,
        received: `${count}`,
        ...(count < header.rows ? { hint: 'fetch or write the file again' } : {}),
      },
    );
  }
  const form = header === undefined ? 'GloVe’s form' : 'word2vec’s form';
  const facts = [`${count} words of ${size} numbers in ${form}`, ...(repeated > 0 ? [`${repeated} repeated`] : [])];
  return Object.freeze({
    words: [...seen.keys()],
    size,
    vectors: rows.all(),
    method: `${basename(path)} (${facts.join(', ')})`,
    rows: count,
    repeated,
  });
}
