/** Products with small dense ±1 matrices, given as floats, along one axis of a Kronecker product. Pointers are in bytes. */

/**
 * y = (I ⊗ M ⊗ I_s)·x for M `[n, n]` row-major, n and s multiples of 4: each block of n·s floats is a matrix `[n, s]` that M
 * multiplies from the left, four rows of M at a time.
 */
export function denseRows(x: usize, y: usize, end: usize, matrix: usize, n: i32, s: i32): void {
  const row = <usize>s << 2;
  const width = <usize>n << 2;
  const block = row * n;
  for (; x < end; x += block) {
    let m = matrix;
    for (const stop = y + block; y < stop; y += 4 * row) {
      for (let o: usize = 0; o < row; o += 16) {
        let a = f32x4.splat(0);
        let b = a;
        let c = a;
        let d = a;
        let q = x + o;
        for (let p = m, last = m + width; p < last; p += 4) {
          const v = v128.load(q);
          a = f32x4.add(a, f32x4.mul(v, v128.load32_splat(p)));
          b = f32x4.add(b, f32x4.mul(v, v128.load32_splat(p + width)));
          c = f32x4.add(c, f32x4.mul(v, v128.load32_splat(p + 2 * width)));
          d = f32x4.add(d, f32x4.mul(v, v128.load32_splat(p + 3 * width)));
          q += row;
        }
        const z = y + o;
        v128.store(z, a);
        v128.store(z + row, b);
        v128.store(z + 2 * row, c);
        v128.store(z + 3 * row, d);
      }
      m += 4 * width;
    }
  }
}

/**
 * y = (I ⊗ M)·x for the transpose of M `[n, width]` row-major, `width` being n rounded up to a multiple of 16 with columns of zeros.
 * Up to 12 zeros are written behind every block: over the next one before it is computed, and behind the end.
 */
export function denseColumns(x: usize, y: usize, end: usize, transposed: usize, n: i32, width: i32): void {
  const step = <usize>width << 2;
  const block = <usize>n << 2;
  for (; x < end; x += block) {
    const stop = x + block;
    for (let o: usize = 0; o < block; o += 64) {
      let a = f32x4.splat(0);
      let b = a;
      let c = a;
      let d = a;
      let m = transposed + o;
      for (let p = x; p < stop; p += 4) {
        const v = v128.load32_splat(p);
        a = f32x4.add(a, f32x4.mul(v, v128.load(m)));
        b = f32x4.add(b, f32x4.mul(v, v128.load(m, 16)));
        c = f32x4.add(c, f32x4.mul(v, v128.load(m, 32)));
        d = f32x4.add(d, f32x4.mul(v, v128.load(m, 48)));
        m += step;
      }
      v128.store(y + o, a);
      v128.store(y + o, b, 16);
      v128.store(y + o, c, 32);
      v128.store(y + o, d, 48);
    }
    y += block;
  }
}
