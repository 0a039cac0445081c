/** The outcome of one look at a class's candidates, at the current prices. */
export interface Choice {
  /** The candidate of greatest value (benefit − price), the lowest slot of equals. */
  slot: number;
  benefit: number;
  value: number;
  /** No slot but the chosen one has a greater value than this, whether it is a candidate or not. */
  runnerUp: number;
}

/**
 * For each class its few best slots at the prices of the moment it was listed, and a ceiling on the value of all others.
 *
 * Prices only rise, so the ceiling stays true: while a class's best candidate is at or above its ceiling, that candidate
 * is its best slot of all. This is what lets an auction over a [C, S] problem run without the [C, S] numbers.
 */
export interface Candidates {
  /**
   * Lists a class's best slots at these prices; a class listed again gets twice as many as last time while there is room.
   * `row` holds its benefits against all slots.
   */
  readonly list: (classIndex: number, row: Float32Array, prices: Float64Array) => void;
  /**
   * The best slot of a class at these prices, or `undefined` where it may be none of its candidates: list it again.
   * The same object every time, overwritten by the next call.
   */
  readonly choose: (classIndex: number, prices: Float64Array) => Choice | undefined;
  /** An upper bound on the value of every slot for a class, at these prices. */
  readonly bestValue: (classIndex: number, prices: Float64Array) => number;
}

/** How many candidates are held. */
export interface CandidateRoom {
  /** Candidates of a class when it is listed first. */
  readonly first: number;
  /** Candidates of all classes together, at 8 bytes each. */
  readonly total: number;
}

/**
 * Room for these many classes: 128 candidates each (fewer where the first lists together would pass 2^25) and enough for
 * every list to double once, or 2^24 in all (128 MB) where that is more. So at most 800 MB, and 246 MB for 80,000 classes.
 */
function defaultRoom(classes: number): CandidateRoom {
  const first = Math.max(2, Math.min(128, Math.floor(2 ** 25 / classes)));
  return { first, total: Math.max(3 * first * classes, 2 ** 24) };
}

/** Empty candidate lists. Beside the candidates 20 bytes a class; memory is touched only as lists grow into it. */
export function createCandidates(
  classes: number,
  slots: number,
  room: CandidateRoom = defaultRoom(classes),
): Candidates {
  const firstCount = Math.min(slots, room.first);
  const capacity = Math.min(classes * slots, room.total);
  const slotOf = new Uint32Array(capacity);
  const benefitOf = new Float32Array(capacity);
  const start = new Float64Array(classes);
  const size = new Uint32Array(classes);
  const ceiling = new Float64Array(classes);
  let used = 0;
  const choice: Choice = { slot: 0, benefit: 0, value: 0, runnerUp: 0 };

  /** Makes room for the next list of a class: a new place at the end where it grows, else its old place. */
  const reserve = (classIndex: number): number => {
    const held = size[classIndex] ?? 0;
    const wanted = Math.min(slots, held === 0 ? firstCount : 2 * held);
    if (wanted > held && used + wanted <= capacity) {
      start[classIndex] = used;
      size[classIndex] = wanted;
      used += wanted;
    }
    return size[classIndex] ?? 0;
  };

  const list = (classIndex: number, row: Float32Array, prices: Float64Array): void => {
    const count = reserve(classIndex);
    const top = greatest(row, prices, Math.min(slots, count + 1));
    // The one slot too many is the best that was left out: its value is the ceiling of all others.
    ceiling[classIndex] = count < slots ? top.least : -Infinity;
    const kept = count < slots ? top.slots.subarray(1) : top.slots;
    kept.sort();
    const at = start[classIndex] ?? 0;
    for (let k = 0; k < count; k++) {
      const slot = kept[k] ?? 0;
      slotOf[at + k] = slot;
      benefitOf[at + k] = row[slot] ?? 0;
    }
  };

  const choose = (classIndex: number, prices: Float64Array): Choice | undefined => {
    const from = start[classIndex] ?? 0;
    const to = from + (size[classIndex] ?? 0);
    let best = -Infinity;
    let second = -Infinity;
    let where = from;
    for (let k = from; k < to; k++) {
      const value = (benefitOf[k] ?? 0) - (prices[slotOf[k] ?? 0] ?? 0);
      if (value > best) {
        second = best;
        best = value;
        where = k;
      } else if (value > second) second = value;
    }
    const others = ceiling[classIndex] ?? 0;
    if (best < others) return undefined;
    choice.slot = slotOf[where] ?? 0;
    choice.benefit = benefitOf[where] ?? 0;
    choice.value = best;
    choice.runnerUp = Math.max(second, others);
    return choice;
  };

  const bestValue = (classIndex: number, prices: Float64Array): number =>
    (choose(classIndex, prices) ?? { value: ceiling[classIndex] ?? 0 }).value;

  return Object.freeze({ list, choose, bestValue });
}

/**
 * The `count` slots of greatest value, the worst of them first, in no other order; of equal values the lower slots.
 * A heap with the worst at its root: almost every slot costs one comparison with the root.
 */
function greatest(
  row: Float32Array,
  prices: Float64Array,
  count: number,
): { readonly slots: Uint32Array; readonly least: number } {
  const values = new Float64Array(count);
  const slots = new Uint32Array(count);
  const worse = (a: number, b: number): boolean => {
    const difference = (values[a] ?? 0) - (values[b] ?? 0);
    return difference < 0 || (difference === 0 && (slots[a] ?? 0) > (slots[b] ?? 0));
  };
  const sink = (from: number): void => {
    const value = values[from] ?? 0;
    const slot = slots[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && worse(child + 1, child)) child++;
      const childValue = values[child] ?? 0;
      const childSlot = slots[child] ?? 0;
      if (childValue > value || (childValue === value && childSlot < slot)) break;
      values[at] = childValue;
      slots[at] = childSlot;
      at = child;
    }
    values[at] = value;
    slots[at] = slot;
  };
  for (let slot = 0; slot < count; slot++) {
    values[slot] = (row[slot] ?? 0) - (prices[slot] ?? 0);
    slots[slot] = slot;
  }
  for (let at = (count >> 1) - 1; at >= 0; at--) sink(at);
  let least = values[0] ?? 0;
  for (let slot = count; slot < row.length; slot++) {
    const value = (row[slot] ?? 0) - (prices[slot] ?? 0);
    if (value <= least) continue;
    values[0] = value;
    slots[0] = slot;
    sink(0);
    least = values[0];
  }
  return { slots, least };
}
