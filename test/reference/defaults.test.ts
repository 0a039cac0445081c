import proto from 'onnx-proto';
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { defined } from '../../src/core/errors.ts';
import { readOnnx } from '../../src/graph/onnx-read.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { ops } from '../../src/graph/ops.ts';
import { allOps, casesOf, graphOf } from '../gradients/cases.ts';
import { expectAllclose } from '../support/allclose.ts';
import { fromNdArray } from '../support/onnx-runtime.ts';
import { evaluateGraph } from './evaluate.ts';

const SEED = 2;
const { ModelProto } = proto.onnx;

/** The file without a single attribute, and without output types, which may now be others. */
function withoutAttributes(bytes: Uint8Array): Uint8Array {
  const model = ModelProto.decode(bytes);
  const graph = defined(model.graph ?? undefined, 'graph');
  for (const node of graph.node ?? []) node.attribute = [];
  for (const output of graph.output ?? []) delete output.type;
  return ModelProto.encode(model).finish();
}

/** Outputs by name; `undefined` where ONNX Runtime refuses the file or these inputs. */
async function run(
  bytes: Uint8Array,
  feeds: Readonly<Record<string, ort.Tensor>>,
): Promise<ort.InferenceSession.OnnxValueMapType | undefined> {
  let session: ort.InferenceSession | undefined;
  try {
    session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    return await session.run(feeds, { logSeverityLevel: 4 });
  } catch {
    return undefined;
  } finally {
    await session?.release();
  }
}

describe('an absent attribute means to the reader what it means to ONNX Runtime', () => {
  const candidates = allOps.filter((op) => ops[op].domain === '' && Object.keys(ops[op].attributes).length > 0);
  test.each(candidates)('%s', async (op) => {
    const read: string[] = [];
    for (const built of casesOf(op, SEED)) {
      const bytes = withoutAttributes(toOnnx(graphOf(built)));
      const { graph } = readOnnx(bytes, op);
      const known = graph.nodes[0]?.kind === 'op';
      if (known) read.push(built.name);
      const feeds = graph.inputs.map((name) => {
        const { dtype } = defined(graph.types.get(name), name);
        const { data, shape } = fromNdArray(defined(built.feeds.get(name), name), dtype);
        return [name, new ort.Tensor(dtype as 'float32', data as Float32Array, shape)] as const;
      });
      const results = await run(bytes, Object.fromEntries(feeds));
      if (results === undefined) continue;
      expect(known, `${op} "${built.name}" is read as ${op}`).toBe(true);
      const reference = evaluateGraph(graph, built.feeds);
      for (const name of graph.outputs) {
        const { data, shape } = defined(reference.get(name), name);
        const actual = defined(results[name], name);
        expect(actual.dims, op).toEqual(shape);
        const numbers = Array.from(actual.data as ArrayLike<number | bigint>, Number);
        expectAllclose(numbers, data, { what: `${op}, ${name}`, atol: 1e-5, rtol: 1e-5, shape });
      }
      // All cases start from the same attributes once theirs are gone: one that runs is enough.
      return;
    }
    // Nothing ran: the operator cannot do without an attribute, and the reader must not make one up.
    expect(read).toEqual([]);
  });
});
