import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import type { OnDataProgress } from '../data/progress.ts';
import { openRuntime } from '../runtime/node.ts';
import type { DeviceChoice, Runtime } from '../runtime/runtime.ts';
import type { RunOptions } from '../runs/training-run.ts';
import type { CliIo } from './io.ts';
import * as parse from './parse.ts';

const devices = ['auto', 'cpu', 'webgpu', 'cuda'] as const satisfies readonly DeviceChoice[];

export interface DeviceFlags {
  readonly device: DeviceChoice;
  readonly threads?: number;
}

/** Options about where and how a run works that do not change its result. */
export interface WorkFlags extends DeviceFlags {
  readonly dataWorkers?: number;
  readonly saveEvery?: number;
  readonly quiet?: true;
  readonly json?: true;
}

export function addDeviceOptions(command: Command): Command {
  return command
    .option('--device <name>', 'cpu, webgpu, cuda or auto', parse.oneOf('--device', devices), 'cpu')
    .option('--threads <n>', 'threads of one operator (default: all cores)', parse.whole('--threads', 1));
}

export function addWorkOptions(command: Command): Command {
  return addDeviceOptions(command)
    .option('--data-workers <n>', 'threads that prepare batches (default: 1)', parse.whole('--data-workers', 0))
    .option('--save-every <steps>', 'save every so many steps (default: once a minute)', parse.whole('--save-every', 1))
    .option('--quiet', 'no progress')
    .option('--json', 'print one JSON document on stdout, everything else on stderr');
}

/** The order of operations that the runtime may choose; it changes last digits, so a run stores it. */
export function addLoweringOption(command: Command): Command {
  return command.option(
    '--lowering <how>',
    'auto takes the fastest form of the graph, portable standard operators only',
    parse.oneOf('--lowering', ['auto', 'portable']),
    'auto',
  );
}

export async function openDevice({ device, threads }: DeviceFlags, log: (line: string) => void): Promise<Runtime> {
  return await openRuntime({ device, log, ...(threads === undefined ? {} : { threads }) });
}

interface Listeners {
  readonly log: (line: string) => void;
  readonly data: OnDataProgress;
}

/** What a run needs besides its settings. */
export function runOptionsOf(flags: WorkFlags, runtime: Runtime, { signal }: CliIo, { log, data }: Listeners) {
  return {
    runtime,
    log,
    onDataProgress: data,
    ...(signal === undefined ? {} : { signal }),
    ...(flags.saveEvery === undefined ? {} : { saveEverySteps: flags.saveEvery }),
    ...(flags.dataWorkers === undefined ? {} : { dataWorkers: flags.dataWorkers }),
  } satisfies RunOptions;
}

/** Refuses `--overwrite` where there is nothing that it could mean. */
export function checkOverwrite(out: string | undefined, overwrite: true | undefined): void {
  if (overwrite === true && out === undefined) {
    throw usageError('--overwrite needs the folder to replace', {
      hint: 'name it with --out; without --out a new folder is chosen',
    });
  }
}
