import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../core/random.ts';
import { hadamardMatrix } from '../heads/constructions/hadamard-matrix.ts';
import { randomDiagonals, signDiagonals, type SignDiagonals } from '../heads/constructions/sign-diagonals.ts';
import { resolveDescription, type HeadDescription } from './description.ts';
import { openHead, openHeadSync } from './head.ts';
import { compileModuleSync, instantiate } from './instance.ts';
import { ensureMemory } from './memory.ts';

const normals = (length: number, ...key: (string | number)[]): Float32Array => {
  const random = randomStream(0, 'wasm head', ...key);
  return Float32Array.from({ length }, () => random.normal());
};

/** The diagonals that a description names, from the constructions and not through the head. */
function diagonalsOf(head: HeadDescription, bases: number): SignDiagonals['negative'] {
  if (head.diagonals === 'given')
    return (basis, i) => bitOf(head.signs, basis * Math.ceil((head.order ?? head.features) / 8), i);
  if (bases === 1) return () => false;
  return signDiagonals(head.order ?? head.features, bases).negative;
}

const bitOf = (bytes: Uint8Array | undefined, from: number, i: number): boolean =>
  (((bytes?.[from + (i >> 3)] ?? 0) >> (i & 7)) & 1) === 1;

/** The logits of some classes in float64, straight from the definition: no transform. */
function expected(head: HeadDescription, features: Float32Array, wanted: readonly number[]): Float64Array {
  const {
    features: length,
    order,
    classes,
    bases,
    perBasis,
    firstRow,
    firstColumn,
    scale,
    bias,
    codes,
    gain,
    shift,
    centred,
  } = resolveDescription(head);
  const negative = diagonalsOf(head, bases);
  const { sign } = hadamardMatrix(order);
  const rows = order - firstRow;
  const batch = features.length / length;
  const cosines = (x: Float64Array, c: number): number => {
    const slot = codes?.[c] ?? c;
    const [basis, place] = [Math.floor(slot / perBasis), slot % perBasis];
    let sum = 0;
    for (let i = firstColumn; i < order; i++)
      sum += (x[i - firstColumn] ?? 0) * sign(firstRow + (place % rows), i) * (negative(basis, i) ? -1 : 1);
    return ((place < rows ? 1 : -1) * sum) / Math.sqrt(order - firstColumn);
  };
  const result = new Float64Array(batch * wanted.length);
  for (let row = 0; row < batch; row++) {
    const x = Float64Array.from({ length }, (_, i) => {
      const value = features[row * length + i] ?? 0;
      return value * (gain?.[i] ?? 1) + (shift?.[i] ?? 0);
    });
    const norm = Math.sqrt(x.reduce((sum, value) => sum + value * value, 1e-12));
    x.forEach((value, i) => (x[i] = value / norm));
    let mean = 0;
    if (centred) for (let c = 0; c < classes; c++) mean += cosines(x, c) / classes;
    const factor = scale * (centred ? Math.sqrt(classes / (classes - 1)) : 1);
    wanted.forEach((c, at) => {
      result[row * wanted.length + at] = factor * (cosines(x, c) - mean) + (bias?.[c] ?? 0);
    });
  }
  return result;
}

/**
 * The worst that float32 may do: ‖x‖² is a sum over the features, and a logit a sum of numbers whose absolute values add up to at most
 * α; each addition rounds by 2⁻²⁴.
 */
const toleranceOf = ({ features, order = features, scale = 1, bias, gain, centred }: HeadDescription): number => {
  const depth = Number.isInteger(Math.log2(order)) ? Math.log2(order) : order;
  const roundings = depth + features / 4 + 10 + (centred === true ? order : 0);
  return roundings * 2 ** -24 * Math.abs(scale) * (gain === undefined ? 1 : 4) * 2 + (bias === undefined ? 0 : 1e-6);
};

function compare(head: HeadDescription, batch: number): void {
  using opened = openHeadSync(head);
  const features = normals(batch * head.features, head.features, head.classes, batch);
  const all = Array.from({ length: head.classes }, (_, c) => c);
  const reference = expected(head, features, all);
  const logits = opened.logits(features);
  expect(logits.length).toBe(reference.length);
  const tolerance = toleranceOf(head);
  logits.forEach((value, i) => {
    const difference = Math.abs(value - (reference[i] ?? NaN));
    if (!(difference <= tolerance)) expect.fail(`logit ${i}: ${value} instead of ${reference[i] ?? NaN}`);
  });
  const k = Math.min(head.classes, 1 + (head.classes % 7));
  const best = opened.topK(features, k);
  for (let row = 0; row < batch; row++) {
    const own = logits.subarray(row * head.classes, (row + 1) * head.classes);
    const order = all.toSorted((a, b) => (own[b] ?? 0) - (own[a] ?? 0) || a - b).slice(0, k);
    expect([...best.classes.subarray(row * k, (row + 1) * k)]).toEqual(order);
    expect([...best.logits.subarray(row * k, (row + 1) * k)]).toEqual(order.map((c) => own[c]));
  }
}

const permuted = (slots: number, classes: number): Uint32Array => {
  const random = randomStream(1, 'codes', slots);
  const all = Uint32Array.from({ length: slots }, (_, i) => i);
  for (let i = 0; i < classes; i++) {
    const j = i + random.integer(slots - i);
    [all[i], all[j]] = [all[j] ?? 0, all[i] ?? 0];
  }
  return all.slice(0, classes);
};

describe('logits and topK against the definition in float64', () => {
  const orders = [1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 52, 60, 64, 76, 92, 96, 100, 120, 128, 256, 512];
  const heads = fc
    .record({
      order: fc.constantFrom(...orders),
      extra: fc.constantFrom(0, 0, 1, 3, 8),
      antipodal: fc.boolean(),
      firstRow: fc.constantFrom(0, 1),
      firstColumn: fc.constantFrom(0, 1),
      centred: fc.boolean(),
      scale: fc.constantFrom(1, 10, -2.5),
      bases: fc.constantFrom(1, 1, 2, 3),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      withBias: fc.boolean(),
      withCodes: fc.boolean(),
      withAffine: fc.boolean(),
    })
    .filter(
      ({ order, firstRow, firstColumn, antipodal, bases }) =>
        order > firstColumn && (order - firstRow) * (antipodal ? 2 : 1) * bases >= 2,
    );

  test('one basis or some given ones, every order, sign and option', () => {
    fc.assert(
      fc.property(heads, fc.integer({ min: 1, max: 3 }), (chosen, batch) => {
        const {
          order,
          extra,
          antipodal,
          firstRow,
          firstColumn,
          centred,
          scale,
          bases,
          share,
          withBias,
          withCodes,
          withAffine,
        } = chosen;
        const slots = (order - firstRow) * (antipodal ? 2 : 1) * bases;
        const classes = Math.max(2, Math.round(share * slots));
        const features = order - firstColumn + extra;
        const bytes = Math.ceil(order / 8);
        const random = randomStream(2, 'signs', order);
        compare(
          {
            kind: 'hadamard',
            ...{ features, classes, order, antipodal, firstRow, firstColumn, centred, scale, bases },
            ...(bases === 1
              ? {}
              : { diagonals: 'given', signs: Uint8Array.from({ length: bases * bytes }, () => random.integer(256)) }),
            ...(withBias ? { bias: normals(classes, 'bias') } : {}),
            ...(withCodes ? { codes: permuted(slots, classes) } : {}),
            ...(withAffine ? { gain: normals(features, 'gain'), shift: normals(features, 'shift') } : {}),
          },
          batch,
        );
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  test.each([
    ['kerdock', 4, 16, true],
    ['kerdock', 16, 128, false],
    ['kerdock', 64, 1000, false],
    ['kerdock', 64, 4096, true],
    ['gold', 8, 64, false],
    ['gold', 32, 1500, true],
    ['gold', 128, 3000, false],
    ['gold', 512, 2000, false],
    ['delsarte-goethals', 16, 512, false],
    ['delsarte-goethals', 32, 2000, false],
  ] as const)('%s diagonals of order %d, %d classes', (diagonals, features, classes, antipodal) => {
    compare({ kind: 'hadamard', features, classes, diagonals, antipodal, scale: 8 }, 2);
  });

  // Each order takes other passes; one that went too far wrote over the features, so a second call tells as well.
  test.each(Array.from({ length: 13 }, (_, index) => 2 ** (index + 2)))('order %i, twice', (order) => {
    const classes = 2 * order + 3;
    const diagonals = Math.log2(order) % 2 === 0 ? 'kerdock' : 'gold';
    const head: HeadDescription =
      order === 4
        ? { kind: 'hadamard', features: order, classes: 8, diagonals, scale: 20 }
        : { kind: 'hadamard', features: order, classes, diagonals, scale: 20 };
    const features = normals(2 * order, 'order', order);
    const random = randomStream(1, 'wanted', order);
    const wanted = Array.from({ length: 20 }, () => random.integer(head.classes));
    const reference = expected(head, features, wanted);
    using running = openHeadSync(head);
    for (let call = 0; call < 2; call++) {
      const logits = running.logits(features);
      for (let row = 0; row < 2; row++) {
        wanted.forEach((c, at) => {
          const difference = (logits[row * head.classes + c] ?? NaN) - (reference[row * 20 + at] ?? NaN);
          // Logits are at most 20; a transform of 2^m numbers rounds m times.
          expect(Math.abs(difference)).toBeLessThan(20 * Math.log2(order) * 2 ** -23);
        });
      }
    }
  });

  test('100,000 classes at 512 features: sampled logits, and the best of all logits', () => {
    const head: HeadDescription = { kind: 'hadamard', features: 512, classes: 100_000, diagonals: 'gold', scale: 20 };
    using opened = openHeadSync(head);
    const features = normals(3 * 512, 'large');
    const random = randomStream(3, 'sample');
    const wanted = Array.from({ length: 200 }, () => random.integer(100_000));
    const reference = expected(head, features, wanted);
    const logits = opened.logits(features);
    for (let row = 0; row < 3; row++) {
      wanted.forEach((c, at) => {
        const difference = Math.abs((logits[row * 100_000 + c] ?? NaN) - (reference[row * 200 + at] ?? NaN));
        expect(difference).toBeLessThan(toleranceOf(head));
      });
      const own = logits.subarray(row * 100_000, (row + 1) * 100_000);
      expect(opened.topK(features, 1).classes[row]).toBe(
        own.indexOf(Math.max(...own.subarray(0, 50_000), ...own.subarray(50_000))),
      );
    }
  });

  test('the random diagonals of the constructions as given signs', () => {
    const diagonals = randomDiagonals(96, 5, 0);
    const signs = Uint8Array.from(Array.from({ length: 5 }, (_, basis) => [...diagonals.packed(basis)]).flat());
    compare({ kind: 'hadamard', features: 96, classes: 400, diagonals: 'given', signs, scale: 3 }, 2);
  });

  test('the rows of a matrix without its constant column are a simplex', () => {
    using opened = openHeadSync({ kind: 'hadamard', features: 11, classes: 12, firstColumn: 1 });
    const vectors = opened.logits(Float32Array.from({ length: 11 * 11 }, (_, i) => (i % 12 === 0 ? 1 : 0)));
    let product = 0;
    for (let i = 0; i < 11; i++) product += (vectors[12 * i + 3] ?? 0) * (vectors[12 * i + 7] ?? 0);
    expect(product).toBeCloseTo(-1 / 11, 6);
  });

  test('a simplex has unit vectors with cosines −1/(C − 1)', () => {
    const head: HeadDescription = { kind: 'hadamard', features: 64, classes: 10, firstRow: 1, centred: true };
    using opened = openHeadSync(head);
    // The logits of the unit vectors are the columns of the matrix of class vectors.
    const vectors = opened.logits(Float32Array.from({ length: 64 * 64 }, (_, i) => (i % 65 === 0 ? 1 : 0)));
    for (const [a, b] of [
      [0, 0],
      [0, 1],
      [4, 9],
    ] as const) {
      let product = 0;
      for (let i = 0; i < 64; i++) product += (vectors[10 * i + a] ?? 0) * (vectors[10 * i + b] ?? 0);
      expect(product).toBeCloseTo(a === b ? 1 : -1 / 9, 6);
    }
  });
});

describe('topK', () => {
  test('lists equal logits by ascending class, also where codes scatter them', () => {
    const codes = Uint32Array.from([5, 3, 0, 7, 1, 6, 2, 4]);
    for (const head of [{}, { codes }, { bias: new Float32Array(8) }]) {
      using opened = openHeadSync({ kind: 'hadamard', features: 8, classes: 8, ...head });
      // x = (1, 0, …, 0): every logit is 1/√8.
      const { classes, logits } = opened.topK(Float32Array.from([1, 0, 0, 0, 0, 0, 0, 0]), 5);
      expect([...classes]).toEqual([0, 1, 2, 3, 4]);
      expect(new Set(logits).size).toBe(1);
    }
  });

  test('lists equal logits by ascending class among many', () => {
    const opened = openHeadSync({ kind: 'hadamard', features: 256, classes: 30_000, diagonals: 'kerdock' });
    const x = new Float32Array(256).fill(0).with(0, 1);
    expect([...opened.topK(x, 300).classes]).toEqual(Array.from({ length: 300 }, (_, c) => c));
    opened.dispose();
  });

  test('ranks all classes', () => {
    using opened = openHeadSync({ kind: 'hadamard', features: 128, classes: 2000, diagonals: 'gold' });
    const x = normals(128, 'rank');
    const { classes, logits } = opened.topK(x, 2000);
    expect(new Set(classes).size).toBe(2000);
    expect([...logits]).toEqual([...opened.logits(x)].toSorted((a, b) => b - a));
  });

  test('a batch gives what its rows give, in parts of any size', () => {
    using opened = openHeadSync({ kind: 'hadamard', features: 64, classes: 2000, diagonals: 'kerdock' });
    const features = normals(5000 * 64, 'batch');
    const { classes } = opened.topK(features, 3);
    const logits = opened.logits(features);
    for (const row of [0, 130, 4999]) {
      const x = features.subarray(row * 64, (row + 1) * 64);
      expect(classes.subarray(3 * row, 3 * row + 3)).toEqual(opened.topK(x, 3).classes);
      expect(logits.subarray(2000 * row, 2000 * (row + 1))).toEqual(opened.logits(x));
    }
  });

  test('a zero row has the logits of the bias', async () => {
    const bias = Float32Array.from([0, 2, 1]);
    using opened = await openHead({ kind: 'hadamard', features: 4, classes: 3, bias });
    expect([...opened.topK(new Float32Array(4), 3).classes]).toEqual([1, 2, 0]);
    expect(opened.logits(new Float32Array(4), new Float32Array(3))).toEqual(bias);
  });
});

describe('what is wrong is said', () => {
  const plain: HeadDescription = { kind: 'hadamard', features: 8, classes: 8 };
  const untyped = (fields: object): HeadDescription => ({ ...plain, ...fields });

  test.each<[string, HeadDescription, RegExp]>([
    [
      'kind',
      untyped({ kind: 'dense' }),
      /unknown kind of head; expected|unknown kind of head.*received dense; choose from hadamard/,
    ],
    ['features', untyped({ features: 7.5 }), /features: .*expected an integer from 1 to \d+, received 7.5/],
    ['classes', untyped({ classes: 1 }), /classes: .*expected an integer from 2 to \d+, received 1/],
    ['order above features', untyped({ order: 16 }), /order: .*expected an integer from 1 to 8, received 16/],
    ['order without a matrix', untyped({ features: 14, order: 14 }), /no Hadamard matrix of order 14/],
    ['first row', untyped({ firstRow: 2 }), /firstRow: .*received 2; choose from 0, 1/],
    ['first column', untyped({ firstColumn: true }), /firstColumn: .*received true; choose from 0, 1/],
    ['rows', untyped({ features: 1, classes: 2, firstRow: 1 }), /firstRow: no rows are left/],
    ['capacity of one basis', untyped({ classes: 9 }), /expected at most 8 \(1 × 8\), received 9; antipodal: true/],
    [
      'capacity of some',
      untyped({ classes: 100, diagonals: 'gold', bases: 2 }),
      /at most 16 \(2 × 8\).*give more bases/,
    ],
    [
      'capacity of a family',
      untyped({ classes: 1000, diagonals: 'gold' }),
      /too many gold diagonals; expected at most 8/,
    ],
    ['identity', untyped({ bases: 2 }), /bases: .*expected an integer from 1 to 1, received 2/],
    [
      'order of a family',
      untyped({ diagonals: 'kerdock', classes: 9 }),
      /no kerdock diagonals.*expected a power of 4.*received 8/,
    ],
    ['diagonals', untyped({ diagonals: 'walsh' }), /diagonals: .*received walsh; choose from identity, kerdock, gold/],
    [
      'signs',
      untyped({ diagonals: 'given', bases: 2, signs: new Uint8Array(3) }),
      /signs: .*Uint8Array of 2: 2 bases of 1 bytes, received Uint8Array of 3/,
    ],
    ['scale', untyped({ scale: NaN }), /scale: not a finite number; received NaN/],
    [
      'bias',
      untyped({ bias: new Float32Array(7) }),
      /bias: wrong length; expected a Float32Array of 8, received Float32Array of 7/,
    ],
    ['bias value', untyped({ bias: new Float32Array(8).fill(NaN) }), /bias\[0\]: not a finite number/],
    ['gain', untyped({ gain: [1, 2] }), /gain: wrong length; expected a Float32Array of 8, received an Array of 2/],
    ['shift', untyped({ shift: new Float64Array(8) }), /shift: .*received Float64Array of 8/],
    ['codes', untyped({ codes: new Uint32Array(3) }), /codes: wrong length; expected a Uint32Array of 8/],
    [
      'code',
      untyped({ codes: Uint32Array.from([0, 1, 2, 3, 4, 5, 6, 8]) }),
      /codes\[7\]: no such slot; expected 0 to 7, received 8/,
    ],
    [
      'double code',
      untyped({ codes: Uint32Array.from([0, 1, 2, 3, 4, 5, 6, 0]) }),
      /codes\[7\]: two classes.*0, as codes\[0\]/,
    ],
  ])('%s', async (_name, head, message) => {
    expect(() => openHeadSync(head)).toThrow(message);
    await expect(openHead(head)).rejects.toThrow(message);
  });

  test.each<[string, (head: ReturnType<typeof openHeadSync>) => unknown, RegExp]>([
    [
      'a part of a row',
      (head) => head.topK(new Float32Array(9), 1),
      /features: wrong length.*multiple of 8: \[batch, 8\], received Float32Array of 9/,
    ],
    ['no row', (head) => head.logits(new Float32Array(0)), /received Float32Array of 0/],
    ['an array', (head) => head.logits([1, 2] as unknown as Float32Array), /received an Array of 2/],
    ['k = 0', (head) => head.topK(new Float32Array(8), 0), /expected an integer from 1 to 8, received 0/],
    ['k = 9', (head) => head.topK(new Float32Array(8), 9), /from 1 to 8, received 9/],
    ['k = 1.5', (head) => head.topK(new Float32Array(8), 1.5), /received 1.5/],
    [
      'out',
      (head) => head.logits(new Float32Array(8), new Float32Array(9)),
      /out: .*Float32Array of 8: \[batch, 8\], received Float32Array of 9/,
    ],
    ['NaN', (head) => head.topK(new Float32Array(16).with(9, NaN), 1), /features, row 1: .*finite/],
    ['infinite', (head) => head.logits(new Float32Array(8).with(0, Infinity)), /features, row 0: .*finite/],
    ['huge', (head) => head.logits(new Float32Array(8).with(0, 1e30)), /features, row 0: .*huge/],
  ])('%s', (_name, call, message) => {
    using head = openHeadSync(plain);
    expect(() => call(head)).toThrow(message);
    // The head is as good as before.
    expect(head.topK(new Float32Array(8), 1).classes[0]).toBe(0);
  });

  test('memory that 32-bit addresses do not reach', () => {
    const instance = instantiate(compileModuleSync());
    expect(() => {
      ensureMemory(instance, 2 ** 32 + 1);
    }).toThrow(
      /not enough memory for this head; expected 4097 MiB, received more than 32-bit addresses reach; smaller/,
    );
  });

  test('use after it was disposed of', () => {
    const head = openHeadSync(plain);
    head.dispose();
    head[Symbol.dispose]();
    expect(() => head.topK(new Float32Array(8), 1)).toThrow(/disposed of; open it again/);
    expect(() => head.logits(new Float32Array(8))).toThrow(/disposed of/);
  });
});
