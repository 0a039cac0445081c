import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { defined, inputError } from '../../core/errors.ts';
import { reasonOf } from '../files.ts';
import { containerOf, nameOf, placeText, type EncodedFiles } from './files.ts';

/** Reads image files by their place in a table. Archives stay open until it is released. */
export interface FileReader extends AsyncDisposable {
  readonly read: (index: number) => Promise<Uint8Array>;
}

/** A reader of a table's files. Reading one that is gone, or whose archive was cut, is an input error that names it. */
export function openFileReader(files: EncodedFiles): FileReader {
  const handles = new Map<number, Promise<FileHandle>>();
  const handleOf = (container: number): Promise<FileHandle> => {
    const known = handles.get(container);
    if (known !== undefined) return known;
    const opened = open(defined(files.containers[container], 'an archive').path, 'r');
    handles.set(container, opened);
    return opened;
  };
  const fromTar = async (index: number): Promise<Uint8Array> => {
    const handle = await handleOf(files.container[index] ?? 0);
    const length = files.bytes[index] ?? 0;
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await handle.read(bytes, 0, length, files.offset[index] ?? 0);
    if (bytesRead === length) return bytes;
    throw new Error(`the archive ends ${length - bytesRead} bytes too early`);
  };
  return Object.freeze({
    read: async (index: number) => {
      try {
        const container = containerOf(files, index);
        return container.kind === 'tar'
          ? await fromTar(index)
          : await readFile(join(container.path, nameOf(files, index)));
      } catch (error) {
        throw inputError('cannot be read', { where: placeText(files, index), received: reasonOf(error), cause: error });
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(
        [...handles.values()].map((handle) => handle.then((open) => open.close()).catch(() => undefined)),
      );
      handles.clear();
    },
  });
}
