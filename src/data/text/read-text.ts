import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { inputError } from '../../core/errors.ts';
import { kindOf, reasonOf } from '../files.ts';

/** The longest line that is read, in bytes: one string cannot hold much more. */
const longestLine = 256 * 2 ** 20;
const newline = 0x0a;

/**
 * The pieces of a text file in order: whole lines with their ends, about a megabyte at a time, so that files of any size can be read. The last line need not
 * end.
 *
 * @throws an input error that names the file: missing, empty, binary, not UTF-8 (with the offset and the byte), a line above 256 MiB.
 */
export async function* readPieces(file: string): AsyncGenerator<string, void, undefined> {
  const kind = await kindOf(file);
  if (kind !== 'file') {
    throw inputError(kind === 'folder' ? 'a folder, not a text file' : 'no such file', { where: file });
  }
  let waiting: Buffer[] = [];
  let waitingLength = 0;
  let offset = 0;
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
      refuseBinary(chunk, offset + waitingLength, file);
      const end = chunk.lastIndexOf(newline) + 1;
      if (end > 0) {
        const bytes = Buffer.concat([...waiting, chunk.subarray(0, end)]);
        yield decode(bytes, offset, file);
        offset += bytes.length;
        waiting = [];
        waitingLength = 0;
      }
      waiting.push(chunk.subarray(end));
      waitingLength += chunk.length - end;
      if (waitingLength > longestLine) throw tooLong(file, offset);
    }
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw inputError('cannot be read', { where: file, received: reasonOf(error), cause: error });
  }
  if (waitingLength > 0) yield decode(Buffer.concat(waiting), offset, file);
  if (offset + waitingLength === 0) throw inputError('an empty file', { where: file, expected: 'text' });
}

function tooLong(file: string, offset: number): Error {
  return inputError('a line that is too long', {
    where: file,
    expected: `lines of at most ${longestLine / 2 ** 20} MiB`,
    received: `more than that from byte ${offset}`,
    hint: 'put line ends into the text, one at the end of each paragraph',
  });
}

/** @param offset where the chunk begins in the file */
function refuseBinary(chunk: Buffer, offset: number, file: string): void {
  const [first, second] = chunk;
  if (offset === 0 && ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))) {
    throw inputError('not UTF-8 text', {
      where: file,
      received: 'the byte order mark of UTF-16',
      hint: 'save the file as UTF-8',
    });
  }
  const zero = chunk.indexOf(0);
  if (zero < 0) return;
  throw inputError('a binary file, not text', { where: file, received: `a zero byte at offset ${offset + zero}` });
}

/** @param offset where the bytes begin in the file */
function decode(bytes: Buffer, offset: number, file: string): string {
  const bad = isUtf8(bytes) ? undefined : firstMalformed(bytes);
  if (bad !== undefined) {
    const byte = (bytes[bad] ?? 0).toString(16).padStart(2, '0');
    throw inputError('not UTF-8 text', {
      where: file,
      received: `byte 0x${byte} at offset ${offset + bad}, where no character can have it`,
      hint: 'convert the file, for example with: iconv -f WINDOWS-1252 -t UTF-8',
    });
  }
  const text = bytes.toString('utf8');
  return offset === 0 && text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** Where the first sequence begins that is no well-formed UTF-8 (Unicode Standard, table 3-7). */
export function firstMalformed(bytes: Uint8Array): number | undefined {
  const at = (place: number): number => bytes[place] ?? 0;
  const follows = (place: number): boolean => (at(place) & 0xc0) === 0x80;
  let place = 0;
  while (place < bytes.length) {
    const lead = at(place);
    if (lead < 0x80) {
      place++;
      continue;
    }
    const second = at(place + 1);
    let length: number;
    if (lead >= 0xc2 && lead <= 0xdf) length = 2;
    else if (lead >= 0xe0 && lead <= 0xef) length = 3;
    else if (lead >= 0xf0 && lead <= 0xf4) length = 4;
    else return place;
    for (let next = 1; next < length; next++) if (!follows(place + next)) return place;
    // Overlong forms, surrogates, and what is above U+10FFFF.
    if ((lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f)) return place;
    if ((lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f)) return place;
    place += length;
  }
  return undefined;
}
