import { defined, inputError } from '../../core/errors.ts';

/** What image bytes lie in: a folder of files, or a tar archive that is read by offset. */
export interface Container {
  readonly kind: 'folder' | 'tar';
  readonly path: string;
}

/** One image file before it is put into a table. */
export interface EncodedFile {
  /** Relative to the dataset, with `/` between its parts; of a tar, only a name and never a path on disk. */
  readonly name: string;
  /** Place in the list of containers. */
  readonly container: number;
  /** Byte in the tar at which the file begins; 0 in a folder. */
  readonly offset: number;
  /** Length in bytes. */
  readonly bytes: number;
}

/**
 * Where image files are, as columns in shared memory: a million of them take some 60 MB, once for all worker threads, where strings and objects
 * would be copied to each.
 */
export interface EncodedFiles {
  readonly containers: readonly Container[];
  /** All names as UTF-8, one after the other. */
  readonly names: Uint8Array;
  /** `[n + 1]` where each name begins in `names`. */
  readonly nameStarts: Uint32Array;
  /** `[n]` */
  readonly container: Uint8Array;
  /** `[n]` whole numbers. */
  readonly offset: Float64Array;
  /** `[n]` whole numbers. */
  readonly bytes: Float64Array;
}

/** The table of some files, in their order. @throws an input error for more than 255 containers or 4 GiB of names. */
export function encodedFiles(containers: readonly Container[], files: readonly EncodedFile[]): EncodedFiles {
  const encoder = new TextEncoder();
  const total = files.reduce((sum, { name }) => sum + Buffer.byteLength(name), 0);
  if (containers.length > 255 || total >= 2 ** 32) {
    throw inputError('too many archives or too long names', {
      expected: 'at most 255 archives and 4 GiB of file names',
      received: `${containers.length} archives, ${total} bytes of names`,
    });
  }
  const count = files.length;
  const table = {
    containers: Object.freeze([...containers]),
    names: new Uint8Array(new SharedArrayBuffer(total)),
    nameStarts: new Uint32Array(new SharedArrayBuffer(4 * (count + 1))),
    container: new Uint8Array(new SharedArrayBuffer(count)),
    offset: new Float64Array(new SharedArrayBuffer(8 * count)),
    bytes: new Float64Array(new SharedArrayBuffer(8 * count)),
  };
  let start = 0;
  files.forEach((file, index) => {
    const name = encoder.encode(file.name);
    table.names.set(name, start);
    start += name.length;
    table.nameStarts[index + 1] = start;
    table.container[index] = file.container;
    table.offset[index] = file.offset;
    table.bytes[index] = file.bytes;
  });
  return Object.freeze(table);
}

/** The name of file `index`. */
export function nameOf({ names, nameStarts }: Pick<EncodedFiles, 'names' | 'nameStarts'>, index: number): string {
  // A decoder refuses shared memory, so the bytes are copied.
  return new TextDecoder().decode(names.slice(nameStarts[index] ?? 0, nameStarts[index + 1] ?? 0));
}

/** The container of file `index`. */
export function containerOf({ containers, container }: EncodedFiles, index: number): Container {
  return defined(containers[container[index] ?? 0], 'the container of an image');
}

/** The table's file as it is told to people: its path, or the archive and the name in it. */
export function placeText(files: EncodedFiles, index: number): string {
  const { kind, path } = containerOf(files, index);
  return kind === 'tar' ? `${path}: ${nameOf(files, index)}` : `${path}/${nameOf(files, index)}`;
}
