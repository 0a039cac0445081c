/**
 * The k best of the logits that are offered: a binary heap with the worst at its root. One logit is better than another if it is
 * larger, or as large and of a lower class.
 */

let values: usize = 0;
let classes: usize = 0;
let capacity: i32 = 0;
let size: i32 = 0;

/** Whether every place is taken, so that only better logits than `worst` matter. */
export let full: bool = false;
export let worst: f32 = 0;

/** Collects into k floats and k class numbers at these addresses. */
export function collect(valuesAt: usize, classesAt: usize, k: i32): void {
  values = valuesAt;
  classes = classesAt;
  capacity = k;
  size = 0;
  full = false;
}

// @ts-ignore: decorator
@inline
function valueAt(index: i32): f32 {
  return load<f32>(values + (<usize>index << 2));
}

// @ts-ignore: decorator
@inline
function classAt(index: i32): u32 {
  return load<u32>(classes + (<usize>index << 2));
}

// @ts-ignore: decorator
@inline
function put(index: i32, value: f32, c: u32): void {
  store<f32>(values + (<usize>index << 2), value);
  store<u32>(classes + (<usize>index << 2), c);
}

// @ts-ignore: decorator
@inline
function better(a: f32, ca: u32, b: f32, cb: u32): bool {
  return a > b || (a == b && ca < cb);
}

/** Puts an entry into the heap of the first `count` places, of which the root is free. */
function siftDown(value: f32, c: u32, count: i32): void {
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= count) break;
    if (child + 1 < count && better(valueAt(child), classAt(child), valueAt(child + 1), classAt(child + 1))) child++;
    if (!better(value, c, valueAt(child), classAt(child))) break;
    put(at, valueAt(child), classAt(child));
    at = child;
  }
  put(at, value, c);
}

export function offer(value: f32, c: u32): void {
  if (full) {
    if (!better(value, c, worst, classAt(0))) return;
    siftDown(value, c, size);
  } else {
    let at = size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!better(valueAt(parent), classAt(parent), value, c)) break;
      put(at, valueAt(parent), classAt(parent));
      at = parent;
    }
    put(at, value, c);
    full = size == capacity;
  }
  worst = valueAt(0);
}

/** Sorts what was collected, the best first. */
export function sort(): void {
  for (let count = size - 1; count > 0; count--) {
    const value = valueAt(count);
    const c = classAt(count);
    put(count, valueAt(0), classAt(0));
    siftDown(value, c, count);
  }
}
