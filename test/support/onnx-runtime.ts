import { defined, internalError } from '../../src/core/errors.ts';
import { staticShape } from '../../src/core/shape.ts';
import { tensor, type DType, type HostTensor } from '../../src/core/tensor.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { openRuntime } from '../../src/runtime/node.ts';
import type { Runtime, SessionPurpose } from '../../src/runtime/runtime.ts';
import type { NdArray } from '../reference/array.ts';
import { toNdArray } from '../reference/evaluate.ts';

let opened: Promise<Runtime> | undefined;

/** ONNX Runtime's CPU provider on one thread, opened once a test file. */
export function cpuRuntime(): Promise<Runtime> {
  return (opened ??= openRuntime({ device: 'cpu', threads: 1 }));
}

/** A float64 array as a tensor of an element type, rounded where the type is narrower. */
export function fromNdArray({ shape, data }: NdArray, dtype: DType): HostTensor {
  if (dtype === 'float32') return tensor(dtype, shape, Float32Array.from(data));
  if (dtype === 'float64') return tensor(dtype, shape, data);
  if (dtype === 'int64') return tensor(dtype, shape, BigInt64Array.from(data, BigInt));
  if (dtype === 'int32') return tensor(dtype, shape, Int32Array.from(data));
  if (dtype === 'bool') return tensor(dtype, shape, Uint8Array.from(data));
  throw internalError(`tests do not feed ${dtype}`);
}

/** Runs a graph of executable operators on ONNX Runtime and returns its outputs by name. */
export async function runOnnx(
  graph: Graph,
  feeds: ReadonlyMap<string, NdArray>,
  purpose: SessionPurpose = 'training',
): Promise<Map<string, NdArray>> {
  const runtime = await cpuRuntime();
  const session = await runtime.createSession(toOnnx(graph), purpose);
  try {
    const given = graph.inputs.map((name) => {
      const type = defined(graph.types.get(name), `type of ${name}`);
      const feed = defined(feeds.get(name), `feed ${name}`);
      return [name, fromNdArray({ shape: staticShape(feed.shape, name), data: feed.data }, type.dtype)] as const;
    });
    const results = await session.run(Object.fromEntries(given));
    return new Map(graph.outputs.map((name) => [name, toNdArray(defined(results[name], `output ${name}`))]));
  } finally {
    await session[Symbol.asyncDispose]();
  }
}
