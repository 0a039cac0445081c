import type { Candidates } from './candidates.ts';

/** A matching of some classes to slots by auction. */
export interface AuctionRequest {
  /** The classes that take part, ascending, each with a list of candidates; no more than there are slots. */
  readonly classes: Uint32Array;
  readonly slots: number;
  readonly candidates: Candidates;
  /** The prices that the candidates were listed at: all zero. Raised in place. */
  readonly prices: Float64Array;
  /** Least raise of a bid: how far the value of a class's slot may be below its best, in the units of the benefits. */
  readonly epsilon: number;
  /** Calls back with the benefits of each of these classes (ascending) against all slots. */
  readonly visit: (classes: Uint32Array, visit: (classIndex: number, row: Float32Array) => void) => Promise<void>;
  readonly onSettled: (settled: number) => void;
}

export interface AuctionResult {
  /** The slot of each class by its index; −1 for classes that took no part. */
  readonly slotOf: Int32Array;
  /** Total benefit reached. */
  readonly total: number;
  /** No assignment of these classes has a greater total benefit than this. */
  readonly bound: number;
}

/** After this many bids a class the auction takes larger steps, this many times as large. */
const BIDS_PER_CLASS = 1000;
const LARGER_STEP = 4;
/** After this many renewed listings a class the classes still without a slot take the best free one. */
const LISTINGS_PER_CLASS = 10;

/**
 * The forward auction of Bertsekas (1988) from zero prices, with candidate lists.
 *
 * An unmatched class i bids for the slot j of greatest value bᵢⱼ − pⱼ and raises its price by the lead over the second
 * greatest value, plus ε; whoever held the slot is unmatched again. Since no class ever leaves a slot unheld, a slot
 * without a holder still has its price 0, and while a class is unmatched such a slot exists and bounds all prices by the
 * range of the benefits + ε: the auction ends, with every class matched, after at most S·(range/ε + 1) bids. Starting
 * from zero prices instead of scaling ε keeps complementary slackness where S > C: a slot without a holder
 * costs nothing.
 *
 * By linear-programming duality Σᵢ maxⱼ(bᵢⱼ − pⱼ) + Σⱼ pⱼ bounds the total of every assignment from above, for any prices
 * ≥ 0. Unless the work was limited it exceeds the total reached by at most ε a class.
 *
 * Classes with (nearly) equal benefits bid each other up in steps of ε, and exhaust their lists together. So the work is
 * limited: after many bids ε grows fourfold, and after many listings the classes that are left take, one after the other,
 * the free slot of greatest benefit. The bound stays true, and says how much that may have cost.
 *
 * Source: D. P. Bertsekas, “The auction algorithm: a distributed relaxation method for the assignment problem”, Annals of
 * Operations Research 14 (1988).
 */
export async function auction(request: AuctionRequest): Promise<AuctionResult> {
  const { classes, slots, candidates, prices, visit, onSettled } = request;
  const holder = new Int32Array(slots).fill(-1);
  const count = (classes[classes.length - 1] ?? -1) + 1;
  const benefitOf = new Float64Array(count);
  const slotOf = new Int32Array(count).fill(-1);
  // First in, first out, in a ring: never more entries than classes.
  const queue = Uint32Array.from(classes);
  let head = 0;
  let queued = classes.length;
  const enqueue = (classIndex: number): void => {
    queue[(head + queued) % queue.length] = classIndex;
    queued++;
  };
  const give = (classIndex: number, slot: number, benefit: number): void => {
    holder[slot] = classIndex;
    slotOf[classIndex] = slot;
    benefitOf[classIndex] = benefit;
  };
  let epsilon = request.epsilon;
  let bids = 0;
  let listings = 0;
  while (queued > 0) {
    const exhausted: number[] = [];
    while (queued > 0) {
      const bidder = queue[head] ?? 0;
      head = (head + 1) % queue.length;
      queued--;
      const choice = candidates.choose(bidder, prices);
      if (choice === undefined) {
        exhausted.push(bidder);
        continue;
      }
      const { slot } = choice;
      // With one slot in all there is no second value; any raise will do.
      const lead = choice.runnerUp === -Infinity ? 0 : choice.value - choice.runnerUp;
      prices[slot] = (prices[slot] ?? 0) + lead + epsilon;
      const former = holder[slot] ?? -1;
      give(bidder, slot, choice.benefit);
      if (former >= 0) {
        slotOf[former] = -1;
        enqueue(former);
      }
      if (++bids % (BIDS_PER_CLASS * classes.length) === 0) epsilon *= LARGER_STEP;
    }
    onSettled(classes.length - exhausted.length);
    if (exhausted.length === 0) break;
    const again = Uint32Array.from(exhausted).sort();
    listings += again.length;
    if (listings > LISTINGS_PER_CLASS * classes.length) {
      await visit(again, (bidder, row) => {
        const slot = bestFree(row, holder);
        give(bidder, slot, row[slot] ?? 0);
      });
      onSettled(classes.length);
      break;
    }
    await visit(again, (bidder, row) => {
      candidates.list(bidder, row, prices);
    });
    again.forEach(enqueue);
  }

  let total = 0;
  let bound = 0;
  for (const classIndex of classes) {
    total += benefitOf[classIndex] ?? 0;
    bound += candidates.bestValue(classIndex, prices);
  }
  for (const price of prices) bound += price;
  return { slotOf, total, bound };
}

/** The free slot of greatest benefit, the lowest of equals. */
function bestFree(row: Float32Array, holder: Int32Array): number {
  let best = -1;
  for (let slot = 0; slot < row.length; slot++)
    if ((holder[slot] ?? 0) < 0 && (best < 0 || (row[slot] ?? 0) > (row[best] ?? 0))) best = slot;
  return best;
}
