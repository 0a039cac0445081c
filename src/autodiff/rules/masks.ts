import type { Builder, Value } from '../../graph/builder.ts';
import { cast, greater, sub } from '../../graph/functions.ts';

/** 1 where the condition holds, 0 elsewhere. */
export const mask = (b: Builder, condition: Value): Value => cast(b, condition, 'float32');

/** −1, 0 or 1. Two comparisons, because ONNX Runtime's WebGPU provider hands Sign to the CPU. */
export const signOf = (b: Builder, x: Value): Value => sub(b, mask(b, greater(b, x, 0)), mask(b, greater(b, 0, x)));
