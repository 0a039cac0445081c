import { z } from 'zod';
import { inputError } from '../../src/core/errors.ts';
import { countParameters } from '../../src/heads/index.ts';
import { windowFeeds } from '../../src/language/program.ts';
import { openRuntime } from '../../src/runtime/index.ts';
import { initialTensors } from '../../src/train/step-program.ts';
import { openProgram } from '../../src/train/step-runner.ts';
import { isLmVectors, LEARNING_RATE, lmStepProgram, lmStepWindow } from '../lm-step-models.ts';
import { serve } from './serve.ts';

const options = z.object({
  vectors: z.string().refine(isLmVectors),
  words: z.int().positive(),
  hidden: z.int().positive(),
  layers: z.int().positive(),
  batch: z.int().positive(),
  window: z.int().positive(),
  threads: z.int().positive(),
});

/** One full training step of a language model: dropout masks, forward, backward, clipping and Adam. */
await serve(options, async ({ vectors, threads, ...sizes }) => {
  if (!isLmVectors(vectors)) return `no word vectors ${String(vectors)}`;
  const runtime = await openRuntime({ device: 'cpu', threads });
  const program = lmStepProgram(vectors, sizes);
  const runner = await openProgram(runtime, program, initialTensors(program, 0));
  const text = lmStepWindow(sizes);
  let step = 0;
  return {
    facts: { version: runtime.description, parameters: String(countParameters(program.tensors).trainable) },
    call: async () => {
      step++;
      const outputs = await runner.step(windowFeeds(sizes, text, step > 1), step, LEARNING_RATE);
      const loss = Number(outputs['loss']?.data[0]);
      if (!Number.isFinite(loss)) throw inputError('the loss is not a number', { where: `${vectors}, step ${step}` });
      return undefined;
    },
  };
});
