import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli, documentOf, quick, recordingStream, temporaryFolder, writeImages } from '../../../test/support/cli.ts';
import { createBuilder } from '../../graph/builder.ts';
import { add, mul, relu } from '../../graph/functions.ts';
import type { Graph } from '../../graph/graph.ts';
import { readOnnx } from '../../graph/onnx-read.ts';
import { toOnnx } from '../../graph/onnx-write.ts';
import { runCli } from '../program.ts';

/** A trained model with a learned classifier, as bytes: what users bring. */
let original: Uint8Array;

/** Settings with which a replacement takes a moment. */
const short = ['--epochs', '6', '--batch-size', '8', '--threads', '1', '--data-workers', '0', '--quiet'] as const;

interface Place {
  readonly folder: string;
  readonly data: string;
  readonly model: string;
  readonly out: string;
}

/** The model and its data in a folder of their own. */
async function place(bytes: Uint8Array = original): Promise<Place> {
  const folder = await temporaryFolder();
  const data = await writeImages(join(folder, 'shapes'));
  const model = join(folder, 'shapes.onnx');
  await writeFile(model, bytes);
  return { folder, data, model, out: join(folder, 'fixed') };
}

beforeAll(async () => {
  const { mkdtemp, rm } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const folder = await mkdtemp(join(tmpdir(), 'fixhead-original-'));
  const data = await writeImages(join(folder, 'shapes'));
  const options = ['--epochs', '20', '--lr', '0.05', '--head', 'learned', '--model', 'cnn'];
  const result = await cli(['train', data, ...quick, ...options, '--out', join(folder, 'run')]);
  expect(result.stderr).not.toContain('error');
  original = await readFile(join(folder, 'run', 'model.onnx'));
  await rm(folder, { recursive: true });
});

/** The model between new nodes: `front` on its input, `behind` on its output. */
function wrapped(
  front: (b: ReturnType<typeof createBuilder>) => void,
  keep: readonly string[] = ['logits'],
): Uint8Array {
  const { graph, metadata } = readOnnx(original, 'original');
  const b = createBuilder('wrapped', { ...graph, outputs: [...keep] });
  front(b);
  return toOnnx(b.build(), { producer: 'somebody', metadata: { labels: metadata['labels'] ?? '[]' } });
}

/** The same model for pixels in −1 … 1: what it does first is undo that. */
function wantingSignedPixels(): Uint8Array {
  const { graph, metadata } = readOnnx(original, 'original');
  const [input = ''] = graph.inputs;
  const b = createBuilder('signed');
  const given = b.input('pixels', 'float32', graph.types.get(input)?.shape ?? []);
  const undone = add(b, mul(b, given, 0.5), 0.5);
  const renamed: Graph = {
    ...graph,
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map((name) => (name === input ? undone.name : name)),
    })),
  };
  for (const [name, value] of renamed.initializers) b.named(name, value);
  for (const node of renamed.nodes) b.raw(node);
  b.output(b.value('logits'));
  return toOnnx(b.build(), { producer: 'somebody', metadata: { labels: metadata['labels'] ?? '[]' } });
}

interface Measures {
  readonly accuracy: number | null;
  readonly bytes: number;
  readonly parameters: number;
  readonly milliseconds: number;
}

describe('fixhead fix', { timeout: 180_000 }, () => {
  it('replaces the classifier, keeps inputs and outputs, and measures both models', async () => {
    const { data, model, out } = await place();
    const result = await cli(['fix', model, '--data', data, '--out', out, '--json', ...short]);
    expect(result.stderr).not.toContain('error');
    const document = documentOf(result) as {
      classifier: Record<string, unknown>;
      before: Measures;
      after: Measures;
      output: string;
    };
    expect(document.classifier).toMatchObject({ features: 128, classes: 3, parameters: 3 * 129 });
    expect(Object.keys(document.classifier)).toEqual(['node', 'features', 'classes', 'parameters', 'share', 'how']);
    expect(document.before.accuracy).toBeGreaterThan(0.9);
    expect(document.after.accuracy).toBeGreaterThan(0.9);
    // With three classes the operators of the head take more bytes than its numbers save.
    expect(document.after.parameters).toBe(document.before.parameters - 387 + 4);
    expect(document.after.bytes).toBe((await stat(document.output)).size);
    expect(document.before.milliseconds).toBeGreaterThan(0);
    expect(document.output).toBe(join(out, 'model.onnx'));
    expect((await readdir(out)).sort()).toEqual(
      expect.arrayContaining(['config.json', 'labels.json', 'model.onnx', 'original.onnx', 'report.html']),
    );
    const [old, now] = [original, await readFile(document.output)].map((bytes) => readOnnx(bytes, 'model').graph);
    for (const name of ['images', 'logits']) expect(now?.types.get(name)).toEqual(old?.types.get(name));
    expect([now?.inputs, now?.outputs]).toEqual([old?.inputs, old?.outputs]);

    const evaluated = documentOf(await cli(['evaluate', document.output, data, '--json'])) as Measures;
    expect(evaluated.accuracy).toBe(document.after.accuracy);
    const predicted = await cli(['predict', out, join(data, 'light', '0.png'), '--top', '1']);
    expect(predicted.stdout).toContain('light');
  });

  it('shows everything but the training with --dry-run, and writes nothing', async () => {
    const { folder, data, model } = await place();
    const before = await readdir(folder);
    const result = await cli(['fix', model, '--data', data, '--dry-run', '--json', ...short]);
    expect(documentOf(result)).toMatchObject({ after: null, output: null, before: { classifierParameters: 387 } });
    expect(result.stderr).toMatch(/its classifier has 387 of .* parameters/);
    expect(await readdir(folder)).toEqual(before);
  });

  it('trains the head alone: every other number of the file stays', async () => {
    const { data, model, out } = await place();
    await cli(['fix', model, '--data', data, '--out', out, '--train', 'head', ...short]);
    const now = readOnnx(await readFile(join(out, 'model.onnx')), 'model').graph;
    const old = readOnnx(original, 'model').graph;
    const kept = [...old.initializers].filter(([name]) => !name.startsWith('head') && now.initializers.has(name));
    expect(kept.length).toBeGreaterThan(4);
    for (const [name, value] of kept) expect(now.initializers.get(name)?.data, name).toEqual(value.data);
  });

  it('trains the last block alone, and an adapter where one is asked for', async () => {
    const { data, model, out } = await place();
    const options = ['--train', 'last=1', '--adapter', '16', '--head', 'learned'];
    const result = await cli(['fix', model, '--data', data, '--out', out, '--json', ...options, ...short]);
    expect(documentOf(result)).toMatchObject({
      trained: expect.stringMatching(/^the last block .* 16 features/) as unknown,
    });
    const now = readOnnx(await readFile(join(out, 'model.onnx')), 'model').graph;
    const old = readOnnx(original, 'model').graph;
    const changed = [...old.initializers].filter(([name, value]) => {
      const mine = now.initializers.get(name);
      return (
        mine !== undefined && Array.from(mine.data, Number).some((each, index) => each !== Number(value.data[index]))
      );
    });
    const names = changed.map(([name]) => name).filter((name) => !name.startsWith('head'));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(name).toMatch(/^stage3/);
  });

  it('finds out how the model wants its pixels, and feeds the new one so', async () => {
    const { data, model, out } = await place(wantingSignedPixels());
    const result = await cli(['fix', model, '--data', data, '--out', out, '--json', ...short]);
    const document = documentOf(result) as { before: Measures; after: Measures; notes: readonly string[] };
    expect(document.notes.join()).toContain('pixels are fed -1..1');
    expect(document.before.accuracy).toBeGreaterThan(0.9);
    const evaluated = documentOf(await cli(['evaluate', out, '--json'])) as Measures;
    expect(evaluated.accuracy).toBe(document.after.accuracy);
  });

  it('learns from the original’s answers where there are no labels', async () => {
    const { data, model, out } = await place();
    const options = ['--teacher', '--unlabelled', '--pixels', '0..1'];
    const result = await cli(['fix', model, '--data', data, '--out', out, '--json', ...options, ...short]);
    expect(documentOf(result)).toMatchObject({ before: { accuracy: 1 } });
    expect((documentOf(result) as { after: Measures }).after.accuracy).toBeGreaterThan(0.9);
    expect((await cli(['evaluate', out])).stderr).toContain('no labels to measure by');
  });

  it('goes on bit for bit with a run that was stopped, whatever became of the original', async () => {
    const { folder, data, model, out } = await place();
    const whole = join(folder, 'whole');
    await cli(['fix', model, '--data', data, '--out', whole, ...short]);
    const stop = new AbortController();
    const silent = recordingStream();
    let events = 0;
    const code = await runCli(['fix', model, '--data', data, '--out', out, ...short], {
      ...{ stdout: silent, stderr: silent, env: {}, signal: stop.signal },
      onTraining: () => {
        if (++events === 9) stop.abort();
      },
    });
    expect(code).toBe(130);
    await writeFile(model, 'gone');
    const resumed = await cli(['resume', out, '--threads', '1', '--data-workers', '0', '--quiet']);
    expect(resumed.stdout).toContain('original');
    expect(await readFile(join(out, 'model.onnx'))).toEqual(await readFile(join(whole, 'model.onnx')));
  });

  it('takes the classes of the data with --new-classes, of a model without labels too', async () => {
    const { folder, model, out } = await place(toOnnx(readOnnx(original, 'original').graph));
    const data = await writeImages(join(folder, 'four'), { classes: ['a', 'b', 'c', 'd'] });
    const result = await cli(['fix', model, '--data', data, '--out', out, '--json', '--new-classes', ...short]);
    expect(documentOf(result)).toMatchObject({
      before: { accuracy: null },
      after: { accuracy: expect.any(Number) as unknown },
    });
    const { graph, metadata } = readOnnx(await readFile(join(out, 'model.onnx')), 'model');
    expect(graph.types.get('logits')?.shape.at(-1)).toBe(4);
    expect(JSON.parse(metadata['labels'] ?? '')).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('fixhead fix refuses, and writes nothing:', { timeout: 60_000 }, () => {
  const refused = async (
    { folder, data, model, out }: Place,
    options: readonly string[],
    code: number,
    message: RegExp,
  ): Promise<void> => {
    const before = await readdir(folder);
    const result = await cli(['fix', model, '--data', data, '--out', out, ...short, ...options]);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
    expect(await readdir(folder)).toEqual(before);
  };

  it('several outputs, unless one is chosen', async () => {
    const two = wrapped((b) => {
      b.output(relu(b, b.value('logits')), 'other');
    });
    await refused(await place(two), [], 2, /several outputs|--output/);
  });

  it('no product that could be a classifier', async () => {
    const b = createBuilder('none');
    b.output(relu(b, b.input('images', 'float32', ['batch', 1, 8, 8])), 'y');
    await refused(await place(toOnnx(b.build())), [], 1, /no product|no classifier/);
  });

  it('files that are cut short, empty, or something else', async () => {
    await refused(await place(original.subarray(0, 2000)), [], 1, /not an ONNX model|damaged/);
    await refused(await place(new Uint8Array()), [], 1, /not an ONNX model/);
    await refused(await place(Buffer.from('hello')), [], 1, /not an ONNX model/);
  });

  it('a missing file', async () => {
    const here = await place();
    await refused({ ...here, model: join(here.folder, 'none.onnx') }, [], 1, /cannot be read|no such file/i);
  });

  it('data with another number of classes, or others, than the model', async () => {
    const here = await place();
    const four = await writeImages(join(here.folder, 'four'), { classes: ['dark', 'half', 'light', 'more'] });
    await refused({ ...here, data: four }, [], 1, /another number of classes.*--new-classes/s);
    const others = await writeImages(join(here.folder, 'others'), { classes: ['x', 'y', 'z'] });
    await refused({ ...here, data: others }, [], 1, /classes that the model does not know/);
  });

  it('operators that a gradient cannot pass, all at once with their nodes; the head alone can be trained', async () => {
    const { graph, metadata } = readOnnx(original, 'original');
    const last = graph.nodes.findLast((node) => node.name.startsWith('head'));
    const features = last?.inputs[0] ?? '';
    const b = createBuilder('foreign');
    for (const name of graph.inputs) b.input(name, 'float32', graph.types.get(name)?.shape ?? []);
    for (const [name, value] of graph.initializers) b.named(name, value);
    const type = graph.types.get(features);
    for (const node of graph.nodes) {
      if (node === last && type !== undefined) {
        for (const [index, name] of ['odd', 'even'].entries()) {
          const from = index === 0 ? features : 'odd';
          const attributes = new Map();
          const foreign = {
            kind: 'foreign',
            opType: 'Det2',
            domain: 'example',
            version: 1,
            name: `node-${name}`,
          } as const;
          b.raw({ ...foreign, inputs: [from], outputs: [name], attributes }, new Map([[name, type]]));
        }
        b.raw({ ...node, inputs: ['even', ...node.inputs.slice(1)] });
      } else b.raw(node);
    }
    b.output(b.value('logits'));
    const bytes = toOnnx(b.build(), { producer: 'somebody', metadata: { labels: metadata['labels'] ?? '[]' } });
    await refused(await place(bytes), [], 1, /node-odd.*node-even/s);
  });

  it('options that contradict each other', async () => {
    const here = await place();
    await refused(here, ['--teacher-temperature', '3'], 2, /no teacher/);
    await refused(here, ['--unlabelled'], 2, /only a teacher/);
    await refused(here, ['--teacher', '--new-classes'], 2, /cannot teach classes/);
    await refused(here, ['--train', 'last=0'], 2, /last=K/);
    await refused(here, ['--train', 'last=99'], 2, /not that many blocks/);
    await refused(here, ['--pixels', 'imagnet'], 2, /did you mean imagenet/);
    await refused(here, ['--node', 'nothing-like-it'], 2, /node/);
  });
});
