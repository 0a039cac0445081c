import { randomStream } from '../core/random.ts';
import { median } from '../core/statistics.ts';
import { float32 } from '../core/tensor.ts';
import { createBuilder } from '../graph/builder.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Head } from '../heads/head.ts';
import type { TimedBatch, TimingFacts } from '../report/head-document.ts';
import type { Runtime, Session } from '../runtime/runtime.ts';
import { classifierGraph } from '../train/inference-graph.ts';
import { blankHeadWeights } from './head-doctor.ts';

const BATCHES = [1, 64] as const;

/** Most bytes of weights of a dense classifier that are made only to be timed. The runtime keeps two more copies. */
const MOST_WEIGHTS = 2 ** 28;

/** Most bytes of logits of one call. The runtime keeps up to three tensors of that size at once. */
const MOST_LOGITS = 2 ** 27;

const FLOAT_BYTES = 4;

/** A pair is timed until both limits of one of these lines are reached, whichever is first. */
const WARM_CALLS = 3;
const MOST_CALLS = 200;
const MOST_MILLISECONDS = 500;

function featureBatch(batch: number, features: number) {
  const random = randomStream(0, 'head-timing', batch, features);
  return float32(
    [batch, features],
    Float32Array.from({ length: batch * features }, () => random.normal()),
  );
}

/** Median milliseconds of one call, for as many calls as half a second has room for. */
async function timeSession(session: Session, batch: number, features: number): Promise<number> {
  const feeds = { features: featureBatch(batch, features) };
  const times: number[] = [];
  const began = performance.now();
  for (let call = 0; call < WARM_CALLS + MOST_CALLS; call++) {
    const started = performance.now();
    await session.run(feeds);
    const ended = performance.now();
    // One slow call is enough to know.
    if (call >= WARM_CALLS || ended - began > MOST_MILLISECONDS) times.push(ended - started);
    if (ended - began > MOST_MILLISECONDS) break;
  }
  return median(times);
}

/** W·x + b with random W, as another program would export it. */
function denseBytes(features: number, classes: number): Uint8Array {
  const b = createBuilder('dense');
  const x = b.input('features', 'float32', ['batch', features]);
  // What the numbers are does not matter, only that they are ordinary ones: a short random pattern is enough.
  const random = randomStream(0, 'dense-weights');
  const pattern = Float32Array.from({ length: 1021 }, () => random.normal());
  const weights = new Float32Array(features * classes);
  for (let start = 0; start < weights.length; start += pattern.length)
    weights.set(pattern.subarray(0, weights.length - start), start);
  const weight = b.named('weight', float32([classes, features], weights));
  const bias = b.named('bias', float32([classes], new Float32Array(classes)));
  b.output(b.op('Gemm', [x, weight, bias], { alpha: 1, beta: 1, transA: 0, transB: 1 }), 'logits');
  return toOnnx(b.build());
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`;

/**
 * Times a head alone and a dense classifier of its size on this machine, each at a batch of 1 and of 64. What would need more than
 * some hundred megabytes is left out, with the reason.
 */
export async function timeHead(runtime: Runtime, head: Head): Promise<TimingFacts> {
  const { features, classes } = head;
  const weightBytes = FLOAT_BYTES * features * classes;
  const skipped: string[] = [];
  const batches = BATCHES.filter((batch) => {
    const logits = FLOAT_BYTES * batch * classes;
    if (logits <= MOST_LOGITS) return true;
    skipped.push(`batch ${batch}: its logits alone are ${megabytes(logits)} (limit ${megabytes(MOST_LOGITS)})`);
    return false;
  });
  const storesMatrix = head.geometry === undefined || head.geometry.fixedParameters > 0;
  const own =
    storesMatrix && weightBytes > MOST_WEIGHTS
      ? undefined
      : await timeBytes(runtime, toOnnx(classifierGraph(head, blankHeadWeights(head))), batches, features);
  if (own === undefined)
    skipped.push(`this head: its matrix is ${megabytes(weightBytes)} (limit ${megabytes(MOST_WEIGHTS)})`);
  const dense =
    weightBytes > MOST_WEIGHTS ? undefined : await timeBytes(runtime, denseBytes(features, classes), batches, features);
  if (dense === undefined)
    skipped.push(`a dense classifier: its weights are ${megabytes(weightBytes)} (limit ${megabytes(MOST_WEIGHTS)})`);
  return Object.freeze({
    device: runtime.description,
    batches: batches.map((batch, place): TimedBatch => ({
      batch,
      head: own?.[place] ?? null,
      dense: dense?.[place] ?? null,
    })),
    skipped,
  });
}

async function timeBytes(
  runtime: Runtime,
  bytes: Uint8Array,
  batches: readonly number[],
  features: number,
): Promise<readonly number[]> {
  await using session = await runtime.createSession(bytes, 'inference');
  const times: number[] = [];
  for (const batch of batches) times.push(await timeSession(session, batch, features));
  return times;
}
