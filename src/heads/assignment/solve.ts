import { defined } from '../../core/errors.ts';
import type { AssignmentRequest } from './assign.ts';
import { auction } from './auction.ts';
import { extremes, visitBenefits } from './benefit-rows.ts';
import { createCandidates, type CandidateRoom } from './candidates.ts';
import { exactSlots } from './exact.ts';

/** Least raise of a bid as a share of the range of all benefits. */
const AUCTION_PRECISION = 5e-5;

/** What a solver found out. */
export interface Solution {
  /** The slot of each class, −1 for the indifferent. */
  readonly slotOf: Int32Array;
  /** Classes whose benefits are all equal, ascending. */
  readonly indifferent: readonly number[];
  /** Benefit of class i on slot i. */
  readonly own: Float64Array;
  /** Total benefit reached. */
  readonly total: number;
  /** No assignment has a greater total benefit: the total itself where it is exact. */
  readonly limit: number;
}

/** By shortest augmenting paths over all benefits. */
export async function solveExactly(request: AssignmentRequest): Promise<Solution> {
  const { classes, slots, onProgress } = request;
  const own = new Float64Array(classes);
  const slotOf = new Int32Array(classes).fill(-1);
  const indifferent: number[] = [];
  const bidders: number[] = [];
  const rows: Float64Array[] = [];
  let total = 0;
  await visitBenefits({ slots, benefits: request.benefits }, identity(classes), (classIndex, row) => {
    const { least, most } = extremes(row);
    own[classIndex] = row[classIndex] ?? 0;
    if (least === most) {
      indifferent.push(classIndex);
      total += least;
    } else {
      bidders.push(classIndex);
      rows.push(Float64Array.from(row));
    }
    onProgress?.({ stage: 'comparing', done: classIndex + 1, total: classes });
  });
  const chosen = exactSlots(rows);
  for (const [at, classIndex] of bidders.entries()) {
    const slot = defined(chosen[at], 'the slot of a class');
    slotOf[classIndex] = slot;
    total += rows[at]?.[slot] ?? 0;
  }
  onProgress?.({ stage: 'matching', done: classes, total: classes });
  return { slotOf, indifferent, own, total, limit: total };
}

/** By an auction over candidates. */
export async function solveByAuction(request: AssignmentRequest, room?: CandidateRoom): Promise<Solution> {
  const { classes, slots, onProgress } = request;
  const source = { slots, benefits: request.benefits };
  const own = new Float64Array(classes);
  const slotOf = new Int32Array(classes).fill(-1);
  const indifferent: number[] = [];
  const bidders: number[] = [];
  const prices = new Float64Array(slots);
  const candidates = createCandidates(classes, slots, room);
  let lowest = Infinity;
  let highest = -Infinity;
  let indifferentTotal = 0;
  await visitBenefits(source, identity(classes), (classIndex, row) => {
    const { least, most } = extremes(row);
    lowest = Math.min(lowest, least);
    highest = Math.max(highest, most);
    own[classIndex] = row[classIndex] ?? 0;
    if (least === most) {
      indifferent.push(classIndex);
      indifferentTotal += least;
    } else {
      bidders.push(classIndex);
      candidates.list(classIndex, row, prices);
    }
    onProgress?.({ stage: 'comparing', done: classIndex + 1, total: classes });
  });
  const matched = await auction({
    classes: Uint32Array.from(bidders),
    slots,
    candidates,
    prices,
    epsilon: AUCTION_PRECISION * (highest - lowest),
    visit: (some, visit) => visitBenefits(source, some, visit),
    onSettled: (settled) => onProgress?.({ stage: 'matching', done: indifferent.length + settled, total: classes }),
  });
  slotOf.set(matched.slotOf);
  const total = indifferentTotal + matched.total;
  return { slotOf, indifferent, own, total, limit: indifferentTotal + matched.bound };
}

/** 0 … count − 1. */
export function identity(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => index);
}
