import { inputError, usageError } from '../../core/errors.ts';

/** Where benefits come from; see `AssignmentRequest`. */
export interface BenefitSource {
  readonly slots: number;
  readonly benefits: (first: number, count: number) => Float32Array | Promise<Float32Array>;
}

/** Numbers in a block of benefits that is held at a time: 16 MB of float32. */
const BLOCK_NUMBERS = 2 ** 22;

/**
 * Calls `visit` with the benefits of each of these classes against all slots, in the order given.
 *
 * @param classes ascending; neighbours are asked for together, and a class that lies alone between two of them comes
 * along unvisited, because one call for three rows costs less than two calls
 * @throws an input error that names the class where a benefit is NaN or infinite
 */
export async function visitBenefits(
  source: BenefitSource,
  classes: Uint32Array,
  visit: (classIndex: number, row: Float32Array) => void,
): Promise<void> {
  const { slots } = source;
  const blockRows = Math.max(1, Math.floor(BLOCK_NUMBERS / slots));
  for (let start = 0; start < classes.length;) {
    const first = classes[start] ?? 0;
    let end = start + 1;
    while (end < classes.length) {
      const next = classes[end] ?? 0;
      if (next - first >= blockRows || next - (classes[end - 1] ?? 0) > 2) break;
      end++;
    }
    const count = (classes[end - 1] ?? 0) - first + 1;
    const block = await source.benefits(first, count);
    if (block.length !== count * slots)
      throw usageError('a block of benefits has the wrong length', {
        where: `benefits(${first}, ${count})`,
        expected: `${count} × ${slots} = ${count * slots} numbers`,
        received: `${block.length}`,
      });
    for (let at = start; at < end; at++) {
      const classIndex = classes[at] ?? 0;
      const row = block.subarray((classIndex - first) * slots, (classIndex - first + 1) * slots);
      checkFinite(row, classIndex);
      visit(classIndex, row);
    }
    start = end;
  }
}

/** Sums of float32 numbers cannot overflow float64, so a sum is finite exactly where every number is. */
function checkFinite(row: Float32Array, classIndex: number): void {
  let sum = 0;
  for (let j = 0; j < row.length; j++) sum += row[j] ?? 0;
  if (Number.isFinite(sum)) return;
  const slot = row.findIndex((benefit) => !Number.isFinite(benefit));
  throw inputError(`the benefit of class ${classIndex} on class vector ${slot} is not a finite number`, {
    received: `${row[slot] ?? NaN}`,
    hint: 'the features that the class means were taken from are probably not finite: look at the loss of the run',
  });
}

/** The smallest and the largest number of a row. */
export function extremes(row: Float32Array): { readonly least: number; readonly most: number } {
  let least = Infinity;
  let most = -Infinity;
  for (let j = 0; j < row.length; j++) {
    const value = row[j] ?? 0;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return { least, most };
}
