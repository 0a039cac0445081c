export { openRuntime, type RuntimeOptions } from './node.ts';
export type {
  Device,
  DeviceChoice,
  MemoryUse,
  Runtime,
  Session,
  SessionPurpose,
  StatefulProgram,
  StatefulSession,
  Tensors,
} from './runtime.ts';
