import { collect, full, offer, sort, worst } from './best';
import { denseColumns, denseRows } from './dense';
import { negate, signedTransform, strided, transform } from './transform';

/**
 * Logits of a union of signed Hadamard bases. The host lays out the memory, sets these globals and calls `topK` or `logits`.
 * Pointers are byte addresses, 0 where there is nothing; sizes are numbers of entries.
 */

/** Features of a row, and how many of them the bases use: the order of the Hadamard matrix. */
export let features: i32 = 0;
export let order: i32 = 0;
/** log₂(order), or −1 where the matrix is a Kronecker product of `steps` factors. */
export let exponent: i32 = 0;
/** Four 32-bit numbers a factor: order, stride, and address and width of its matrix (0: Sylvester's). */
export let factors: usize = 0;
export let steps: i32 = 0;
export let bases: i32 = 0;
/** Slots of a basis: its rows from `firstRow` on, then with `antipodal` the same rows negated. */
export let firstRow: i32 = 0;
/** 1 where feature i belongs to column i + 1; column 0 then has the feature 0. */
export let firstColumn: i32 = 0;
export let antipodal: i32 = 0;
export let classes: i32 = 0;
/** Factor of a cosine. */
export let alpha: f64 = 0;
/** Sign vectors of the diagonals, `signBytes` each (see transform.ts). */
export let signs: usize = 0;
export let signBytes: i32 = 0;
/** `[features]` x becomes x·gain + shift. */
export let gain: usize = 0;
export let shift: usize = 0;
/** `[slots]` in the order of the slots. */
export let bias: usize = 0;
/** `[slots]` class of each slot, or `NONE`. Without it the class is the slot. */
export let classOf: usize = 0;
/** `[bases, order]` weights of a basis' products in the mean over all classes, which is then subtracted. */
export let weights: usize = 0;
/** Scratch: the normalised features, and two products of a basis. */
export let scaled: usize = 0;
export let product: usize = 0;
export let other: usize = 0;

const NONE: u32 = 0xffffffff;
const EPSILON: f64 = 1e-12;

/** x·gain + shift of four features. */
// @ts-ignore: decorator
@inline
function affine4(x: usize, o: usize): v128 {
  let v = v128.load(x + o);
  if (gain) v = f32x4.mul(v, v128.load(gain + o));
  if (shift) v = f32x4.add(v, v128.load(shift + o));
  return v;
}

// @ts-ignore: decorator
@inline
function affine1(x: usize, o: usize): f32 {
  let v = load<f32>(x + o);
  if (gain) v *= load<f32>(gain + o);
  if (shift) v += load<f32>(shift + o);
  return v;
}

/** Writes x·α/√(‖x‖² + ε) of one row. False if ‖x‖² is not a finite float. */
function normalize(x: usize): bool {
  const end = <usize>features << 2;
  let squares = f32x4.splat(0);
  let o: usize = 0;
  for (; o + 16 <= end; o += 16) {
    const v = affine4(x, o);
    squares = f32x4.add(squares, f32x4.mul(v, v));
  }
  let sum =
    f32x4.extract_lane(squares, 0) +
    f32x4.extract_lane(squares, 1) +
    (f32x4.extract_lane(squares, 2) + f32x4.extract_lane(squares, 3));
  for (; o < end; o += 4) {
    const v = affine1(x, o);
    sum += v * v;
  }
  if (!(sum < Infinity)) return false;
  const factor = <f32>(alpha / Math.sqrt(<f64>sum + EPSILON));
  const used = <usize>(order - firstColumn) << 2;
  const to = scaled + (<usize>firstColumn << 2);
  o = 0;
  for (; o + 16 <= used; o += 16) v128.store(to + o, f32x4.mul(affine4(x, o), f32x4.splat(factor)));
  for (; o < used; o += 4) store<f32>(to + o, affine1(x, o) * factor);
  return true;
}

/** All products of one basis; returns where they are. */
function multiply(basis: i32): usize {
  const diagonal = signs + <usize>basis * signBytes;
  if (exponent >= 0) {
    signedTransform(scaled, product, exponent, diagonal);
    return product;
  }
  const bytes = <usize>order << 2;
  let y = product;
  let free = other;
  negate(scaled, y, y + bytes, diagonal);
  for (let step = 0; step < steps; step++) {
    const factor = factors + (<usize>step << 4);
    const n = load<i32>(factor);
    const stride = load<i32>(factor, 4);
    const matrix = load<usize>(factor, 8);
    const end = y + bytes;
    if (matrix) {
      if (stride == 1) denseColumns(y, free, end, matrix, n, load<i32>(factor, 12));
      else denseRows(y, free, end, matrix, n, stride);
      const next = free;
      free = y;
      y = next;
    } else if (stride == 1) {
      for (let p = y; p < end; p += <usize>n << 2) transform(p, ctz(n));
    } else {
      strided(y, end, <usize>stride << 2, <usize>(n * stride) << 2);
    }
  }
  return y;
}

/** This basis' part of the mean over all classes. */
function partOfMean(y: usize, basis: i32): f32 {
  const bytes = <usize>order << 2;
  const w = weights + bytes * basis;
  let sum = f32x4.splat(0);
  let o: usize = 0;
  for (; o + 16 <= bytes; o += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(y + o), v128.load(w + o)));
  let total =
    f32x4.extract_lane(sum, 0) +
    f32x4.extract_lane(sum, 1) +
    (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3));
  for (; o < bytes; o += 4) total += load<f32>(y + o) * load<f32>(w + o);
  return total;
}

/** Offers the logit of one slot; y, b and flip as in offerAll. */
function offerOne(y: usize, b: usize, slot: i32, flip: v128): void {
  let value = load<f32>(y);
  if (i32x4.extract_lane(flip, 0)) value = -value;
  if (bias) value += load<f32>(b);
  const c = classOf ? load<u32>(classOf + (<usize>slot << 2)) : <u32>slot;
  if (c != NONE) offer(value, c);
}

/** Which of the four logits at y may be among the best: a bit for each. */
// @ts-ignore: decorator
@inline
function candidates(y: usize, b: usize, flip: v128): i32 {
  let v = v128.xor(v128.load(y), flip);
  if (bias) v = f32x4.add(v, v128.load(b));
  const w = f32x4.splat(worst);
  // Without assigned classes an equal logit comes too late: its class is higher.
  return i32x4.bitmask(classOf ? f32x4.ge(v, w) : f32x4.gt(v, w));
}

/** Offers the logits of `count` slots; `flip` has the sign bits set where they are the negatives of what is at y. */
function offerAll(y: usize, slot: i32, count: i32, flip: v128): void {
  const end = y + (<usize>count << 2);
  let b = bias + (<usize>slot << 2);
  for (; y < end && !full; y += 4) {
    offerOne(y, b, slot, flip);
    b += 4;
    slot++;
  }
  for (; y + 64 <= end; y += 64) {
    let found =
      candidates(y, b, flip) |
      (candidates(y + 16, b + 16, flip) << 4) |
      (candidates(y + 32, b + 32, flip) << 8) |
      (candidates(y + 48, b + 48, flip) << 12);
    for (; found; found &= found - 1) {
      const at = ctz(found);
      const o = <usize>at << 2;
      offerOne(y + o, b + o, slot + at, flip);
    }
    b += 64;
    slot += 16;
  }
  for (; y < end; y += 4) {
    offerOne(y, b, slot, flip);
    b += 4;
    slot++;
  }
}

/** Writes the logits of `count` slots to their classes' places behind `out`. */
function writeAll(y: usize, slot: i32, count: i32, flip: v128, out: usize): void {
  const end = y + (<usize>count << 2);
  let b = bias + (<usize>slot << 2);
  if (!classOf) {
    let to = out + (<usize>slot << 2);
    for (; y + 16 <= end; y += 16) {
      let v = v128.xor(v128.load(y), flip);
      if (bias) v = f32x4.add(v, v128.load(b));
      v128.store(to, v);
      b += 16;
      to += 16;
      slot += 4;
    }
  }
  for (; y < end; y += 4) {
    let value = load<f32>(y);
    if (i32x4.extract_lane(flip, 0)) value = -value;
    if (bias) value += load<f32>(b);
    const c = classOf ? load<u32>(classOf + (<usize>slot << 2)) : <u32>slot;
    if (c != NONE) store<f32>(out + (<usize>c << 2), value);
    b += 4;
    slot++;
  }
}

/** Goes through all bases of one normalised row: offers the logits, or writes them to `out`. Returns the mean over all classes. */
function all(out: usize): f32 {
  const rows = order - firstRow;
  // Where classes were assigned to slots, any slot may be taken.
  const slots = classOf ? i32.MAX_VALUE : classes;
  let mean: f32 = 0;
  let slot = 0;
  for (let basis = 0; basis < bases; basis++) {
    const y = multiply(basis);
    if (weights) mean += partOfMean(y, basis);
    const from = y + (<usize>firstRow << 2);
    for (let negative = 0; negative <= antipodal && slot < slots; negative++) {
      const flip = i32x4.splat(negative ? 0x80000000 : 0);
      const count = min(rows, slots - slot);
      if (out) writeAll(from, slot, count, flip, out);
      else offerAll(from, slot, count, flip);
      slot += rows;
    }
  }
  return mean;
}

function subtract(p: usize, count: i32, mean: f32): void {
  for (const end = p + (<usize>count << 2); p < end; p += 4) store<f32>(p, load<f32>(p) - mean);
}

/** The k best classes of each row of x, best first. Returns the first row that is not finite, or −1. */
export function topK(batch: i32, k: i32, x: usize, classesAt: usize, logitsAt: usize): i32 {
  for (let row = 0; row < batch; row++) {
    if (!normalize(x)) return row;
    collect(logitsAt, classesAt, k);
    const mean = all(0);
    sort();
    if (weights) subtract(logitsAt, k, mean);
    x += <usize>features << 2;
    classesAt += <usize>k << 2;
    logitsAt += <usize>k << 2;
  }
  return -1;
}

/** The logits of each row of x, `[batch, classes]`. Returns the first row that is not finite, or −1. */
export function logits(batch: i32, x: usize, out: usize): i32 {
  for (let row = 0; row < batch; row++) {
    if (!normalize(x)) return row;
    const mean = all(out);
    if (weights) subtract(out, classes, mean);
    x += <usize>features << 2;
    out += <usize>classes << 2;
  }
  return -1;
}

export { transform };
