import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import proto, { type onnx } from 'onnx-proto';
import { FixheadError } from '../../src/core/errors.ts';
import type { RandomStream } from '../../src/core/random.ts';
import { foldConstants } from '../../src/graph/fold.ts';
import { readOnnx } from '../../src/graph/onnx-read.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { onnxTestData } from './onnx-cases.ts';

const { ModelProto, AttributeProto } = proto.onnx;
const FLOAT = 1;

function tensorInfo(name: string, dims: readonly (number | string)[]): onnx.IValueInfoProto {
  const dim = dims.map((extent) => (typeof extent === 'number' ? { dimValue: extent } : { dimParam: extent }));
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}

/** Models with what files may hold: functions, control flow, external data, old and new operators, computed shapes. */
function builtModels(): readonly Uint8Array[] {
  const { AttributeType } = AttributeProto;
  const encode = (graph: onnx.IGraphProto, model: onnx.IModelProto = {}): Uint8Array =>
    ModelProto.encode({
      irVersion: 8,
      opsetImport: [{ domain: '', version: 18 }],
      graph: { name: 'g', ...graph },
      ...model,
    }).finish();
  const x = tensorInfo('x', ['batch', 2, 4]);
  const shapes = encode({
    input: [x],
    output: [{ name: 'y' }],
    initializer: [
      { name: 'zero', dims: [1], dataType: 7, int64Data: [0] },
      { name: 'rest', dims: [1], dataType: 7, int64Data: [-1] },
      { name: 'w', dims: [8, 3], dataType: FLOAT, rawData: new Uint8Array(96) },
    ],
    node: [
      { opType: 'Shape', input: ['x'], output: ['s'] },
      { opType: 'Gather', input: ['s', 'zero'], output: ['n'] },
      {
        opType: 'Concat',
        input: ['n', 'rest'],
        output: ['t'],
        attribute: [{ name: 'axis', type: AttributeType.INT, i: 0 }],
      },
      { opType: 'Reshape', input: ['x', 't'], output: ['r'] },
      { opType: 'Gemm', name: 'fc', input: ['r', 'w'], output: ['l'] },
      { opType: 'Softmax', input: ['l'], output: ['y'], attribute: [{ name: 'axis', type: AttributeType.INT, i: -1 }] },
    ],
  });
  const old = encode(
    {
      input: [x],
      output: [{ name: 'y' }],
      node: [
        { opType: 'Softmax', input: ['x'], output: ['a'] },
        {
          opType: 'Clip',
          input: ['a'],
          output: ['b'],
          attribute: [{ name: 'max', type: AttributeType.FLOAT, f: 0.5 }],
        },
        {
          opType: 'ReduceMean',
          input: ['b'],
          output: ['y'],
          attribute: [{ name: 'axes', type: AttributeType.INTS, ints: [2] }],
        },
      ],
    },
    { opsetImport: [{ domain: '', version: 9 }] },
  );
  const recent = encode(
    {
      input: [tensorInfo('x', [1, 2, 4, 4])],
      output: [{ name: 'y' }],
      node: [
        { opType: 'Gelu', input: ['x'], output: ['a'] },
        { opType: 'Attention', input: ['a', 'a', 'a'], output: ['y'] },
      ],
    },
    { irVersion: 11, opsetImport: [{ domain: '', version: 23 }] },
  );
  const functions = encode(
    {
      input: [x],
      output: [{ name: 'y' }],
      node: [{ opType: 'F', domain: 'own', name: 'call', input: ['x'], output: ['y'] }],
    },
    {
      opsetImport: [
        { domain: '', version: 18 },
        { domain: 'own', version: 1 },
      ],
      functions: [
        {
          name: 'F',
          domain: 'own',
          input: ['a'],
          output: ['b'],
          opsetImport: [{ domain: '', version: 17 }],
          node: [
            { opType: 'Relu', input: ['a'], output: ['c'] },
            { opType: 'Neg', input: ['c'], output: ['b'] },
          ],
        },
      ],
    },
  );
  const loop = encode({
    input: [x],
    output: [{ name: 'y' }],
    node: [
      {
        opType: 'If',
        input: ['c'],
        output: ['y'],
        attribute: [
          { name: 'then_branch', type: AttributeType.GRAPH, g: { name: 't', output: [{ name: 'x' }] } },
          { name: 'else_branch', type: AttributeType.GRAPH, g: { name: 'e', output: [{ name: 'x' }] } },
        ],
      },
    ],
    initializer: [{ name: 'c', dims: [], dataType: 9, int32Data: [1] }],
  });
  const external = encode({
    output: [{ name: 'w' }],
    initializer: [
      {
        name: 'w',
        dims: [2],
        dataType: FLOAT,
        dataLocation: proto.onnx.TensorProto.DataLocation.EXTERNAL,
        externalData: [
          { key: 'location', value: 'w.bin' },
          { key: 'offset', value: '8' },
        ],
      },
    ],
  });
  return [shapes, old, recent, functions, loop, external];
}

/** Small real files: those above, and one in `every` of the ONNX project's where they are installed. */
export function seedModels(every: number): readonly Uint8Array[] {
  const built = builtModels();
  if (!existsSync(onnxTestData)) return built;
  const files = ['node', 'simple', 'pytorch-converted', 'pytorch-operator'].flatMap((group) =>
    readdirSync(join(onnxTestData, group))
      .sort()
      .map((name) => join(onnxTestData, group, name, 'model.onnx'))
      .filter((path) => existsSync(path)),
  );
  const real = files
    .filter((_, index) => index % every === 0)
    .map((path) => new Uint8Array(readFileSync(path)))
    .filter(({ length }) => length < 20_000);
  return [...built, ...real];
}

const pick = <T>(random: RandomStream, list: readonly T[]): T | undefined => list[random.integer(list.length)];

/** Sizes, versions, types and bytes at the edge of something. */
const oddNumbers = [0, 1, -1, 2, 7, 8, 127, 128, 255, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 40, 2 ** 53];
const oddTexts = [
  '',
  'x',
  'y',
  '\0',
  '../../etc/passwd',
  '__proto__',
  'constructor',
  'toString',
  'ai.onnx',
  'ß\u{1f600}',
  'a'.repeat(5000),
];
const oddTypes = [
  'Softmax',
  'Reshape',
  'Expand',
  'ConstantOfShape',
  'Range',
  'Tile',
  'Resize',
  'Split',
  'Constant',
  'If',
  'Attention',
  'Pad',
  'TopK',
  'OneHot',
  'Einsum',
  'Slice',
  'Gather',
];

type Plain = { [key: string]: unknown } | unknown[];
const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);

/** Changes a field somewhere in the model: what byte edits rarely do without breaking the encoding. */
function mutateFields(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const model = ModelProto.toObject(ModelProto.decode(bytes), { longs: Number }) as Plain;
  const edits = 1 + random.integer(4);
  for (let edit = 0; edit < edits; edit++) {
    const places: [holder: Plain, key: string][] = [];
    const walk = (value: Plain): void => {
      for (const [key, inner] of Object.entries(value)) {
        places.push([value, key]);
        if (isPlain(inner)) walk(inner);
      }
    };
    walk(model);
    const place = pick(random, places);
    if (place === undefined) break;
    const [holder, key] = place;
    const slots = holder as Record<string, unknown>;
    const value = slots[key];
    if (typeof value === 'number') slots[key] = pick(random, oddNumbers);
    else if (typeof value === 'string') {
      const others = places.map(([other, name]) => (other as Record<string, unknown>)[name]);
      const texts = others.filter((each) => typeof each === 'string');
      slots[key] = pick(random, [
        pick(random, texts) ?? '',
        pick(random, oddTexts) ?? '',
        key === 'opType' ? (pick(random, oddTypes) ?? '') : value,
      ]);
    } else if (value instanceof Uint8Array) slots[key] = value.slice(0, random.integer(value.length + 1));
    else if (Array.isArray(value)) {
      const one: unknown = value[random.integer(Math.max(1, value.length))];
      switch (random.integer(4)) {
        case 0:
          if (one !== undefined) value.push(one);
          break;
        case 1:
          value.splice(random.integer(value.length + 1), 1);
          break;
        case 2:
          value.reverse();
          break;
        default:
          if (one !== undefined) for (let copy = 0; copy < 200; copy++) value.push(one);
      }
    } else if (random.uniform() < 0.5) Reflect.deleteProperty(slots, key);
  }
  // Fields of a wrong type do not encode; such a mutation changes nothing.
  try {
    return ModelProto.encode(ModelProto.fromObject(model)).finish();
  } catch {
    return bytes;
  }
}

/** Changes, moves, adds or removes some bytes. */
function mutateBytes(bytes: Uint8Array, random: RandomStream, other: Uint8Array): Uint8Array {
  let result = Array.from(bytes);
  const edits = 1 + random.integer(6);
  for (let edit = 0; edit < edits; edit++) {
    const at = random.integer(result.length + 1);
    const count = 1 + random.integer(12);
    switch (random.integer(7)) {
      case 0:
        result[Math.min(at, result.length - 1)] = random.integer(256);
        break;
      case 1:
        result[Math.min(at, result.length - 1)] = pick(random, [0, 1, 127, 128, 255]) ?? 0;
        break;
      case 2:
        result.splice(at, count);
        break;
      case 3:
        result.splice(at, 0, ...result.slice(at, at + count));
        break;
      case 4:
        // A number of up to ten bytes: huge as a size, negative as a dimension.
        result.splice(at, 1, ...new Array<number>(1 + random.integer(9)).fill(255), random.integer(128));
        break;
      case 5: {
        const from = random.integer(other.length + 1);
        result.splice(at, 0, ...other.slice(from, from + 60));
        break;
      }
      default:
        if (random.uniform() < 0.2) result = result.slice(0, at);
    }
    if (result.length === 0) result = [random.integer(256)];
  }
  return Uint8Array.from(result);
}

/** A model that is broken somewhere. */
export function mutate(seeds: readonly Uint8Array[], random: RandomStream): Uint8Array {
  const seed = pick(random, seeds) ?? new Uint8Array(0);
  const other = pick(random, seeds) ?? seed;
  return random.uniform() < 0.5 ? mutateFields(seed, random) : mutateBytes(seed, random, other);
}

/** What became of a broken model; anything else that is thrown is a fault of the reader. */
export type Survival = 'read' | 'refused' | 'not written';

function unlessRefused<T>(attempt: () => T, kinds: readonly string[]): T | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof FixheadError && kinds.includes(error.kind)) return undefined;
    throw error;
  }
}

/** Reads a model, writes it back, reads that and folds its constants: each may only fail with an error for the reader. */
export function survive(bytes: Uint8Array): Survival {
  const external = (): Uint8Array => new Uint8Array(64);
  const model = unlessRefused(() => readOnnx(bytes, 'fuzz', { external }), ['input']);
  if (model === undefined) return 'refused';
  unlessRefused(() => foldConstants(model.graph), ['input']);
  const written = unlessRefused(() => toOnnx(model.graph), ['usage', 'input']);
  if (written === undefined) return 'not written';
  readOnnx(written, 'again');
  return 'read';
}
