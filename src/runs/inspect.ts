import { kindOf } from '../data/files.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { timeHead } from './head-timing.ts';
import { inspectFile } from './inspect-file.ts';
import type { Inspected, Inspection } from './inspect-model.ts';
import { inspectRun, type RunInspectionOptions } from './inspect-run.ts';

export type { ClassifierCost, GeometryFacts } from '../report/head-document.ts';
export { inspectHead, inspectModel, type Inspected, type Inspection } from './inspect-model.ts';
export type { RunInspectionOptions } from './inspect-run.ts';

/** What a path names, with the head that can be timed. */
export async function examinePath(path: string, options: RunInspectionOptions = {}): Promise<Inspected> {
  return (await kindOf(path)) === 'folder' ? await inspectRun(path, options) : await inspectFile(path);
}

/**
 * What a run's model or an `.onnx` file consists of, what its classifier is and costs, and for a run with a checkpoint what training
 * did to its head.
 *
 * @throws an input error for what cannot be read; a usage error for a comparison, naming its runs.
 */
export async function inspectPath(path: string, options: RunInspectionOptions = {}): Promise<Inspection> {
  return (await examinePath(path, options)).document;
}

/** The same document with how long the head takes on a device; as it is where there is no head of ours to time. */
export async function timedInspection({ document, head }: Inspected, runtime: Runtime): Promise<Inspection> {
  return head === undefined ? document : Object.freeze({ ...document, timing: await timeHead(runtime, head) });
}
