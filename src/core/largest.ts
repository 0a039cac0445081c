/** The largest of the numbers seen so far, with where each of them was. */
export interface Largest {
  /** Takes in `values`, which have the places `first`, `first` + 1, … NaN counts as smaller than everything. */
  readonly offer: (values: Float32Array, first?: number) => void;
  /** The largest numbers with their places, the largest first; of equal numbers the earlier place comes first. */
  readonly ranked: () => Ranked;
}

/** Numbers in descending order. */
export interface Ranked {
  readonly values: Float32Array;
  readonly places: Uint32Array;
}

/**
 * Keeps the `size` largest of any number of values, which must be offered in the order of their places. One pass, and a heap
 * of `size` entries: almost every value of a long list is dismissed by one comparison.
 */
export function createLargest(size: number): Largest {
  const heapValues = new Float32Array(size);
  const heapPlaces = new Uint32Array(size);
  let held = 0;

  // The root is the entry to give up next: the smallest value, of equals the one with the latest place.
  const goesBefore = (value: number, place: number, slot: number): boolean => {
    const other = heapValues[slot] ?? 0;
    return value < other || (value === other && place > (heapPlaces[slot] ?? 0));
  };
  const put = (slot: number, value: number, place: number): void => {
    heapValues[slot] = value;
    heapPlaces[slot] = place;
  };
  const copy = (to: number, from: number): void => {
    put(to, heapValues[from] ?? 0, heapPlaces[from] ?? 0);
  };
  const siftUp = (value: number, place: number): void => {
    let slot = held++;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      if (!goesBefore(value, place, parent)) break;
      copy(slot, parent);
      slot = parent;
    }
    put(slot, value, place);
  };
  const replaceRoot = (value: number, place: number): void => {
    let slot = 0;
    for (;;) {
      let child = 2 * slot + 1;
      if (child >= held) break;
      const right = child + 1;
      if (right < held && goesBefore(heapValues[right] ?? 0, heapPlaces[right] ?? 0, child)) child = right;
      if (goesBefore(value, place, child)) break;
      copy(slot, child);
      slot = child;
    }
    put(slot, value, place);
  };

  const offer = (values: Float32Array, first = 0): void => {
    if (size === 0) return;
    let index = 0;
    for (; index < values.length && held < size; index++) siftUp(number(values[index]), first + index);
    let least = heapValues[0] ?? 0;
    for (; index < values.length; index++) {
      const value = values[index] ?? 0;
      // A value equal to the least comes later than it, so it loses.
      if (value > least) {
        replaceRoot(value, first + index);
        least = heapValues[0] ?? 0;
      }
    }
  };
  const ranked = (): Ranked => {
    const order = Uint32Array.from({ length: held }, (_, slot) => slot).sort((a, b) => {
      const [left, right] = [heapValues[a] ?? 0, heapValues[b] ?? 0];
      // Not a difference: that of two infinities is NaN.
      return left === right ? (heapPlaces[a] ?? 0) - (heapPlaces[b] ?? 0) : left < right ? 1 : -1;
    });
    return {
      values: Float32Array.from(order, (slot) => heapValues[slot] ?? 0),
      places: order.map((slot) => heapPlaces[slot] ?? 0),
    };
  };
  return { offer, ranked };
}

/** NaN would make the heap's order meaningless. */
const number = (value: number | undefined): number => (value === undefined || Number.isNaN(value) ? -Infinity : value);
