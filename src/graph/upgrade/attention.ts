import { tensor } from '../../core/tensor.ts';
import type { ListedNode } from '../onnx-order.ts';
import { dropping, finished, floatOf, int, intOf, ints, type Outcome, type Step, type StepContext } from './step.ts';

/** What masked scores become in front of the softmax: e to its power is 0 beside any score that counts. */
const MASKED = -1e30;

/**
 * Attention(Q, K, V) = softmax(softcap·tanh(QKᵀ·scale/softcap) + mask)·V over heads, without a cache of earlier keys
 * (https://onnx.ai/onnx/operators/onnx__Attention.html). A row whose mask allows nothing gives zeros.
 */
function heads(node: ListedNode, context: StepContext): Outcome {
  const { emit, scalar, typeOf, vector } = context;
  const [query = '', key = '', value = '', mask = '', ...cache] = node.inputs;
  const types = [query, key, value].map(typeOf);
  const rank = types[0]?.shape.length;
  if (cache.some((name) => name !== '')) return 'it continues earlier keys and values';
  if (node.outputs.length > 1) return 'it gives more than the attended values';
  if (rank !== 3 && rank !== 4) return 'the rank of its query is not known';
  if (node.attributes.has('softmax_precision')) return 'it states a precision of its softmax';
  const counts = (['q_num_heads', 'kv_num_heads'] as const).map((name, index) =>
    rank === 3 ? intOf(node, name, 0) : types[index]?.shape[1],
  );
  const [count, shared] = counts;
  if (count === undefined || count !== shared) return 'its queries share keys, or the number of heads is not known';
  const width = types[0]?.shape.at(-1);
  const size = rank === 4 ? width : typeof width === 'number' && typeof count === 'number' ? width / count : undefined;
  const stated = node.attributes.has('scale') ? floatOf(node, 'scale', 1) : undefined;
  const scale = stated ?? (typeof size === 'number' ? 1 / Math.sqrt(size) : undefined);
  if (scale === undefined || !(scale > 0)) return 'its scale is not known';
  const softcap = floatOf(node, 'softcap', 0);
  if (softcap !== 0 && mask !== '') return 'it has both a mask and a softcap';

  const split = (name: string): string =>
    rank === 4
      ? name
      : emit('Transpose', [emit('Reshape', [name, vector([0, 0, Number(count), -1])])], { perm: ints([0, 2, 1, 3]) });
  const rooted = (name: string): string => emit('Mul', [name, scalar(Math.sqrt(scale), query)]);
  const keys = emit('Transpose', [rooted(split(key))], { perm: ints([0, 1, 3, 2]) });
  let scores = emit('MatMul', [rooted(split(query)), keys]);
  if (softcap !== 0) {
    const cap = scalar(softcap, query);
    scores = emit('Mul', [emit('Tanh', [emit('Div', [scores, cap])]), cap]);
  }
  const allowed: string[] = [];
  if (intOf(node, 'is_causal', 0) === 1) {
    const [rows, columns] = [types[0]?.shape.at(-2), types[1]?.shape.at(-2)];
    if (typeof rows !== 'number' || typeof columns !== 'number') return 'it is causal and its lengths are not known';
    if (rows * columns > 2 ** 24) return 'its causal mask is too large';
    const triangle = Uint8Array.from({ length: rows * columns }, (_, k) =>
      k % columns <= Math.floor(k / columns) ? 1 : 0,
    );
    allowed.push(context.constant(tensor('bool', [rows, columns], triangle), 'causal'));
  }
  if (mask !== '') {
    const dtype = typeOf(mask)?.dtype;
    if (dtype === undefined) return 'the type of its mask is not known';
    if (dtype === 'bool') allowed.push(mask);
    else scores = emit('Add', [scores, mask]);
  }
  for (const each of allowed) scores = emit('Where', [each, scores, scalar(MASKED, query)]);
  let weights = emit('Softmax', [scores], { axis: int(-1) });
  for (const each of allowed) weights = emit('Where', [each, weights, scalar(0, query)]);
  const attended = [weights, split(value)];
  if (rank === 4) return finished(node, 'MatMul', attended);
  const joined = emit('Transpose', [emit('MatMul', attended)], { perm: ints([0, 2, 1, 3]) });
  return finished(node, 'Reshape', [joined, vector([0, 0, -1])]);
}

const minusOne = (value: { readonly kind: string; readonly value?: unknown }): boolean => value.value === -1n;
const noLengths: Step = (node) =>
  (node.inputs[6] ?? '') === ''
    ? { ...node, inputs: node.inputs.slice(0, 6) }
    : 'it takes the lengths of the sequences';

export const attention: Readonly<Record<number, Step>> = {
  23: heads,
  24: noLengths,
  25: dropping({ left_window_size: minusOne, right_window_size: minusOne }),
};
