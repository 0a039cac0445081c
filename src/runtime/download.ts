import type { InferenceSession, Tensor } from 'onnxruntime-common';
import { defined } from '../core/errors.ts';
import type { HostTensor } from '../core/tensor.ts';
import type { Ort } from './engine.ts';
import type { Tensors } from './runtime.ts';
import { dtypeOf, fromOrt } from './tensors.ts';
import { tinyModel, type TinyValue } from './tiny-models.ts';

/**
 * Copies tensors from a GPU to the host by running a graph of Identity nodes whose outputs are on the host.
 *
 * onnxruntime-node has no other way: `getData()` on a tensor in a GPU buffer aborts the process. The session is made for
 * each download (tens of milliseconds): state is read for a checkpoint, not at each step.
 */
export async function downloadByIdentity(
  ort: Ort,
  values: Readonly<Record<string, Tensor>>,
  options: InferenceSession.SessionOptions,
): Promise<Tensors> {
  const entries = Object.entries(values).map(([name, value], index) => ({
    name,
    value,
    from: `in${index}`,
    to: `out${index}`,
  }));
  const signature = ({ value }: { value: Tensor }, name: string): TinyValue => ({
    name,
    dtype: dtypeOf(name, value.type),
    shape: value.dims,
  });
  const bytes = tinyModel(
    entries.map(({ from, to }) => ({ op: 'Identity', inputs: [from], outputs: [to] })),
    entries.map((entry) => signature(entry, entry.from)),
    entries.map((entry) => signature(entry, entry.to)),
  );
  const session = await ort.InferenceSession.create(bytes, options);
  try {
    const results = await session.run(Object.fromEntries(entries.map(({ from, value }) => [from, value])));
    const fetched = entries.map(({ name, to }): [string, HostTensor] => [
      name,
      fromOrt(name, defined(results[to], to)),
    ]);
    return Object.fromEntries(fetched);
  } finally {
    await session.release();
  }
}
