export { openRuntime, type RuntimeOptions } from './node.ts';
export type {
  Device,
  DeviceChoice,
  Runtime,
  Session,
  SessionPurpose,
  StatefulProgram,
  StatefulSession,
  Tensors,
} from './runtime.ts';
