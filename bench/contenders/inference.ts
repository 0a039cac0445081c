import { z } from 'zod';
import { inputError } from '../../src/core/errors.ts';
import { randomStream } from '../../src/core/random.ts';
import { float32 } from '../../src/core/tensor.ts';
import { toOnnx } from '../../src/graph/onnx-write.ts';
import { countParameters } from '../../src/heads/index.ts';
import { openRuntime } from '../../src/runtime/index.ts';
import { deploymentGraph } from '../../src/train/inference-graph.ts';
import { initialTensors } from '../../src/train/step-program.ts';
import { trainingProgram } from '../../src/train/training-program.ts';
import { sgd } from '../../src/optim/index.ts';
import { modelFor } from '../step-models.ts';
import { serve } from './serve.ts';

const options = z.object({
  model: z.string(),
  batch: z.int().positive(),
  image: z.int().positive(),
  classes: z.int().positive(),
  threads: z.int().positive(),
});

/** The graph that `fixhead export` writes and `fixhead predict` runs: BatchNorm folded, weights constant, any batch size. */
await serve(options, async ({ model: name, batch, image, classes, threads }) => {
  const runtime = await openRuntime({ device: 'cpu', threads });
  const model = modelFor({ name, image, classes });
  const program = trainingProgram(model, { batchSize: 2, optimizer: sgd(), labelSmoothing: 0, clipNorm: null });
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  const graph = deploymentGraph(model, initialTensors(program, 0), normalization);
  const session = await runtime.createSession(toOnnx(graph), 'inference');
  const random = randomStream(0, 'bench', 'inference');
  const pixels = Float32Array.from({ length: batch * 3 * image * image }, () => random.uniform());
  const images = float32([batch, 3, image, image], pixels);
  return {
    facts: { version: runtime.description, parameters: String(countParameters(program.tensors).trainable) },
    call: async () => {
      const { logits } = await session.run({ images });
      if (logits?.dtype !== 'float32' || !logits.data.every(Number.isFinite))
        throw inputError('a logit is not a number', { where: name });
      return undefined;
    },
  };
});
