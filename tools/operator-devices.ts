import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { gradients } from '../src/autodiff/gradients.ts';
import { isFloat } from '../src/autodiff/types.ts';
import { defined } from '../src/core/errors.ts';
import { randomStream } from '../src/core/random.ts';
import { sameShape, staticShape } from '../src/core/shape.ts';
import { createBuilder, staticShapeOf } from '../src/graph/builder.ts';
import { add, cast, mul, reduceSum } from '../src/graph/functions.ts';
import type { Graph } from '../src/graph/graph.ts';
import { toOnnx } from '../src/graph/onnx-write.ts';
import { definitionOf, isOp, type Op } from '../src/graph/ops.ts';
import { keepOutputs } from '../src/graph/passes.ts';
import { lower, type LoweringTarget } from '../src/lowering/lower.ts';
import { openRuntime } from '../src/runtime/node.ts';
import type { Runtime } from '../src/runtime/runtime.ts';
import { allOps, casesOf, graphOf, hasGradient, type BuiltCase } from '../test/gradients/cases.ts';
import { generate, type NdArray } from '../test/reference/array.ts';
import { evaluateGraph, toNdArray } from '../test/reference/evaluate.ts';
import { fromNdArray } from '../test/support/onnx-runtime.ts';

/**
 * `npm run record:operators`: runs every operator's test cases, forward and gradient, on the devices of this machine, compares with the
 * float64 reference and writes operator-devices.json, from which docs/operators.md says where an operator ran. `--continue`
 * goes on where a run was cut off; operators named after it are run again: `npm run record:operators -- --continue Slice Pow`.
 */

/** What became of an operator's cases on a device: the worst of them. */
export type Outcome =
  /** Ran there and gave the reference's values. */
  | 'agrees'
  /** Ran with the reference's values, but a node of it on the CPU: the device's provider lacks it in this form. */
  | 'falls back'
  | 'differs'
  | 'fails';

export interface Ran {
  readonly forward?: Outcome;
  readonly gradient?: Outcome;
  /** The case that did worst, and what was wrong with it. */
  readonly worst?: string;
}

export const targets = ['portable', 'blocked', 'webgpu'] as const;
export type TargetName = (typeof targets)[number];

export interface DeviceRecord {
  readonly date: string;
  readonly platform: string;
  /** What each target was: device, provider, versions; a target that is not here was not there. */
  readonly devices: Readonly<Partial<Record<TargetName, string>>>;
  readonly operators: Readonly<Record<string, Readonly<Partial<Record<TargetName, Ran>>>>>;
  /** Operators of ONNX Runtime's own that lowered graphs with the reference's values contained. */
  readonly emitted: readonly string[];
}

export const recordFile = new URL('operator-devices.json', import.meta.url);

const SEED = 5;
/**
 * Allowed error relative to a tensor's largest element: of float32 sums on the CPU; on a GPU the absolute error 2⁻¹¹ that WGSL allows
 * sin and cos (https://www.w3.org/TR/WGSL/#concrete-float-accuracy).
 */
const TOLERANCE: Readonly<Record<TargetName, number>> = { portable: 1e-5, blocked: 1e-5, webgpu: 2 ** -11 };
const FLOOR = 0.01;

interface Target {
  readonly name: TargetName;
  readonly lowering: LoweringTarget;
  readonly runtime: Runtime;
  /** The same device with the CPU for what its provider lacks. */
  readonly relaxed?: Runtime;
}

interface Subject {
  readonly graph: Graph;
  readonly feeds: ReadonlyMap<string, NdArray>;
}

/** The gradients of a random projection of the case's outputs; the case's builder is used up. */
function gradientOf({ builder: b, outputs, usable, differentiable, feeds, op, name }: BuiltCase): Subject {
  const all = new Map(feeds);
  const floats = outputs.slice(0, usable).filter(({ type }) => isFloat(type.dtype));
  const terms = floats.map((value, index) => {
    const shape = staticShapeOf(value);
    const random = randomStream(SEED, op, name, 'projection', index);
    all.set(
      `projection${index}`,
      generate(shape, () => Math.fround(0.3 + random.uniform())),
    );
    const float = value.type.dtype === 'float32' ? value : cast(b, value, 'float32');
    const weighted = mul(b, float, b.input(`projection${index}`, 'float32', shape));
    return reduceSum(
      b,
      weighted,
      shape.map((_, axis) => axis),
    );
  });
  const loss = terms.reduce((sum, term) => add(b, sum, term));
  const result = gradients(b.build(), { loss: loss.name, wrt: differentiable });
  const complete = createBuilder('gradients', result.graph);
  for (const [input, gradient] of result.gradients) complete.output(complete.value(gradient), `g:${input}`);
  const graph = complete.build();
  return {
    graph: keepOutputs(
      graph,
      differentiable.map((input) => `g:${input}`),
    ),
    feeds: all,
  };
}

async function run(runtime: Runtime, graph: Graph, { feeds }: Subject): Promise<ReadonlyMap<string, NdArray>> {
  const session = await runtime.createSession(toOnnx(graph), 'training');
  try {
    const given = graph.inputs.map((name) => {
      const { shape, data } = defined(feeds.get(name), name);
      const { dtype } = defined(graph.types.get(name), name);
      return [name, fromNdArray({ shape: staticShape(shape, name), data }, dtype)] as const;
    });
    const results = await session.run(Object.fromEntries(given));
    return new Map(graph.outputs.map((name) => [name, toNdArray(defined(results[name], name))]));
  } finally {
    await session[Symbol.asyncDispose]();
  }
}

/** What is wrong with the results, if anything. */
function difference(
  { graph, feeds }: Subject,
  actual: ReadonlyMap<string, NdArray>,
  tolerance: number,
): string | undefined {
  const reference = evaluateGraph(graph, feeds);
  for (const name of graph.outputs) {
    const [expected, found] = [defined(reference.get(name), name), defined(actual.get(name), name)];
    if (!sameShape(expected.shape, found.shape)) return `${name} has another shape`;
    const largest = expected.data.reduce(
      (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
      FLOOR,
    );
    const worst = expected.data.reduce((most, value, index) => {
      const other = found.data[index] ?? NaN;
      return Object.is(value, other) || value === other ? most : Math.max(most, Math.abs(value - other));
    }, 0);
    if (!(worst <= tolerance * largest)) return `${name} is off by ${worst.toExponential(1)}`;
  }
  return undefined;
}

const oneLine = (error: unknown): string =>
  String(error instanceof Error ? error.message : error)
    .replaceAll(/\s+/g, ' ')
    .slice(0, 360);

const isProviders = (op: Op): boolean => definitionOf(op).domain.startsWith('com.microsoft');
const emitted = new Set<string>();

async function outcomeOf(subject: Subject, target: Target): Promise<readonly [Outcome, string?]> {
  let lowered: Graph;
  try {
    lowered = lower(subject.graph, target.lowering);
  } catch (error) {
    return ['fails', oneLine(error)];
  }
  const attempt = async (runtime: Runtime, good: Outcome): Promise<readonly [Outcome, string?]> => {
    const wrong = difference(subject, await run(runtime, lowered, subject), TOLERANCE[target.name]);
    if (wrong !== undefined) return ['differs', wrong];
    for (const each of lowered.nodes) if (each.kind === 'op' && isProviders(each.op)) emitted.add(each.op);
    return [good];
  };
  try {
    return await attempt(target.runtime, 'agrees');
  } catch (error) {
    if (target.relaxed === undefined) return ['fails', oneLine(error)];
    try {
      return await attempt(target.relaxed, 'falls back');
    } catch (again) {
      return ['fails', oneLine(again)];
    }
  }
}

const badness: readonly Outcome[] = ['agrees', 'falls back', 'differs', 'fails'];
const worse = (a: Outcome | undefined, b: Outcome): boolean =>
  a === undefined || badness.indexOf(b) > badness.indexOf(a);

/** Whether the operator can be handed to a runtime at all: what only the blocked lowering emits is not in the cases. */
export const isRecorded = (op: Op): boolean => !op.startsWith('nchwc.');

async function record(op: Op, target: Target): Promise<Ran> {
  const ran: { forward?: Outcome; gradient?: Outcome; worst?: string } = {};
  const note = (kind: 'forward' | 'gradient', name: string, [outcome, detail]: readonly [Outcome, string?]): void => {
    if (!worse(ran[kind], outcome)) return;
    ran[kind] = outcome;
    if (detail !== undefined) ran.worst = `${kind}, ${name}: ${detail}`;
  };
  // Given a y that is not the pool of its x, MaxPoolGrad has no defined value; the rules never do that.
  const own = op === 'MaxPoolGrad' ? [] : casesOf(op, SEED);
  for (const built of own) {
    note('forward', built.name, await outcomeOf({ graph: graphOf(built), feeds: built.feeds }, target));
  }
  if (hasGradient(op)) {
    for (const built of casesOf(op, SEED)) {
      if (built.differentiable.length > 0) note('gradient', built.name, await outcomeOf(gradientOf(built), target));
    }
  }
  return ran;
}

async function openTargets(): Promise<readonly Target[]> {
  const cpu = await openRuntime({ device: 'cpu', threads: 2 });
  const portable: LoweringTarget = { kind: 'portable' };
  const found: Target[] = [{ name: 'portable', lowering: portable, runtime: cpu }];
  if (cpu.blockSize === 8 || cpu.blockSize === 16) {
    found.push({ name: 'blocked', lowering: { kind: 'blocked', block: cpu.blockSize }, runtime: cpu });
  }
  try {
    const strict = await openRuntime({ device: 'webgpu', cpuFallback: false });
    const relaxed = await openRuntime({ device: 'webgpu' });
    found.push({ name: 'webgpu', lowering: portable, runtime: strict, relaxed });
  } catch (error) {
    process.stderr.write(`no WebGPU: ${oneLine(error)}\n`);
  }
  return found;
}

/** The record of an earlier run that was cut off, if `--continue` was given. */
async function earlier(): Promise<DeviceRecord | undefined> {
  if (!process.argv.includes('--continue') || !existsSync(recordFile)) return undefined;
  return JSON.parse(await readFile(recordFile, 'utf8')) as DeviceRecord;
}

async function save(result: DeviceRecord): Promise<void> {
  const path = fileURLToPath(recordFile);
  const options = await resolveConfig(path);
  await writeFile(`${path}.part`, await format(JSON.stringify(result), { ...options, filepath: path }));
  await rename(`${path}.part`, path);
}

async function main(): Promise<void> {
  const opened = await openTargets();
  const before = await earlier();
  const operators: Record<string, Partial<Record<TargetName, Ran>>> = { ...before?.operators };
  for (const op of before?.emitted ?? []) emitted.add(op);
  const counted = allOps.filter(isRecorded);
  const again = new Set(process.argv.slice(2).filter(isOp));
  // Device by device, and saved on the way: a GPU in software takes minutes.
  for (const target of opened) {
    for (const [index, op] of counted.entries()) {
      const known = operators[op]?.[target.name] !== undefined && !again.has(op);
      if ((isProviders(op) && target.name === 'webgpu') || known) continue;
      operators[op] = { ...operators[op], [target.name]: await record(op, target) };
      process.stderr.write(`${target.name} ${index + 1}/${counted.length} ${op}\n`);
      await save({
        date: new Date().toISOString().slice(0, 10),
        platform: `${process.platform} ${process.arch}`,
        devices: Object.fromEntries(opened.map(({ name, runtime }) => [name, runtime.description])),
        operators: Object.fromEntries(counted.map((name) => [name, operators[name] ?? {}])),
        emitted: [...emitted].sort(),
      });
    }
  }
}

/** Debian's Chromium brings a Vulkan in software; where the library is must be known when the process starts. */
function withSoftwareGpu(): boolean {
  const chromium = '/usr/lib/chromium';
  const icd = `${chromium}/vk_swiftshader_icd.json`;
  if (!existsSync(icd) || existsSync('/dev/dri') || process.env['VK_ICD_FILENAMES'] !== undefined) return false;
  const env = { ...process.env, VK_ICD_FILENAMES: icd, LD_LIBRARY_PATH: chromium };
  const { status } = spawnSync(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
  return true;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href && !withSoftwareGpu()) {
  await main();
}
