import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { describeMachine, loadNow, machineLine } from '../bench/machine.ts';
import { resultsFile, withSection } from '../bench/results.ts';
import { FixheadError } from '../src/core/errors.ts';
import type { LoweringTarget } from '../src/lowering/lower.ts';
import { openRuntime } from '../src/runtime/node.ts';
import { writeFileAtomically } from '../src/train/atomic.ts';
import { compareGradients, tolerances, type Comparison } from '../test/torchvision/compare.ts';

/**
 * `npm run check:torchvision -- [--folder DIR] [--python PYTHON] [--lowering portable|blocked] [--write] [NAME …]`: exports models of
 * torchvision with random weights (where the folder does not hold them yet), and compares the gradients of a classification loss with
 * respect to all of their parameters with PyTorch's. Exits with 1 where one differs by more than float32 explains.
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    folder: { type: 'string', default: 'torchvision-gradients' },
    python: { type: 'string', default: '/usr/bin/python3' },
    lowering: { type: 'string', default: 'portable' },
    date: { type: 'string', default: new Date().toISOString().slice(0, 10) },
    write: { type: 'boolean', default: false },
  },
});

const architectures = [
  ...['resnet18', 'resnet50', 'densenet121', 'mobilenet_v2', 'mobilenet_v3_small', 'mobilenet_v3_large'],
  ...['shufflenet_v2_x1_0', 'efficientnet_b0', 'convnext_tiny', 'vit_b_16', 'squeezenet1_1'],
];

function exportModel(folder: string, name: string): void {
  if (existsSync(join(folder, `${name}.json`))) return;
  const script = fileURLToPath(new URL('../test/torchvision/export.py', import.meta.url));
  const { status } = spawnSync(values.python, [script, folder, name], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`${values.python} could not export ${name}; it needs PyTorch and torchvision`);
}

interface Row {
  readonly comparison: Comparison;
  readonly outside: number;
}

const digits = (value: number): string => value.toExponential(1);

function lineOf({ comparison, outside }: Row): string {
  const { name, tensors, parameters, nodes, lossError } = comparison;
  const worst = tensors.reduce((most, each) => (each.ours > most.ours ? each : most));
  const theirs = Math.max(...tensors.map((each) => each.theirs));
  const cells = [
    ...[name, parameters.toLocaleString('en'), String(tensors.length), String(nodes), digits(lossError)],
    ...[digits(worst.ours), digits(theirs), worst.name, outside === 0 ? 'agree' : `**${outside} differ**`],
  ];
  return `| ${cells.join(' | ')} |`;
}

const header = [
  '| model | parameters | tensors | nodes | loss, absolute | worst gradient, ours | worst, PyTorch float32 | in | verdict |',
  '| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |',
];

async function main(): Promise<void> {
  const load = loadNow();
  const runtime = await openRuntime({ device: 'cpu' });
  const block = runtime.blockSize;
  const target: LoweringTarget =
    values.lowering === 'blocked' && (block === 8 || block === 16) ? { kind: 'blocked', block } : { kind: 'portable' };
  const rows: Row[] = [];
  console.log(header.join('\n'));
  for (const name of positionals.length > 0 ? positionals : architectures) {
    exportModel(values.folder, name);
    const comparison = await compareGradients(values.folder, name, { runtime, target });
    const allowed = tolerances(comparison);
    const outside = comparison.tensors.filter(({ ours }, index) => !(ours <= (allowed[index] ?? 0))).length;
    rows.push({ comparison, outside });
    console.log(lineOf({ comparison, outside }));
  }
  if (values.write) {
    const machine = await describeMachine({ PyTorch: '1.13', torchvision: '0.14' }, load);
    const text = [
      `\`npm run check:torchvision -- --write\`, ${values.date}, ${target.kind} lowering`,
      machineLine(machine),
      'Gradients of the mean cross-entropy of two images with respect to every parameter, of models that PyTorch exported with random weights, beside those that PyTorch computes in float64. Errors are norms relative to the gradient of the same tensor. A gradient agrees where its error is at most ten times that of PyTorch’s own float32 gradient of the same tensor (or of the median tensor of the model, where that is more; never less than 1e-5).',
      [...header, ...rows.map(lineOf)].join('\n'),
    ].join('\n\n');
    const config = await resolveConfig(resultsFile);
    const whole = withSection(await readFile(resultsFile, 'utf8'), 'torchvision', text);
    await writeFileAtomically(resultsFile, await format(whole, { ...config, parser: 'markdown' }));
  }
  if (rows.some(({ outside }) => outside > 0)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof FixheadError ? error.message : error);
  process.exitCode = 1;
}
