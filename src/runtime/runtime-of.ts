import type { Engine } from './engine.ts';
import type { Device, Runtime, SessionPurpose, StatefulProgram } from './runtime.ts';
import { createSession } from './session-core.ts';
import { createStatefulSession } from './stateful.ts';

/** The runtime of an engine. */
export function runtimeOf(engine: Engine, device: Device, blockSize: number, description: string): Runtime {
  let half: Promise<boolean> | undefined;
  return Object.freeze({
    device,
    description,
    blockSize,
    halfPrecision: () => (half ??= engine.halfPrecision()),
    createSession: (bytes: Uint8Array, purpose: SessionPurpose) => createSession(engine, bytes, purpose),
    createStatefulSession: (program: StatefulProgram) => createStatefulSession(engine, program),
  });
}
