import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Ort from 'onnxruntime-node';
import { z } from 'zod';
import { randomStream } from '../src/core/random.ts';
import { sizeOf } from '../src/core/shape.ts';
import { toOnnx } from '../src/graph/onnx-write.ts';
import { lower, type LoweringTarget } from '../src/lowering/lower.ts';
import { cpuSessionOptions } from '../src/runtime/cpu.ts';
import { openRuntime } from '../src/runtime/index.ts';
import { initialTensors, packState } from '../src/train/step-program.ts';
import type { StepModel } from './step-models.ts';
import { settingsOf, stepProgram, type TrainStepOptions } from './train-step.ts';

const ort = createRequire(import.meta.url)('onnxruntime-node') as typeof Ort;

async function targetOf(threads: number): Promise<LoweringTarget> {
  const { blockSize } = await openRuntime({ device: 'cpu', threads });
  return blockSize === 8 || blockSize === 16 ? { kind: 'blocked', block: blockSize } : { kind: 'portable' };
}

/** What ONNX Runtime writes of a node that ran; other events lack the operator. */
const event = z.object({
  name: z.string(),
  dur: z.number(),
  args: z.object({ op_name: z.string() }),
});

const STEPS = 3;
const NODES = 10;

/** Where the time of a training step goes, by ONNX Runtime's own profile: shares hold on a busy machine too. */
export async function profileSteps(options: TrainStepOptions): Promise<string> {
  const target = await targetOf(options.threads);
  const texts: string[] = [];
  for (const model of settingsOf(options)) texts.push(await profileModel(model, target, options));
  return texts.join('\n');
}

async function profileModel(model: StepModel, target: LoweringTarget, options: TrainStepOptions): Promise<string> {
  const { checkpoint, threads } = options;
  const program = stepProgram(model);
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-profile-'));
  try {
    const session = await ort.InferenceSession.create(toOnnx(lower(program.graph, target, { checkpoint })), {
      ...cpuSessionOptions('training', threads),
      enableProfiling: true,
      profileFilePrefix: join(folder, 'steps'),
    });
    const { name, batch, image, classes } = model;
    const random = randomStream(0, 'bench', 'profile', name);
    const images = Float32Array.from({ length: sizeOf([batch, 3, image, image]) }, () => random.normal());
    const labels = Int32Array.from({ length: batch }, () => random.integer(classes));
    const feeds: Record<string, Ort.Tensor> = {
      images: new ort.Tensor('float32', images, [batch, 3, image, image]),
      labels: new ort.Tensor('int32', labels, [batch]),
    };
    for (const [key, value] of Object.entries(packState(program, initialTensors(program, 0))))
      if (value.dtype === 'float32') feeds[key] = new ort.Tensor('float32', value.data, value.shape);
    for (const [key, value] of Object.entries(program.scalars(1, 0.05)))
      feeds[key] = new ort.Tensor('float32', Float32Array.of(value), []);
    for (let step = 0; step < STEPS; step++) await session.run(feeds);
    session.endProfiling();
    await session.release();
    const [file = ''] = await readdir(folder);
    const events: unknown = JSON.parse(await readFile(join(folder, file), 'utf8'));
    const ran = z
      .array(z.unknown())
      .parse(events)
      .flatMap((one) => {
        const { success, data } = event.safeParse(one);
        return success && data.name.endsWith('_kernel_time') ? [data] : [];
      });
    return `${name}, batch ${batch}, ${target.kind}\n${sharesOf(ran)}`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function sharesOf(events: readonly z.infer<typeof event>[]): string {
  const total = events.reduce((sum, { dur }) => sum + dur, 0);
  const by = (key: (one: z.infer<typeof event>) => string): readonly (readonly [string, number])[] => {
    const sums = new Map<string, number>();
    for (const one of events) sums.set(key(one), (sums.get(key(one)) ?? 0) + one.dur);
    return [...sums].sort((a, b) => b[1] - a[1]);
  };
  const line = ([name, time]: readonly [string, number]): string =>
    `  ${((100 * time) / total).toFixed(1).padStart(5)} %  ${name}`;
  const operators = by(({ args }) => args.op_name).filter(([, time]) => time > total / 1000);
  const nodes = by(({ name }) => name.replace(/_kernel_time$/, '')).slice(0, NODES);
  return `${[...operators.map(line), ' the slowest nodes:', ...nodes.map(line)].join('\n')}\n`;
}

/** Milliseconds of each part of what happens between a model's name and its first step. */
export async function timeCreation(options: TrainStepOptions): Promise<string> {
  const target = await targetOf(options.threads);
  const lines: string[] = [];
  for (const model of settingsOf(options)) {
    const times: [string, number][] = [];
    const timed = async <T>(name: string, body: () => T | Promise<T>): Promise<T> => {
      const started = performance.now();
      const result = await body();
      times.push([name, performance.now() - started]);
      return result;
    };
    const program = await timed('graph and gradients', () => stepProgram(model));
    const lowered = await timed('lowering', () => lower(program.graph, target, options));
    const bytes = await timed('ONNX bytes', () => toOnnx(lowered));
    const session = await timed('session', () =>
      ort.InferenceSession.create(bytes, cpuSessionOptions('training', options.threads)),
    );
    await session.release();
    const total = times.reduce((sum, [, time]) => sum + time, 0);
    const parts = times.map(([name, time]) => `${name} ${time.toFixed(0)}`).join(', ');
    lines.push(`${model.name}: ${total.toFixed(0)} ms (${parts}), ${lowered.nodes.length} nodes`);
  }
  return `${lines.join('\n')}\n`;
}
