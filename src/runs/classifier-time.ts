import { randomStream } from '../core/random.ts';
import { median } from '../core/statistics.ts';
import { float32 } from '../core/tensor.ts';
import { toOnnx } from '../graph/onnx-write.ts';
import type { Head } from '../heads/head.ts';
import type { Weights } from '../nn/layer-context.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { classifierGraph } from '../train/inference-graph.ts';

const WARMUP = 50;
const RUNS = 400;

/** Median microseconds of the exported classifier alone for one feature vector, the call into the runtime included. */
export async function measureClassifier(runtime: Runtime, head: Head, weights: Weights): Promise<number> {
  await using session = await runtime.createSession(toOnnx(classifierGraph(head, weights)), 'inference');
  const random = randomStream(0, 'classifier-time');
  const features = float32(
    [1, head.features],
    Float32Array.from({ length: head.features }, () => Math.abs(random.normal())),
  );
  const times: number[] = [];
  for (let run = 0; run < WARMUP + RUNS; run++) {
    const started = performance.now();
    await session.run({ features });
    if (run >= WARMUP) times.push(1000 * (performance.now() - started));
  }
  return median(times);
}
