import { inputError, type FixheadError } from '../core/errors.ts';

/** What ONNX Runtime says (as a pattern) and what its reader can do about it. */
const hints: readonly (readonly [RegExp, string])[] = [
  [
    /protobuf parsing failed|model data pointer is null|does not have a graph|no graph was found/i,
    'the bytes are not an ONNX model: the file may be damaged or cut off',
  ],
  [
    /unsupported data type/i,
    'an input or output has an element type that JavaScript cannot exchange with ONNX Runtime, such as bfloat16',
  ],
  [
    /not a registered function|no op registered|not_implemented|could not find an implementation/i,
    'the model uses an operator, a version of one or an element type that this ONNX Runtime does not have on this device',
  ],
  [
    /assigned to the default CPU EP|fallback to CPU EP has been explicitly disabled/i,
    'some operators do not run on this device, and falling back to the CPU was forbidden',
  ],
  [
    /failed to allocate|bad_alloc|out of memory|allocation failed|not enough memory|exceeds? the max/i,
    'not enough memory: use a smaller batch or a smaller model, or close other programs',
  ],
  [
    /shape mismatch|invalid_graph|type error|typeinferenceerror|shapeinferenceerror/i,
    'the model contradicts itself: it was built or edited wrongly',
  ],
];

/**
 * An input error for a failure inside ONNX Runtime.
 *
 * @param summary what could not be done
 * @param where the model or device
 * @param failure what the runtime threw; kept as `cause`, and its message quoted
 */
export function runtimeFailure(summary: string, where: string, failure: unknown): FixheadError {
  const said = messageOf(failure);
  const hint = hints.find(([pattern]) => pattern.test(said))?.[1];
  return inputError(`${summary}; ONNX Runtime says "${said}"`, {
    where,
    cause: failure,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The runtime's message in one line, without places and function signatures of its C++ source. */
export function messageOf(failure: unknown): string {
  const text = failure instanceof Error ? failure.message : String(failure);
  return text
    .replace(/\S+\.(?:cc|h):\d+ .*?\)(?:::<lambda\(.*?\)>)?(?: const)? /g, '')
    .split(/\s*\n\s*/)
    .filter((line) => line !== '')
    .join(' ');
}
