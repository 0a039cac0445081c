/** One step of skip-gram with negative sampling. Pointers are in bytes; rows are multiples of 16 floats, filled up with zeros. */

/** Where the module's own constants end: memory from here on is the host's. */
export function ownBytes(): usize {
  return __heap_base;
}

function sumOf(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

/** log(1 + eˣ) without overflow. */
function softplus(x: f64): f64 {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/**
 * The step that src/embeddings/skip-gram.ts describes. Returns the loss before it.
 *
 * @param v the row of the input word
 * @param table the rows of the output words, `row` bytes each
 * @param targets i32 of the output word and then the noise words, `count` together
 * @param sum memory of one row
 */
export function descendPair(v: usize, table: usize, targets: usize, count: i32, row: usize, rate: f32, sum: usize): f64 {
  const end = v + row;
  memory.fill(sum, 0, row);
  let loss: f64 = 0;
  for (let index = 0; index < count; index++) {
    const u = table + <usize>load<i32>(targets + ((<usize>index) << 2)) * row;
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (let p = v, q = u; p < end; p += 64, q += 64) {
      a = f32x4.add(a, f32x4.mul(v128.load(p), v128.load(q)));
      b = f32x4.add(b, f32x4.mul(v128.load(p, 16), v128.load(q, 16)));
      c = f32x4.add(c, f32x4.mul(v128.load(p, 32), v128.load(q, 32)));
      d = f32x4.add(d, f32x4.mul(v128.load(p, 48), v128.load(q, 48)));
    }
    const dot = <f64>sumOf(f32x4.add(f32x4.add(a, b), f32x4.add(c, d)));
    const sigmoid = 1 / (1 + Math.exp(-dot));
    loss += softplus(index == 0 ? -dot : dot);
    const step = f32x4.splat(rate * <f32>((index == 0 ? 1 : 0) - sigmoid));
    for (let p = v, q = u, s = sum; p < end; p += 16, q += 16, s += 16) {
      const old = v128.load(q);
      v128.store(s, f32x4.add(v128.load(s), f32x4.mul(step, old)));
      v128.store(q, f32x4.add(old, f32x4.mul(step, v128.load(p))));
    }
  }
  for (let p = v, s = sum; p < end; p += 16, s += 16) v128.store(p, f32x4.add(v128.load(p), v128.load(s)));
  return loss;
}
