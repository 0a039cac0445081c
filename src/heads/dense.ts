import { usageError } from '../core/errors.ts';
import { bytesPerElement, type HostTensor } from '../core/tensor.ts';
import type { Builder, Value } from '../graph/builder.ts';
import { cast, gather, matmul, mul, slice } from '../graph/functions.ts';
import type { LayerContext } from '../nn/layer-context.ts';
import type { Geometry, SlotBlock } from './geometry.ts';

/** Class vectors that are stored: the rows of a matrix times a factor. */
export interface StoredVectors {
  /** `[C, N]`; small integers are stored as bytes and turned into float32 when the runtime loads the graph. */
  readonly matrix: HostTensor<'float32'> | HostTensor<'int8'>;
  readonly factor: number;
}

/** What a geometry of stored vectors does with them. */
type StoredProducts = Pick<
  Geometry,
  | 'classes'
  | 'features'
  | 'order'
  | 'cost'
  | 'fixedParameters'
  | 'slots'
  | 'codes'
  | 'product'
  | 'blocks'
  | 'rowsOf'
  | 'vector'
>;

/** An ONNX model is one protocol buffer message, which cannot be longer. */
const LARGEST_MODEL = 2 ** 31 - 1;

/**
 * Checks that a matrix of all class vectors fits in a model.
 *
 * @throws a usage error that names heads without a stored matrix.
 */
export function checkStorable(kind: string, classes: number, features: number, dtype: 'float32' | 'int8'): void {
  const bytes = classes * features * bytesPerElement(dtype);
  if (bytes <= LARGEST_MODEL) return;
  throw usageError(`the matrix of a ${kind} head is too large for an ONNX model`, {
    expected: `at most ${LARGEST_MODEL} bytes`,
    received: `${classes} classes × ${features} features × ${bytesPerElement(dtype)} bytes = ${bytes}`,
    hint: 'a hadamard or coset head stores no matrix',
  });
}

/** An index of a class, or a usage error. */
export function checkClass(index: number, classes: number): number {
  if (Number.isInteger(index) && index >= 0 && index < classes) return index;
  throw usageError('no such class', { expected: `0 to ${classes - 1}`, received: String(index) });
}

/**
 * Products with stored class vectors: one matrix product for all classes, or with a slice of the rows for a block of them. A graph
 * holds the matrix once, whatever parts of it are used, as the fixed tensor `vectors` of the layer that first asks for it.
 */
export function storedProducts({ matrix, factor }: StoredVectors): StoredProducts {
  const [classes = 0, features = 0] = matrix.shape;
  const placed = new WeakMap<Builder, { readonly stored: Value; readonly numbers: Value }>();
  const place = (c: LayerContext): { readonly stored: Value; readonly numbers: Value } => {
    const known = placed.get(c.b);
    if (known !== undefined) return known;
    const stored = c.fixed('vectors', matrix);
    const numbers = matrix.dtype === 'float32' ? stored : cast(c.b, stored, 'float32');
    placed.set(c.b, { stored, numbers });
    return { stored, numbers };
  };
  const scaled = (c: LayerContext, x: Value): Value => (factor === 1 ? x : mul(c.b, x, factor));

  const rows = (c: LayerContext, first: number, count: number): Value => {
    const { numbers } = place(c);
    return count === classes ? numbers : slice(c.b, numbers, 0, first, first + count);
  };
  const product = (c: LayerContext, x: Value, first: number, count: number): Value =>
    c.b.op('Gemm', [scaled(c, x), rows(c, first, count)], { alpha: 1, beta: 1, transA: 0, transB: 1 });

  return {
    classes,
    features,
    order: features,
    cost: {
      adds: classes * (features - 1),
      multiplies: classes * features + (factor === 1 ? 0 : features),
      constantBytes: matrix.data.byteLength,
    },
    fixedParameters: classes * features,
    slots: classes,
    codes: undefined,
    product: (c, x) => product(c, x, 0, classes),
    blocks: (wanted) => {
      const size = Math.max(1, Math.min(classes, Math.floor(wanted)));
      return Array.from({ length: Math.ceil(classes / size) }, (_, index): SlotBlock => {
        const first = index * size;
        const count = Math.min(size, classes - first);
        return Object.freeze({
          first,
          count,
          used: undefined,
          product: (c: LayerContext, x: Value) => product(c, x, first, count),
          transposed: (c: LayerContext, weights: Value) => scaled(c, matmul(c.b, weights, rows(c, first, count))),
        });
      });
    },
    rowsOf: (c, slots) => {
      const chosen = gather(c.b, place(c).stored, slots, 0);
      return scaled(c, matrix.dtype === 'float32' ? chosen : cast(c.b, chosen, 'float32'));
    },
    vector: (index) => {
      const first = checkClass(index, classes) * features;
      return Float32Array.from(matrix.data.subarray(first, first + features), (entry) => factor * entry);
    },
  };
}
