import { describe, expect, test } from 'vitest';
import { randomStream } from '../src/core/random.ts';
import { float32 } from '../src/core/tensor.ts';
import { createBuilder } from '../src/graph/builder.ts';
import { toOnnx } from '../src/graph/onnx-write.ts';
import { createHead, headSpec, type HeadKind } from '../src/heads/index.ts';
import { createLayerContext } from '../src/nn/layer-context.ts';
import { openRuntime } from '../src/runtime/index.ts';
import { classifierGraph } from '../src/train/inference-graph.ts';
import { openHead, type HeadDescription } from '../src/wasm/index.ts';

type Union = Omit<HeadDescription, 'kind' | 'features' | 'classes'>;

/** Each head in both forms: what `createHead` makes of it, and the same union of bases as a description. */
const cases: readonly (readonly [HeadKind, features: number, classes: number, Union])[] = [
  ['hadamard', 64, 64, {}],
  ['hadamard', 64, 10, { firstRow: 1 }],
  ['hadamard', 100, 37, { firstRow: 1 }],
  ['hadamard', 94, 50, { order: 92, firstRow: 1 }],
  ['hadamard', 64, 100, { antipodal: true, firstRow: 1 }],
  ['hadamard', 64, 1000, { diagonals: 'kerdock' }],
  ['hadamard', 128, 3000, { diagonals: 'gold' }],
  ['hadamard', 64, 3000, { diagonals: 'kerdock', antipodal: true }],
  ['biorthogonal', 32, 64, { antipodal: true }],
  ['coset', 16, 300, { diagonals: 'delsarte-goethals' }],
  ['simplex', 64, 10, { firstRow: 1, centred: true }],
  ['simplex', 63, 64, { firstColumn: 1 }],
];

describe('the WebAssembly head and the ONNX form', () => {
  test.each(cases)('%s, %d features, %d classes agree to float rounding', async (kind, features, classes, union) => {
    const head = createHead(headSpec(kind, { scale: 8, bias: true }), { features, classes, sign: 'signed' });
    const b = createBuilder('parameters');
    const c = createLayerContext(b);
    head.logits(c, b.input('features', 'float32', [1, features]));
    const random = randomStream(0, 'wasm and onnx', features, classes);
    const normals = (length: number): Float32Array => Float32Array.from({ length }, () => random.normal());
    const bias = normals(classes);
    expect(c.tensors().parameters.map(({ name }) => name)).toEqual(['head.bias']);
    const runtime = await openRuntime({ device: 'cpu', threads: 1 });
    const graph = classifierGraph(head, new Map([['head.bias', float32([classes], bias)]]));
    const session = await runtime.createSession(toOnnx(graph), 'inference');
    const batch = 5;
    const x = normals(batch * features);
    const { logits } = await session.run({ features: float32([batch, features], x) });
    const reference = logits?.data as Float32Array;
    using opened = await openHead({ kind: 'hadamard', features, classes, scale: 8, bias, ...union });
    const own = opened.logits(x);
    expect(own.length).toBe(reference.length);
    // Both round: each of the additions behind a logit, and of those behind the norm, by 2⁻²⁴ of at most α.
    const tolerance = 2 * (2 * Math.sqrt(features) + features / 4 + 20) * 2 ** -24 * 8;
    const furthest = own.reduce((most, value, i) => Math.max(most, Math.abs(value - (reference[i] ?? NaN))), 0);
    expect(furthest).toBeLessThan(tolerance);
  });
});
