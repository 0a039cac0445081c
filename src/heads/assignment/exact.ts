import { linearSumAssignment } from 'linear-sum-assignment';
import { internalError } from '../../core/errors.ts';

/**
 * The slot of each row of benefits that makes the total greatest, all different, exactly (in float64), by shortest
 * augmenting paths (Jonker & Volgenant 1987, for rectangular problems Crouse 2016). Time grows as C²S, and a few copies of
 * the [C, S] float64 benefits are held.
 */
export function exactSlots(rows: readonly Float64Array[]): Uint32Array {
  if (rows.length === 0) return new Uint32Array(0);
  const { rowAssignments } = linearSumAssignment([...rows], { maximaze: true });
  const slots = Uint32Array.from(rowAssignments);
  const width = rows[0]?.length ?? 0;
  if (slots.length !== rows.length || new Set(slots).size !== slots.length || slots.some((slot) => slot >= width))
    throw internalError('the linear assignment solver returned slots that are not all different');
  return slots;
}
