import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { inputError } from '../../core/errors.ts';
import { reasonOf } from '../files.ts';
import { sharedFloats } from '../memory.ts';
import { finite, type Matrix } from './npy-file.ts';

/** The fields of a line of RFC 4180; quoted ones may hold commas and doubled quotes, but no line ends. */
export function fieldsOf(line: string): readonly string[] {
  if (!line.includes('"')) return line.split(',').map((field) => field.trim());
  const fields: string[] = [];
  for (const [, quoted, plain = ''] of line.matchAll(/(?:^|,)(?:\s*"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))/g)) {
    fields.push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
  }
  return fields;
}

/** The lines of a text file with their numbers, counted from 1; empty ones are passed over. */
export async function* linesOf(where: string): AsyncGenerator<readonly [text: string, number: number], void, void> {
  const stream = createReadStream(where, 'utf8');
  let number = 0;
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
      number++;
      const text = number === 1 ? line.replace(/^\uFEFF/, '') : line;
      if (text.trim() !== '') yield [text, number];
    }
  } catch (error) {
    throw inputError('cannot be read', { where, received: reasonOf(error), cause: error });
  } finally {
    stream.destroy();
  }
}

const isNumber = (field: string): boolean => field !== '' && Number.isFinite(Number(field));

/** Features and, where the file has them, the labels of their examples. */
export interface CsvFeatures extends Matrix {
  readonly labels: readonly string[] | undefined;
}

/**
 * A text file with a line of column names, then a line of numbers for each example, with commas between. The labels are in the column called `label` or
 * `class` (in any case), or in the last one; unless they come from elsewhere.
 *
 * @throws an input error with the line for a missing header, a line of another length, and a field that is no finite number.
 */
export async function readCsvFeatures(where: string, labelled: boolean): Promise<CsvFeatures> {
  let header: readonly string[] | undefined;
  let labelColumn = -1;
  let columns = 0;
  let rows = 0;
  let values = new Float32Array(0);
  const labels: string[] = [];
  for await (const [text, line] of linesOf(where)) {
    const fields = fieldsOf(text);
    if (header === undefined) {
      header = fields;
      if (fields.every(isNumber)) {
        throw inputError('no line of column names', { where: `${where}, line ${line}`, received: text.slice(0, 60) });
      }
      const named = fields.findIndex((name) => /^(label|class)$/i.test(name));
      labelColumn = labelled ? (named < 0 ? fields.length - 1 : named) : -1;
      columns = fields.length - (labelled ? 1 : 0);
      if (columns < 1) throw inputError('no column of numbers', { where, received: fields.join(', ') });
      continue;
    }
    if (fields.length !== header.length) {
      throw inputError('a line of another length', {
        where: `${where}, line ${line}`,
        expected: `${header.length} fields, as in the line of column names`,
        received: `${fields.length}`,
      });
    }
    if ((rows + 1) * columns > values.length) {
      const larger = new Float32Array(Math.max(1024 * columns, 2 * values.length));
      larger.set(values);
      values = larger;
    }
    let place = rows * columns;
    fields.forEach((field, column) => {
      if (column === labelColumn) {
        labels.push(field);
        return;
      }
      const value = field === '' ? Number.NaN : Number(field);
      if (Number.isNaN(value)) {
        throw inputError('not a number', {
          where: `${where}, line ${line}, column ${header?.[column] ?? column}`,
          received: JSON.stringify(field),
        });
      }
      values[place++] = finite(value, rows, column, where);
    });
    rows++;
  }
  if (rows === 0)
    throw inputError('no example in the file', { where, expected: 'a line of column names, then examples' });
  const shared = sharedFloats(rows * columns);
  shared.set(values.subarray(0, rows * columns));
  return { rows, columns, values: shared, labels: labelled ? labels : undefined };
}

/** Labels from a text file, one a line; a first line `label` or `class` is a column name. */
export async function readTextLabels(where: string): Promise<readonly string[]> {
  const labels: string[] = [];
  for await (const [text, line] of linesOf(where)) {
    const fields = fieldsOf(text);
    const [label = ''] = fields;
    if (line === 1 && /^(label|class)$/i.test(label)) continue;
    if (fields.length !== 1 || label === '') {
      throw inputError('not one label on a line', { where: `${where}, line ${line}`, received: text.slice(0, 60) });
    }
    labels.push(label);
  }
  return labels;
}
