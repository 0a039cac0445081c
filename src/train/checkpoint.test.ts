import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canMountDisks, withSmallDisk } from '../../test/support/small-disk.ts';
import { float32, int64, type HostTensor } from '../core/tensor.ts';
import {
  checkCheckpointFits,
  checkIdentity,
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type ModelIdentity,
} from './checkpoint.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fixhead-checkpoint-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const identity: ModelIdentity = {
  model: 'resnet20',
  head: 'hadamard',
  dataset: 'c0ffee',
  parameters: new Map([
    ['conv.weight', [2, 2]],
    ['scale', []],
  ]),
};

const checkpoint: Checkpoint = {
  step: 1234,
  epoch: 3,
  batch: 56,
  tensors: new Map<string, HostTensor>([
    ['conv.weight', float32([2, 2], [1, 2, 3, 4])],
    ['conv.weight.momentum', float32([2, 2], [0.1, 0.2, 0.3, 0.4])],
    ['scale', float32([], [9])],
    ['count', int64([1], [2 ** 40])],
  ]),
  // 0.1 + 0.2 needs 17 digits: a sum that goes on must not be rounded.
  state: { best: 0.75, sums: { loss: 0.1 + 0.2, seen: 7168 }, history: [1, null, 'x', true] },
};

async function written(name: string, metadata: (old: Record<string, string>) => Record<string, string>) {
  const path = join(folder, name);
  await writeCheckpoint(path, checkpoint, identity);
  const content = decodeSafetensors(await readFile(path), path);
  const changed = { ...content, metadata: metadata({ ...content.metadata }) };
  await writeFile(path, Buffer.concat(encodeSafetensors(changed)));
  return path;
}

describe('checkpoints', () => {
  it('come back exactly', async () => {
    const path = join(folder, 'last.safetensors');
    await writeCheckpoint(path, checkpoint, identity);
    const stored = await readCheckpoint(path);
    const sorted = (value: Checkpoint) => ({ ...value, tensors: new Map([...value.tensors].sort()) });
    expect({ ...stored, checkpoint: sorted(stored.checkpoint) }).toEqual({
      path,
      identity,
      checkpoint: sorted(checkpoint),
    });
  });

  it('are the same bytes for the same content', async () => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    await writeCheckpoint(a, checkpoint, identity);
    await writeCheckpoint(b, { ...checkpoint, tensors: new Map([...checkpoint.tensors].reverse()) }, identity);
    expect(Buffer.compare(await readFile(a), await readFile(b))).toBe(0);
  });

  it('refuse a state that JSON would change, and keep what was there', async () => {
    const path = join(folder, 'nan');
    await writeCheckpoint(path, checkpoint, identity);
    await expect(writeCheckpoint(path, { ...checkpoint, state: { sums: { loss: NaN } } }, identity)).rejects.toThrow(
      /state\.sums\.loss: internal: a number that JSON cannot hold; expected finite, received NaN/,
    );
    expect((await readCheckpoint(path)).checkpoint.state).toEqual(checkpoint.state);
  });

  it('are refused when any one bit of them is changed', async () => {
    const path = join(folder, 'bits');
    await writeCheckpoint(path, checkpoint, identity);
    const bytes = await readFile(path);
    const headerEnd = 8 + Number(bytes.readBigUInt64LE());
    for (let at = 0; at < bytes.length; at += at < headerEnd ? 7 : 1) {
      const damagedBytes = Buffer.from(bytes);
      damagedBytes[at] = (damagedBytes[at] ?? 0) ^ (1 << (at % 8));
      await writeFile(path, damagedBytes);
      await expect(readCheckpoint(path), `byte ${at}`).rejects.toThrow(/bits: /);
    }
  });

  it('are refused when they are something else', async () => {
    const foreign = await written('foreign', () => ({ format: 'pt' }));
    await expect(readCheckpoint(foreign)).rejects.toThrow(
      /foreign: not a checkpoint; expected a safetensors file with the format fixhead-checkpoint, received pt/,
    );
    const bare = await written('bare', () => ({}));
    await expect(readCheckpoint(bare)).rejects.toThrow(/not a checkpoint; .*received one without a format/);
    const newer = await written('newer', (old) => ({ ...old, version: '2' }));
    await expect(readCheckpoint(newer)).rejects.toThrow(
      /newer: a checkpoint of another version; expected 1, received 2/,
    );
    const edited = await written('edited', (old) => ({ ...old, progress: '{"step":1,"epoch":0,"batch":0}' }));
    await expect(readCheckpoint(edited)).rejects.toThrow(/edited: the checkpoint is damaged: wrong sha256/);
    await expect(readCheckpoint(join(folder, 'none'))).rejects.toThrow(/none: cannot be read; .*ENOENT/);
  });

  it.skipIf(!canMountDisks)('are kept when the disk is full, with the room that is needed', async () => {
    await withSmallDisk(256, async (disk) => {
      const path = join(disk, 'last.safetensors');
      const sized = (step: number, elements: number): Checkpoint => ({
        ...checkpoint,
        step,
        tensors: new Map([['w', float32([elements], new Float32Array(elements).fill(step))]]),
      });
      await writeCheckpoint(path, sized(1, 30_000), identity);
      await expect(writeCheckpoint(path, sized(2, 50_000), identity)).rejects.toThrow(
        /last\.safetensors: the disk is full; expected 200\.\d kB of free space, received .*; the previous file is whole/,
      );
      expect((await readCheckpoint(path)).checkpoint.step).toBe(1);
      expect(await readdir(disk)).toEqual(['last.safetensors']);
    });
  });
});

describe('checkIdentity', () => {
  const stored = { path: 'last', checkpoint, identity };

  it('accepts the same model, head and data', () => {
    expect(() => {
      checkIdentity(stored, { ...identity, parameters: new Map([...identity.parameters].reverse()) });
    }).not.toThrow();
  });

  it('names everything that differs', () => {
    expect(() => {
      checkIdentity(stored, { ...identity, head: 'learned', dataset: 'decade' });
    }).toThrow(
      /last: the checkpoint is of another head and dataset; expected head learned and dataset decade, received head hadamard and dataset c0ffee/,
    );
    expect(() => {
      checkIdentity(stored, { ...identity, model: 'mlp' });
    }).toThrow(/of another model; expected model mlp, received model resnet20/);
  });

  it('names parameters that differ', () => {
    expect(() => {
      checkIdentity(stored, { ...identity, parameters: new Map([['conv.weight', [2, 3]]]) });
    }).toThrow(
      /1 unexpected parameter \(scale\), 1 parameter of another shape \(conv\.weight is \[2, 2\] and not \[2, 3\]\)/,
    );
  });
});

describe('checkCheckpointFits', () => {
  const stored = { path: 'last', checkpoint, identity };
  const shapes = new Map([...checkpoint.tensors].map(([name, { shape }]) => [name, shape]));

  it('accepts exactly the tensors that are needed', () => {
    expect(() => {
      checkCheckpointFits(stored, shapes);
    }).not.toThrow();
  });

  it('names missing tensors, a few at most', () => {
    const more = new Map([...shapes, ...['a', 'b', 'c', 'd'].map((name) => [name, [1]] as const)]);
    expect(() => {
      checkCheckpointFits(stored, more);
    }).toThrow(/last: the checkpoint does not fit the model: 4 tensors missing \(a, b, c, …\); resume a run with/);
  });

  it('names unexpected and reshaped tensors, also where only the rank differs', () => {
    const other = new Map([...shapes, ['scale', [1]] as const]);
    other.delete('count');
    expect(() => {
      checkCheckpointFits(stored, other);
    }).toThrow(/1 unexpected tensor \(count\), 1 tensor of another shape \(scale is \[\] and not \[1\]\)/);
  });
});
