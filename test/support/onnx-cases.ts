import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import proto from 'onnx-proto';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { FixheadError } from '../../src/core/errors.ts';
import type { HostTensor } from '../../src/core/tensor.ts';
import { foldConstants } from '../../src/graph/fold.ts';
import { externalData } from '../../src/graph/onnx-external.ts';
import { readTensor } from '../../src/graph/onnx-values.ts';
import { readOnnx } from '../../src/graph/onnx-read.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';

/** Where Debian's package libonnx-testdata puts the ONNX project's own test models. */
export const onnxTestData = '/usr/share/libonnx-testdata/data';

/** What became of one test of the ONNX project. */
export type CaseResult =
  /**
   * The model that was read and written back gives the outputs that the project expects, or those of the original; `alone` where
   * ONNX Runtime does not run the original.
   */
  | { readonly kind: 'agrees'; readonly alone?: true }
  | { readonly kind: 'disagrees'; readonly output: string }
  /** ONNX Runtime does not run the original. */
  | { readonly kind: 'runtime'; readonly reason: string }
  /** Inputs or outputs that are no numeric tensors: sequences, text, absent ones. */
  | { readonly kind: 'not tensors' }
  /** The outputs are random numbers. */
  | { readonly kind: 'random' }
  | { readonly kind: 'refused'; readonly reason: string };

export interface OnnxCase {
  readonly name: string;
  readonly folder: string;
}

/** The tests that have a model and data with it. */
export function onnxCases(): readonly OnnxCase[] {
  return ['node', 'simple', 'pytorch-converted', 'pytorch-operator'].flatMap((group) =>
    readdirSync(join(onnxTestData, group))
      .sort()
      .map((name) => ({ name: `${group}/${name}`, folder: join(onnxTestData, group, name) }))
      .filter(({ folder }) => existsSync(join(folder, 'model.onnx')) && existsSync(join(folder, 'test_data_set_0'))),
  );
}

type Named = Readonly<Record<string, HostTensor>>;

/** Tensors of a data set by the names of values, `undefined` where one is no numeric tensor. */
function dataOf(folder: string, what: string, names: readonly string[]): Named | undefined {
  const tensors: Record<string, HostTensor> = {};
  for (const [index, name] of names.entries()) {
    const path = join(folder, 'test_data_set_0', `${what}_${index}.pb`);
    if (!existsSync(path)) return undefined;
    try {
      const bytes = new Uint8Array(readFileSync(path));
      // The codec has no type for sequences; as a tensor their bytes make no sense.
      tensors[name] = readTensor(proto.onnx.TensorProto.decode(bytes), externalData(undefined), path);
    } catch {
      return undefined;
    }
  }
  return tensors;
}

/** Element types that ONNX Runtime's JavaScript interface takes. */
const feedable = new Set([
  'float32',
  'float64',
  'float16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
]);

async function withSession<T>(bytes: Uint8Array, use: (session: InferenceSession) => Promise<T>): Promise<T> {
  const session = await InferenceSession.create(bytes, {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
    // Differences are those of the models, not of what the optimiser makes of them.
    graphOptimizationLevel: 'disabled',
  });
  try {
    return await use(session);
  } finally {
    await session.release();
  }
}

async function run(bytes: Uint8Array, inputs: Named): Promise<Readonly<Record<string, Tensor>>> {
  return await withSession(bytes, async (session) => {
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { dtype, data, shape }]) => [
        name,
        new Tensor(dtype as 'float32', data as Float32Array, [...shape]),
      ]),
    );
    return { ...(await session.run(feeds)) };
  });
}

/** The value of 16 bits as a half-precision number. */
function fromHalf(bits: number): number {
  const [sign, exponent, mantissa] = [bits >> 15 === 1 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15));
}

const numbers = (dtype: string, data: ArrayLike<unknown>): number[] =>
  Array.from(data, (value) => (dtype === 'float16' ? fromHalf(Number(value)) : Number(value)));

/** The largest error beyond the tolerance of the element type, 0 where all elements agree; the same infinities and NaN agree. */
function excess(actual: readonly number[], expected: readonly number[], dtype: string): number {
  if (actual.length !== expected.length) return Infinity;
  const tolerance = dtype === 'float16' ? 2e-3 : dtype === 'float64' ? 1e-7 : dtype === 'float32' ? 1e-4 : 0;
  return expected.reduce((worst, e, k) => {
    const a = actual[k] ?? NaN;
    if (Object.is(a, e) || a === e) return worst;
    const error = Math.abs(a - e) - tolerance * (1 + Math.abs(e));
    return Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }, 0);
}

function sameShape(tensor: Tensor, shape: readonly number[]): boolean {
  return tensor.dims.length === shape.length && tensor.dims.every((dim, axis) => dim === shape[axis]);
}

const firstLine = (error: unknown): string => String(error).split('\n')[0]?.slice(0, 200) ?? '';

type Outputs = Readonly<Record<string, Tensor>>;

/** What is written back of the model, as it was read and with its constants folded, or why it was refused. */
function writtenBack(bytes: Uint8Array): readonly [plain: Uint8Array, folded: Uint8Array] | string {
  try {
    const { graph } = readOnnx(bytes);
    return [toOnnx(graph), toOnnx(foldConstants(graph))];
  } catch (error) {
    if (error instanceof FixheadError && error.kind !== 'internal') return error.message;
    throw error;
  }
}

function matches(
  tensor: Tensor | undefined,
  dtype: string,
  shape: readonly number[],
  data: ArrayLike<unknown>,
): boolean {
  return (
    tensor !== undefined &&
    sameShape(tensor, shape) &&
    excess(numbers(dtype, tensor.data), numbers(dtype, data), dtype) === 0
  );
}

/** Whether each expected output is that of `outputs`, by name. */
function fitting(outputs: Outputs, expected: Named): ReadonlySet<string> {
  const names = Object.entries(expected)
    .filter(([name, { dtype, shape, data }]) => matches(outputs[name], dtype, shape, data))
    .map(([name]) => name);
  return new Set(names);
}

function sameOutputs(a: Outputs, b: Outputs, expected: Named): ReadonlySet<string> {
  const names = Object.entries(expected)
    .filter(([name, { dtype }]) => {
      const other = b[name];
      return other !== undefined && matches(a[name], dtype, other.dims, other.data);
    })
    .map(([name]) => name);
  return new Set(names);
}

/** The order of a model's inputs and outputs, without those that are initializers. */
function namesOf(bytes: Uint8Array): { readonly inputs: readonly string[]; readonly outputs: readonly string[] } {
  const { graph } = proto.onnx.ModelProto.decode(bytes);
  const given = new Set((graph?.initializer ?? []).map(({ name }) => name));
  const listed = (infos: readonly { name?: string | null }[] | null | undefined): readonly string[] =>
    (infos ?? []).map(({ name }) => name ?? '');
  return { inputs: listed(graph?.input).filter((name) => !given.has(name)), outputs: listed(graph?.output) };
}

/** Runs the original, then what is written back of it, on the test's inputs. */
export async function runCase({ folder }: OnnxCase): Promise<CaseResult> {
  const bytes = new Uint8Array(readFileSync(join(folder, 'model.onnx')));
  const names = namesOf(bytes);
  const inputs = dataOf(folder, 'input', names.inputs);
  const expected = dataOf(folder, 'output', names.outputs);
  if (inputs === undefined || expected === undefined) return { kind: 'not tensors' };
  if (![...Object.values(inputs), ...Object.values(expected)].every(({ dtype }) => feedable.has(dtype))) {
    return { kind: 'not tensors' };
  }
  const written = writtenBack(bytes);
  let original: Outputs;
  let again: Outputs;
  try {
    original = await run(bytes, inputs);
    again = await run(bytes, inputs);
  } catch (error) {
    const reason = firstLine(error);
    if (typeof written === 'string') return { kind: 'runtime', reason };
    const alone = await run(written[0], inputs).catch(() => undefined);
    if (alone === undefined) return { kind: 'runtime', reason };
    const disagreeing = names.outputs.find((name) => !fitting(alone, expected).has(name));
    return disagreeing === undefined ? { kind: 'agrees', alone: true } : { kind: 'disagrees', output: disagreeing };
  }
  if (typeof written === 'string') return { kind: 'refused', reason: written };
  if (sameOutputs(original, again, expected).size < names.outputs.length) return { kind: 'random' };
  for (const each of written) {
    const ours = await run(each, inputs);
    // Where ONNX Runtime's original differs from the project's expectation, what was read has to differ in the same way.
    const right = new Set([...fitting(ours, expected), ...sameOutputs(ours, original, expected)]);
    const disagreeing = names.outputs.find((name) => !right.has(name));
    if (disagreeing !== undefined) return { kind: 'disagrees', output: disagreeing };
  }
  return { kind: 'agrees' };
}
