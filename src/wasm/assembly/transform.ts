/**
 * The fast Walsh–Hadamard transform y = H·x, H Sylvester's matrix of order 2^m in natural order, without a scale.
 *
 * A pass applies several butterfly stages (a, b) → (a + b, a − b) at once while the values are in registers. Stages commute. So
 * the strides 1 and 2, which need shuffles within a vector, share a pass with the next larger strides, and for long vectors the
 * largest strides come first: what follows works on parts that fit the first-level cache. Additions bound the time where a
 * pass covers three or four stages; two would be bound by stores. Pointers and strides are in bytes.
 */

/** The largest m whose 2^m floats fit a first-level cache of 32 KB. */
const CACHED: i32 = 13;

/** Stages of strides 1, 2, 4 vectors over a … h, stored at p, p + s, …, p + 7s. */
// @ts-ignore: decorator
@inline
function butterflies(
  p: usize,
  s: usize,
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  e: v128,
  f: v128,
  g: v128,
  h: v128,
): void {
  const ab = f32x4.add(a, b);
  const cd = f32x4.add(c, d);
  const ef = f32x4.add(e, f);
  const gh = f32x4.add(g, h);
  a = f32x4.sub(a, b);
  c = f32x4.sub(c, d);
  e = f32x4.sub(e, f);
  g = f32x4.sub(g, h);
  b = f32x4.add(ab, cd);
  d = f32x4.add(a, c);
  f = f32x4.add(ef, gh);
  h = f32x4.add(e, g);
  const abcd = f32x4.sub(ab, cd);
  a = f32x4.sub(a, c);
  const efgh = f32x4.sub(ef, gh);
  e = f32x4.sub(e, g);
  v128.store(p, f32x4.add(b, f));
  v128.store(p + s, f32x4.add(d, h));
  v128.store(p + 2 * s, f32x4.add(abcd, efgh));
  v128.store(p + 3 * s, f32x4.add(a, e));
  v128.store(p + 4 * s, f32x4.sub(b, f));
  v128.store(p + 5 * s, f32x4.sub(d, h));
  v128.store(p + 6 * s, f32x4.sub(abcd, efgh));
  v128.store(p + 7 * s, f32x4.sub(a, e));
}

// @ts-ignore: decorator
@inline
function eight(p: usize, s: usize): void {
  butterflies(
    p,
    s,
    v128.load(p),
    v128.load(p + s),
    v128.load(p + 2 * s),
    v128.load(p + 3 * s),
    v128.load(p + 4 * s),
    v128.load(p + 5 * s),
    v128.load(p + 6 * s),
    v128.load(p + 7 * s),
  );
}

/** x(p) + x(q), and x(p) − x(q) stored at q. */
// @ts-ignore: decorator
@inline
function sumAndStoreDifference(p: usize, q: usize): v128 {
  const a = v128.load(p);
  const b = v128.load(q);
  v128.store(q, f32x4.sub(a, b));
  return f32x4.add(a, b);
}

/** Four stages of 16 vectors: half of them wait in memory rather than in registers that are not there. */
// @ts-ignore: decorator
@inline
function sixteen(p: usize, s: usize): void {
  const q = p + 8 * s;
  butterflies(
    p,
    s,
    sumAndStoreDifference(p, q),
    sumAndStoreDifference(p + s, q + s),
    sumAndStoreDifference(p + 2 * s, q + 2 * s),
    sumAndStoreDifference(p + 3 * s, q + 3 * s),
    sumAndStoreDifference(p + 4 * s, q + 4 * s),
    sumAndStoreDifference(p + 5 * s, q + 5 * s),
    sumAndStoreDifference(p + 6 * s, q + 6 * s),
    sumAndStoreDifference(p + 7 * s, q + 7 * s),
  );
  eight(q, s);
}

/** The stage of stride 1 within a vector. */
// @ts-ignore: decorator
@inline
function stride1(x: v128): v128 {
  return f32x4.add(v128.shuffle<f32>(x, x, 1, 0, 3, 2), v128.xor(x, i32x4(0, 0x80000000, 0, 0x80000000)));
}

/** The stage of stride 2 within a vector. */
// @ts-ignore: decorator
@inline
function stride2(x: v128): v128 {
  return f32x4.add(v128.shuffle<f32>(x, x, 2, 3, 0, 1), v128.xor(x, i32x4(0, 0, 0x80000000, 0x80000000)));
}

/** The stage of stride 2 within the vector at p. Loads that repeat one half of it need no shuffle. */
// @ts-ignore: decorator
@inline
function loadStride2(p: usize): v128 {
  return f32x4.add(v128.load64_splat(p), v128.xor(v128.load64_splat(p + 8), i32x4(0, 0, 0x80000000, 0x80000000)));
}

/** Stages of strides 1 … 16 floats. */
function first32(p: usize, end: usize): void {
  for (; p < end; p += 128) {
    butterflies(
      p,
      16,
      stride1(loadStride2(p)),
      stride1(loadStride2(p + 16)),
      stride1(loadStride2(p + 32)),
      stride1(loadStride2(p + 48)),
      stride1(loadStride2(p + 64)),
      stride1(loadStride2(p + 80)),
      stride1(loadStride2(p + 96)),
      stride1(loadStride2(p + 112)),
    );
  }
}

/** Stages of strides 4 and 8 floats over a … d, stored at p. */
// @ts-ignore: decorator
@inline
function store16(p: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = f32x4.add(a, b);
  const cd = f32x4.add(c, d);
  a = f32x4.sub(a, b);
  c = f32x4.sub(c, d);
  v128.store(p, f32x4.add(ab, cd));
  v128.store(p, f32x4.add(a, c), 16);
  v128.store(p, f32x4.sub(ab, cd), 32);
  v128.store(p, f32x4.sub(a, c), 48);
}

/** Stages of strides 1 … 8 floats. */
function first16(p: usize, end: usize): void {
  for (; p < end; p += 64) {
    store16(
      p,
      stride1(loadStride2(p)),
      stride1(loadStride2(p + 16)),
      stride1(loadStride2(p + 32)),
      stride1(loadStride2(p + 48)),
    );
  }
}

/** The sign bit of each lane: XOR with it negates. */
// @ts-ignore: decorator
@inline
function signOf(word: v128): v128 {
  return v128.and(word, i32x4.splat(0x80000000));
}

/**
 * Stages of strides 1 … 16 floats of D·x, from x to p. Bit 31 − j mod 32 of lane l of sign vector j div 32 is set where entry
 * 4j + l of the diagonal D is −1.
 */
function firstSigned32(x: usize, p: usize, end: usize, signs: usize): void {
  while (p < end) {
    let word = v128.load(signs);
    signs += 16;
    for (let part = 0; part < 4 && p < end; part++) {
      butterflies(
        p,
        16,
        stride1(stride2(v128.xor(v128.load(x), signOf(word)))),
        stride1(stride2(v128.xor(v128.load(x, 16), signOf(i32x4.shl(word, 1))))),
        stride1(stride2(v128.xor(v128.load(x, 32), signOf(i32x4.shl(word, 2))))),
        stride1(stride2(v128.xor(v128.load(x, 48), signOf(i32x4.shl(word, 3))))),
        stride1(stride2(v128.xor(v128.load(x, 64), signOf(i32x4.shl(word, 4))))),
        stride1(stride2(v128.xor(v128.load(x, 80), signOf(i32x4.shl(word, 5))))),
        stride1(stride2(v128.xor(v128.load(x, 96), signOf(i32x4.shl(word, 6))))),
        stride1(stride2(v128.xor(v128.load(x, 112), signOf(i32x4.shl(word, 7))))),
      );
      word = i32x4.shl(word, 8);
      x += 128;
      p += 128;
    }
  }
}

/** D·x from x to p, signs as above. */
export function negate(x: usize, p: usize, end: usize, signs: usize): void {
  while (p < end) {
    let word = v128.load(signs);
    signs += 16;
    for (let part = 0; part < 32 && p < end; part++) {
      v128.store(p, v128.xor(v128.load(x), signOf(word)));
      word = i32x4.shl(word, 1);
      x += 16;
      p += 16;
    }
  }
}

function pass2(p: usize, end: usize, s: usize): void {
  for (; p < end; p += s) {
    for (const stop = p + s; p < stop; p += 16) {
      const a = v128.load(p);
      const b = v128.load(p + s);
      v128.store(p, f32x4.add(a, b));
      v128.store(p + s, f32x4.sub(a, b));
    }
  }
}

function pass8(p: usize, end: usize, s: usize): void {
  for (; p < end; p += 7 * s) {
    for (const stop = p + s; p < stop; p += 16) eight(p, s);
  }
}

function pass16(p: usize, end: usize, s: usize): void {
  for (; p < end; p += 15 * s) {
    for (const stop = p + s; p < stop; p += 16) sixteen(p, s);
  }
}

/** pass16 of a stride that is known beforehand. */
function pass16of128(p: usize, end: usize): void {
  for (; p < end; p += 15 * 128) {
    for (const stop = p + 128; p < stop; p += 16) sixteen(p, 128);
  }
}

/** The `left` stages from stride 32 floats on. */
function after32(p: usize, end: usize, left: i32): void {
  let s: usize = 128;
  if (left % 3 == 1 || left == 8) {
    if (left == 1) {
      pass2(p, end, s);
      return;
    }
    pass16of128(p, end);
    s = 2048;
    left -= 4;
  }
  if (left == 4) {
    pass16(p, end, s);
    return;
  }
  for (; left > 2; left -= 3) {
    pass8(p, end, s);
    s <<= 3;
  }
  for (; left > 0; left--) {
    pass2(p, end, s);
    s <<= 1;
  }
}

/** m < 5. A vector that is not filled ends in zeros. */
function small(p: usize, m: i32): void {
  if (m == 0) return;
  if (m == 1) {
    v128.store(p, stride1(v128.load(p)));
    return;
  }
  const end = p + (<usize>4 << m);
  for (let q = p; q < end; q += 16) v128.store(q, stride1(loadStride2(q)));
  for (let s: usize = 16; p + s < end; s <<= 1) pass2(p, end, s);
}

/** In place at p: 2^m floats. */
export function transform(p: usize, m: i32): void {
  const end = p + (<usize>4 << m);
  if (m < 5) {
    small(p, m);
    return;
  }
  while (m > CACHED) {
    m -= 3;
    for (let q = p, size = <usize>32 << m; q < end; q += size) pass8(q, q + size, <usize>4 << m);
  }
  for (const size = <usize>4 << m; p < end; p += size) {
    const stop = p + size;
    if (m == 7 || m == 10) {
      first16(p, stop);
      for (let s: usize = 64; s < size; s <<= 3) pass8(p, stop, s);
    } else {
      first32(p, stop);
      after32(p, stop, m - 5);
    }
  }
}

/** The stages of strides from `s` bytes (at least a vector) to below `size`, in every `size` bytes from p to end. */
export function strided(p: usize, end: usize, s: usize, size: usize): void {
  while (s << 2 < size) {
    pass8(p, end, s);
    s <<= 3;
  }
  for (; s < size; s <<= 1) pass2(p, end, s);
}

/** H·D·x from x to p. */
export function signedTransform(x: usize, p: usize, m: i32, signs: usize): void {
  const end = p + (<usize>4 << m);
  if (m < 5 || m > CACHED) {
    negate(x, p, end, signs);
    transform(p, m);
  } else {
    firstSigned32(x, p, end, signs);
    after32(p, end, m - 5);
  }
}
