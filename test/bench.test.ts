import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { multiplyAdds } from '../bench/arithmetic.ts';
import { isMissing, openOurs } from '../bench/contender.ts';
import { withSection } from '../bench/results.ts';
import { compareRounds, quantile } from '../bench/statistics.ts';
import { createModel, headSpec } from '../src/heads/index.ts';
import { createBackbone } from '../src/models/index.ts';
import { sgd } from '../src/optim/index.ts';
import { trainingProgram } from '../src/train/training-program.ts';

interface Outcome {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(...words: readonly string[]): Promise<Outcome> {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'bench/run.ts', ...words], { cwd }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? 'killed'), stdout, stderr });
    });
  });
}

const positive = z.number().positive();
const measured = { ours: positive, floor: positive, oursOverFloor: positive, unit: z.enum(['ms', 'µs']) };
const row = z.object({ case: z.string(), peerName: z.string(), ...measured });

/** What a reader of `--json` may rely on. */
const contract = z.object({
  name: z.string(),
  machine: z.object({
    cpu: z.string().min(1),
    cores: z.int().positive(),
    memoryGigabytes: positive,
    os: z.string(),
    node: z.string(),
    onnxruntime: z.string().regex(/^\d+\.\d+/),
    loadBefore: z.number().nonnegative(),
    peers: z.record(z.string(), z.string()),
  }),
  rows: z.array(
    z.union([
      row.extend({ peer: positive, ratio: positive, ratioLow: positive, ratioHigh: positive }),
      row.extend({ peer: z.null(), ratio: z.null(), note: z.string().min(1) }),
      row.extend({
        ours: z.null(),
        oursOverFloor: z.null(),
        peer: positive.nullable(),
        ratio: z.null(),
        note: z.string().min(1),
      }),
    ]),
  ),
});

/** Milliseconds for a test that starts up to eight processes, on a busy machine too. */
const MANY_PROCESSES = 240_000;

describe('the bench command', () => {
  const tiny = [
    '--sizes',
    '16x8',
    '--batch',
    '3',
    '--steps',
    '2',
    '--calls',
    '2',
    '--python',
    '/nowhere/python3',
    '--chromium',
    '/nowhere/chromium',
  ];

  test('prints one JSON document on stdout, and a peer that is not installed is a visible row', async () => {
    const { code, stdout, stderr } = await bench('head', '--json', ...tiny);
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('16 → 8, batch 3') as string });
    const document = contract.parse(JSON.parse(stdout));
    expect(document.name).toBe('head');
    const ours = ['hadamard', 'WASM logits', 'WASM top 5', 'Chromium logits', 'Chromium top 5'];
    const peers = ['dense, ONNX Runtime', 'PyTorch Linear', 'PyTorch Linear, oneDNN'];
    expect(document.rows.map(({ case: name, peerName }) => [name, peerName])).toEqual(
      ours.flatMap((one) => peers.map((peer) => [`16 → 8, batch 3, ${one}`, peer])),
    );
    const [dense, ...missing] = document.rows.slice(0, 3);
    expect(dense?.ratio).toBeCloseTo((dense?.ours ?? 0) / (dense?.peer ?? 0), 12);
    for (const line of missing) expect(line).toMatchObject({ peer: null, note: '/nowhere/python3 is not installed' });
    for (const line of document.rows.slice(9))
      expect(line).toMatchObject({
        ours: null,
        note: expect.stringMatching(/^Chromium .*: \/nowhere\/chromium is not installed$/) as string,
      });
    expect(document.machine.peers).toEqual({});
  });

  test('times a head of many classes, exact and sampled, and says what a learned one would need', async () => {
    const size = ['--classes', '600', '--features', '16', '--batch', '4', '--bases', '2'];
    const { code, stdout } = await bench('million', '--quick', '--json', ...size, '--python', '/nowhere/python3');
    expect(code).toBe(0);
    const { rows } = contract.parse(JSON.parse(stdout));
    expect(rows.map((one) => [one.case, one.peerName])).toEqual([
      ['600 × 16, batch 4, exact', 'learned head'],
      ['600 × 16, batch 4, 2 sampled bases (an estimate)', 'learned head'],
      ['600 × 16, batch 4, exact', 'PyTorch 1×1 convolution, oneDNN'],
      ['600 × 16, batch 4, exact', 'PyTorch Linear'],
    ]);
  });

  test(
    'times a recurrence in every form, and compares what they compute',
    async () => {
      const size = ['--hidden', '16', '--window', '3', '--batch', '4', '--layers', '2'];
      const { code, stdout } = await bench(
        'lm-recurrence',
        '--quick',
        '--json',
        ...size,
        '--python',
        '/nowhere/python3',
      );
      expect(code).toBe(0);
      const { rows } = contract.parse(JSON.parse(stdout));
      expect(rows.map((one) => [one.case, one.peerName])).toEqual([
        ['2 × 16, 3 steps, batch 4, forward', 'Scan'],
        ['2 × 16, 3 steps, batch 4, forward', 'LSTM operator'],
        ['2 × 16, 3 steps, batch 4, forward', 'PyTorch nn.LSTM'],
        ['2 × 16, 3 steps, batch 4, step', 'unrolled, each product added'],
        ['2 × 16, 3 steps, batch 4, step', 'Scan'],
        ['2 × 16, 3 steps, batch 4, step', 'PyTorch nn.LSTM'],
      ]);
      for (const one of rows.slice(3, 5)) expect(one.ratio).toBeGreaterThan(0);
    },
    MANY_PROCESSES,
  );

  test(
    'times a step of a language model with learned and fixed word vectors',
    async () => {
      const size = ['--hidden', '16', '--words', '40', '--window', '3', '--batch', '4'];
      const { code, stdout } = await bench('lm-step', '--quick', '--json', ...size, '--python', '/nowhere/python3');
      expect(code).toBe(0);
      const { rows } = contract.parse(JSON.parse(stdout));
      expect(rows.map((one) => [one.case, one.peerName])).toEqual([
        ['2 × 16, 40 words, learned', 'PyTorch, learned'],
        ['2 × 16, 40 words, fixed vectors', 'PyTorch, fixed vectors'],
        ['2 × 16, 40 words, fixed vectors', 'PyTorch, learned'],
        ['2 × 16, 40 words, fixed vectors', 'ours, learned'],
        ['2 × 16, 40 words, Hadamard', 'PyTorch, learned'],
        ['2 × 16, 40 words, Hadamard', 'ours, learned'],
      ]);
    },
    MANY_PROCESSES,
  );

  test('lists benches without a name', async () => {
    const { code, stdout } = await bench();
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /train-step .*\n\s+inference .*\n\s+head .*\n\s+fwht .*\n\s+data .*\n\s+decode .*\n\s+million /,
    );
  });

  test.each([
    [
      ['haed'],
      'unknown bench haed; choose from train-step, inference, head, fwht, data, decode, million, lm-recurrence, lm-step, word-softmax; did you mean head?',
    ],
    [['head', '--sizes', '512'], 'It must look like 2048x1000'],
    [['head', '--sizes', '1x10', '--quick'], 'a classifier needs at least 2 features'],
    [['train-step', '--models', 'mlp'], 'the peers do not know this model'],
    [['train-step', '--batch', 'many'], 'a whole number of at least 1'],
  ])('refuses %j with exit code 2', async (words, message) => {
    const { code, stdout, stderr } = await bench(...words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

test('the multiply-adds of a training step are those of a ResNet-8 counted by hand', () => {
  const model = createModel(createBackbone('resnet8', { channels: 3, height: 32, width: 32 }), headSpec('learned'), 10);
  const choice = { batchSize: 2, optimizer: sgd(), labelSmoothing: 0, clipNorm: null };
  const stem = 32 * 32 * 16 * (3 * 9);
  const first = 32 * 32 * 16 * (2 * 16 * 9);
  const second = 16 * 16 * 32 * (16 * 9 + 32 * 9 + 16);
  const third = 8 * 8 * 64 * (32 * 9 + 64 * 9 + 32);
  // Forward, input gradient and weight gradient; the images need no gradient.
  const perImage = 3 * (first + second + third + 64 * 10) + 2 * stem;
  expect(multiplyAdds(trainingProgram(model, choice).graph)).toBe(2 * perImage);
});

describe('statistics', () => {
  test('quantiles interpolate between neighbours and do not depend on order', () => {
    expect([0, 0.25, 0.5, 1].map((q) => quantile([4, 1, 3, 2], q))).toEqual([1, 1.75, 2.5, 4]);
    expect(quantile([], 0.5)).toBeNull();
  });

  test('a ratio is that of the medians, its quartiles those of the rounds', () => {
    // Ratios of the rounds: 2, 1, 0.5.
    expect(compareRounds([2, 2, 4], [1, 2, 8])).toEqual({ ours: 2, peer: 2, ratio: 1, ratioLow: 0.75, ratioHigh: 1.5 });
    expect(compareRounds([1], [])).toMatchObject({ ours: 1, peer: null, ratio: null, ratioLow: null });
  });
});

test('a section of results is replaced where it stands, or appended', () => {
  const text = '# Title\n\nIntroduction.\n\n## head\n\nold\n\n## train-step\n\nkept\n';
  const replaced = '# Title\n\nIntroduction.\n\n## head\n\nnew\n\n## train-step\n\nkept\n';
  expect(withSection(text, 'head', 'new')).toBe(replaced);
  expect(withSection('# Title\n', 'head', 'new')).toBe('# Title\n\n## head\n\nnew\n');
});

test('a streaming step never holds its logits, nor does the second pass that a bias takes', async () => {
  // 64 × 262,144 logits are 67 MB; the full softmax holds several times that. A process's peak varies by some megabytes.
  const size = { features: 512, classes: 262_144, batch: 64, threads: 1, bases: 1 };
  const peaks = new Map<string, number>();
  for (const [name, options] of [
    ['small', { ...size, classes: 1024, softmax: 'streaming', bias: 'off' }],
    ['streaming', { ...size, softmax: 'streaming', bias: 'off' }],
    ['streaming with bias', { ...size, softmax: 'streaming', bias: 'on' }],
    ['full', { ...size, softmax: 'full', bias: 'off' }],
  ] as const) {
    const contender = await openOurs(name, 'million.ts', options);
    if (isMissing(contender)) throw new Error(contender.missing);
    await using running = contender;
    await running.run(2);
    peaks.set(name, await running.peakMegabytes());
  }
  const above = (name: string): number => (peaks.get(name) ?? NaN) - (peaks.get('small') ?? NaN);
  expect(above('streaming')).toBeLessThan(1.25 * 67);
  expect(above('streaming with bias')).toBeLessThan(1.25 * 67);
  expect(above('full')).toBeGreaterThan(2 * 67);
});
