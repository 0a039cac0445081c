import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { expectAllclose } from '../../../test/support/allclose.ts';
import { cli, documentOf, quick, temporaryFolder, writeImages } from '../../../test/support/cli.ts';
import { defined } from '../../core/errors.ts';
import { randomStream } from '../../core/random.ts';
import { openHead, readHead } from '../../wasm/index.ts';

const SIDE = 8;

interface TrainedRun {
  readonly folder: string;
  readonly data: string;
  readonly run: string;
}

async function trained(head: string, ...more: readonly string[]): Promise<TrainedRun> {
  const folder = await temporaryFolder();
  const data = await writeImages(join(folder, 'shapes'), { side: SIDE });
  const run = join(folder, 'run');
  const result = await cli(['train', data, ...quick, '--head', head, '--out', run, ...more]);
  expect(result.stderr).not.toContain('error');
  expect(result.code).toBe(0);
  return { folder, data, run };
}

interface ExportDocument {
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly compared: { readonly images: number; readonly source: string };
}

async function exported(...argv: readonly string[]): Promise<ExportDocument> {
  const result = await cli(['export', ...argv, '--json']);
  expect(result.stderr).not.toContain('error');
  expect(result.code).toBe(0);
  return documentOf(result) as ExportDocument;
}

/** Runs a file as a user would, without anything of ours. */
async function run(file: string, batch: number): Promise<ort.InferenceSession.OnnxValueMapType> {
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1 });
  try {
    const random = randomStream('pictures', batch);
    const pixels = Float32Array.from({ length: batch * SIDE * SIDE }, () => random.uniform());
    return await session.run({ images: new ort.Tensor('float32', pixels, [batch, 1, SIDE, SIDE]) });
  } finally {
    await session.release();
  }
}

function floats(values: ort.InferenceSession.OnnxValueMapType, name: string): Float32Array {
  const { data, type } = defined(values[name], name);
  expect(type).toBe('float32');
  return Float32Array.from(data as Float32Array);
}

/** The best classes of each row, found by sorting all. */
function bestOf(logits: Float32Array, classes: number, k: number) {
  const rows = Array.from({ length: logits.length / classes }, (_, row) =>
    Array.from(logits.subarray(row * classes, (row + 1) * classes), (logit, index) => ({ logit, index }))
      .sort((a, b) => b.logit - a.logit)
      .slice(0, k),
  ).flat();
  return { classes: rows.map(({ index }) => index), logits: rows.map(({ logit }) => logit) };
}

describe('fixhead export of a whole model', () => {
  it('writes the bytes of the run’s own model.onnx, and a checkpoint’s model', async () => {
    const { folder, run: from } = await trained('hadamard');
    const file = join(folder, 'new', 'model.onnx');
    const document = await exported(from, '--out', file);
    expect(document).toEqual({
      run: from,
      weights: 'model',
      model: 'mlp',
      head: 'hadamard',
      features: 128,
      classes: 3,
      files: [{ path: file, bytes: (await readFile(file)).byteLength }],
      compared: { images: 6, source: 'validation' },
    });
    const own = await readFile(join(from, 'model.onnx'));
    expect(own.equals(await readFile(file))).toBe(true);
    // One epoch: its checkpoint is the last and the best.
    await exported(from, '--weights', 'best', '--out', file, '--overwrite');
    expect(own.equals(await readFile(file))).toBe(true);
  });

  it('gives features where images were told apart, and has no classes to choose from there', async () => {
    const { folder, run: from } = await trained('hadamard', '--task', 'instance', '--knn', '5');
    const file = join(folder, 'features.onnx');
    expect(await exported(from, '--out', file)).toMatchObject({ classes: null });
    expect((await readFile(join(from, 'model.onnx'))).equals(await readFile(file))).toBe(true);
    for (const option of [
      ['--top-k', '2'],
      ['--split', join(folder, 'split')],
    ] as const) {
      const { code, stderr } = await cli(['export', from, ...option]);
      expect(code).toBe(2);
      expect(stderr).toContain(`${option[0]}: a run with --task instance has features and no classes`);
    }
    expect(await readdir(folder)).not.toContain('split');
  });
});

describe('fixhead export --top-k', () => {
  it.each(['learned', 'hadamard', 'biorthogonal', 'coset', 'simplex', 'orthonormal', 'random', 'cosine'])(
    'gives the best classes of a %s head and their logits, for any batch',
    async (head) => {
      const { folder, run: from } = await trained(head);
      for (const k of [1, 2, 3]) {
        const file = join(folder, `top${k}.onnx`);
        await exported(from, '--top-k', String(k), '--out', file);
        for (const batch of [1, 5]) {
          const all = floats(await run(join(from, 'model.onnx'), batch), 'logits');
          const top = await run(file, batch);
          expect(Object.keys(top)).toEqual(['classes', 'logits']);
          const { classes } = top;
          expect(classes?.dims).toEqual([batch, k]);
          expect(classes?.type).toBe('int64');
          const best = bestOf(all, 3, k);
          expect(Array.from(classes?.data as BigInt64Array, Number)).toEqual(best.classes);
          expectAllclose(floats(top, 'logits'), best.logits, { what: 'logits', atol: 1e-6, shape: [batch, k] });
        }
      }
    },
  );

  it('keeps the labels, and is refused where all logits are needed', async () => {
    const { folder, data, run: from } = await trained('hadamard');
    const file = join(folder, 'top3.onnx');
    const { code, stdout } = await cli(['export', from, '--top-k', '3', '--out', file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/top3\.onnx {2}[\d.]+ kB\nAgrees with the trained model on 6 validation images\.\n$/);
    for (const command of [
      ['predict', file, join(data, 'dark', '0.png')],
      ['evaluate', file, data],
    ]) {
      const result = await cli(command);
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(
        'the model does not give the logits of all classes; expected a whole classifier, received classes: int64 [batch, 3]',
      );
    }
  });

  it('refuses numbers that are none of 1 … C, and writes nothing', async () => {
    const { folder, run: from } = await trained('hadamard');
    const file = join(folder, 'top.onnx');
    for (const [k, message] of [
      [
        '4',
        '--top-k: not so many classes to choose from; expected a whole number from 1 to 3, the classes of the model, received 4',
      ],
      ['0', '--top-k: not a whole number in range; expected 1 or more, received 0'],
      ['1.5', '--top-k: not a whole number in range; expected 1 or more, received 1.5'],
    ] as const) {
      const { code, stderr } = await cli(['export', from, '--top-k', k, '--out', file]);
      expect(code).toBe(2);
      expect(stderr).toContain(message);
    }
    expect(await readdir(folder)).not.toContain('top.onnx');
  });
});

describe('fixhead export --split', () => {
  it.each<{ readonly head: string; readonly more?: readonly string[] }>([
    { head: 'hadamard' },
    { head: 'biorthogonal' },
    // Its vectors are not balanced, so the non-negative features are centred.
    { head: 'coset' },
    { head: 'simplex' },
    { head: 'hadamard:scale=7:bias=off' },
    { head: 'hadamard:cosface=0.1' },
    { head: 'hadamard', more: ['--assign', 'init'] },
    { head: 'coset', more: ['--assign', 'init'] },
  ])('$head $more: backbone and WebAssembly head give what model.onnx gives', async ({ head, more = [] }) => {
    const { folder, run: from } = await trained(head, ...more);
    const split = join(folder, 'public', 'shapes');
    const { files } = await exported(from, '--split', split);
    expect(files.map(({ path }) => path)).toEqual(
      ['backbone.onnx', 'labels.json', 'head.json'].map((name) => join(split, name)),
    );
    expect((await readdir(split)).sort()).toEqual(['backbone.onnx', 'head.json', 'labels.json']);
    expect(await readFile(join(split, 'labels.json'), 'utf8')).toBe(await readFile(join(from, 'labels.json'), 'utf8'));
    const description = readHead(JSON.parse(await readFile(join(split, 'head.json'), 'utf8')));
    expect(description.codes !== undefined).toBe(more.includes('--assign'));
    expect(description.gain !== undefined).toBe(head === 'coset');
    using opened = await openHead(description);
    for (const batch of [1, 7]) {
      const whole = floats(await run(join(from, 'model.onnx'), batch), 'logits');
      const features = floats(await run(join(split, 'backbone.onnx'), batch), 'features');
      // Sums of 128 products in another order.
      expectAllclose(opened.logits(features), whole, { what: 'logits', atol: 2e-5, shape: [batch, 3] });
      const best = bestOf(whole, 3, 2);
      const top = opened.topK(features, 2);
      expect([...top.classes]).toEqual(best.classes);
      expectAllclose(top.logits, best.logits, { what: 'best logits', atol: 2e-5, shape: [batch, 2] });
    }
  });

  it.each(['learned', 'cosine', 'orthonormal', 'random'])(
    'refuses a %s head, naming those that it takes',
    async (head) => {
      const { folder, run: from } = await trained(head);
      const { code, stderr } = await cli(['export', from, '--split', join(folder, 'split')]);
      expect(code).toBe(2);
      expect(stderr).toContain(`head ${head}: no description of this head without its matrix`);
      expect(stderr).toContain('choose from hadamard, biorthogonal, coset, simplex');
      expect(await readdir(folder)).not.toContain('split');
    },
  );

  it('refuses options that contradict it', async () => {
    for (const [option, message] of [
      [['--out', 'x.onnx'], '--out: --split names the folder of its files; leave one of them out'],
      [['--top-k', '2'], '--top-k: the head of a split export gives any number of best classes'],
    ] as const) {
      const { code, stderr } = await cli(['export', 'runs/none', '--split', 'there', ...option]);
      expect(code).toBe(2);
      expect(stderr).toContain(message);
    }
  });
});

describe('fixhead export refuses', () => {
  it('to replace a file unless it is told to', async () => {
    const { folder, run: from } = await trained('hadamard');
    const file = join(folder, 'mine.onnx');
    await writeFile(file, 'mine');
    const { code, stderr } = await cli(['export', from, '--out', file]);
    expect(code).toBe(2);
    expect(stderr).toContain(
      `${file}: there is such a file already; name another place, or replace it with --overwrite`,
    );
    expect(await readFile(file, 'utf8')).toBe('mine');
  });

  it('a run that is not finished, unless its checkpoint is asked for', async () => {
    const { folder, run: from } = await trained('hadamard');
    await rm(join(from, 'model.onnx'));
    const file = join(folder, 'x.onnx');
    const { code, stderr } = await cli(['export', from, '--out', file]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      `the run is not finished: it has no model.onnx yet; go on with it (fixhead resume ${from}), or take its last checkpoint (--weights last)`,
    );
    await exported(from, '--out', file, '--weights', 'last');
  });

  it('what is no run', async () => {
    const { folder, run: from } = await trained('hadamard');
    const file = await cli(['export', join(from, 'model.onnx')]);
    expect(file.code).toBe(2);
    expect(file.stderr).toContain('a run is exported, not a file; expected the folder of a training run');
    expect((await cli(['export', join(folder, 'nothing')])).code).toBe(1);
  });
});

it('compares on noise where the data of the run is gone, and says so', async () => {
  const { folder, data, run: from } = await trained('hadamard');
  await rename(data, `${data}-elsewhere`);
  const split = join(folder, 'split');
  const { code, stdout, stderr } = await cli(['export', from, '--split', split]);
  expect(code).toBe(0);
  expect(stderr).toContain('note: compared on noise, because the run’s images cannot be had: ');
  expect(stdout).toContain('Agrees with the trained model on 64 images of noise.');
});
