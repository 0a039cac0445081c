import { createBuilder } from '../src/graph/builder.ts';
import { createLayerContext } from '../src/nn/layer-context.ts';
import { alternate, withContenders } from './alternate.ts';
import { multiplyAdds } from './arithmetic.ts';
import { openOurs, openPython, isMissing } from './contender.ts';
import type { Measured, Progress, Row } from './document.ts';
import { peakMultiplyAdds } from './floor.ts';
import { modelFor, stepModel, type StepModel } from './step-models.ts';
import { expectSameModel, rowOf } from './train-step.ts';

export interface InferenceOptions {
  readonly models: readonly string[];
  readonly batches: readonly number[];
  readonly rounds: number;
  readonly threads: number;
  readonly interpreters: readonly string[];
  readonly matmul: number;
}

/**
 * How long the graph that users get takes for a batch of images, and the memory that the process has needed at its peak, against
 * PyTorch in eager mode. The floor is its multiply-adds at the rate of a large MatMul in the same runtime.
 */
export async function benchInference(options: InferenceOptions, progress: Progress): Promise<Measured> {
  const models = options.models.map(stepModel);
  progress('measuring the peak of MatMul');
  const peak = await peakMultiplyAdds(options.threads, options.matmul);
  const rows: Row[] = [];
  const peers: Record<string, string> = {};
  for (const model of models)
    for (const batch of options.batches) {
      const { name, image, classes } = model;
      const settings = { model: name, batch, image, classes, threads: options.threads };
      progress(`${name}, batch ${batch}: building`);
      const openers = [
        () => openOurs('fixhead', 'inference.ts', settings),
        () => openPython('PyTorch eager', 'inference.py', settings, options.interpreters),
      ];
      rows.push(
        await withContenders(openers, async (contenders) => {
          expectSameModel(contenders);
          const rounds = { warmup: 2, rounds: options.rounds, calls: 5 };
          const times = await alternate(contenders, rounds, progress);
          const memory = new Map<string, number>();
          for (const one of contenders) if (!isMissing(one)) memory.set(one.name, await one.peakMegabytes());
          const [own, peer] = contenders;
          if (own === undefined || peer === undefined) throw new Error('two contenders were opened');
          if (!isMissing(peer)) peers['PyTorch'] = peer.facts['version'] ?? 'unknown';
          const floor = (batch * imageMultiplyAdds(model)) / peak;
          return rowOf(`${name}, batch ${batch}`, own, peer, times, memory, floor);
        }),
      );
    }
  return { rows, peers };
}

function imageMultiplyAdds({ name, image, classes }: StepModel): number {
  const model = modelFor({ name, image, classes });
  const b = createBuilder(name);
  b.output(model.forward(createLayerContext(b), b.input('images', 'float32', [1, 3, image, image])));
  return multiplyAdds(b.build());
}
