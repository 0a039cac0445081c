import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { gradientRules } from '../src/autodiff/gradients.ts';
import { onnxTypeOf } from '../src/graph/onnx-common.ts';
import { definitionOf, isOp, OPSET, type Op } from '../src/graph/ops.ts';
import type { OpDefinition } from '../src/graph/ops/definition.ts';
import { elementwiseOps } from '../src/graph/ops/elementwise.ts';
import { imagesOps } from '../src/graph/ops/images.ts';
import { macrosOps } from '../src/graph/ops/macros.ts';
import { movementOps } from '../src/graph/ops/movement.ts';
import { normalizationOps } from '../src/graph/ops/normalization.ts';
import { productsOps } from '../src/graph/ops/products.ts';
import { providerOps } from '../src/graph/ops/provider.ts';
import { reductionsOps } from '../src/graph/ops/reductions.ts';
import { NEWEST_OPSET, operatorHistory } from '../src/graph/upgrade/history.ts';
import { stepsDown } from '../src/graph/upgrade/steps-down.ts';
import { stepsUp } from '../src/graph/upgrade/steps-up.ts';
import { recordFile, targets, type DeviceRecord, type Outcome, type Ran, type TargetName } from './operator-devices.ts';

/** `npm run docs:operators`: writes docs/operators.md from the operator table and from what operator-devices.json recorded. */

const families: readonly (readonly [title: string, ops: Readonly<Record<string, OpDefinition>>])[] = [
  ['Element by element', elementwiseOps],
  ['Products', productsOps],
  ['Data movement and shapes', movementOps],
  ['Reductions', reductionsOps],
  ['Images', imagesOps],
  ['Normalisation', normalizationOps],
  ['Macro operators', macrosOps],
  ["ONNX Runtime's own", providerOps],
];

/** What is said above a family's table. */
const introductions: Readonly<Record<string, string>> = {
  Images:
    'Of `[batch, channels, ...extents]`. Of equal largest elements of a window the first in row-major order takes the whole gradient, as in PyTorch (ReduceMax shares it out, as `torch.amax` does). `auto_pad`, `ceil_mode` and `output_shape` are read as explicit pads where the sizes are known. Resize: nearest, linear and cubic, not antialiased, and without a region of interest.',
  Normalisation:
    'Statistics that BatchNormalization is given are constants. LayerNormalization has one output. LRN takes odd sizes. Dropout is the identity; a node that is told to train stays as it is in the file and has no gradient.',
  'Macro operators':
    'Training graphs speak in these; a lowering turns them into what a runtime executes. They never reach a file, so no opset has them.',
  "ONNX Runtime's own":
    "Of ONNX Runtime's CPU provider. The blocked lowering emits them, after differentiation; they never reach a file for users.",
};

/** What a gradient rule covers, where that is less than the operator. */
const restrictions: { readonly [K in Op]?: string } = {
  ScatterElements: 'reductions `none` and `add`',
  ScatterND: 'reductions `none` and `add`',
};

/** Whether one version break of an operator can be passed on the way to the pinned opset. */
function passable(type: string, version: number): boolean {
  const steps = version <= OPSET ? stepsUp : stepsDown;
  return Object.hasOwn(steps, type) && steps[type]?.[version] !== undefined;
}

/** The operator sets from which a node of this type is read, as a range: `7–26`. */
export function opsetsRead(type: string): string {
  const history = operatorHistory[type] ?? [];
  const introduced = history[0] ?? OPSET;
  // Down through older forms as long as each break can be passed, then up through newer ones.
  const before = history.filter((version) => version <= OPSET).reverse();
  const older = before.findIndex((version, index) => index < before.length - 1 && !passable(type, version));
  const first = older < 0 ? introduced : (before[older] ?? introduced);
  const barrier = history.find((version) => version > OPSET && !passable(type, version));
  const last = barrier === undefined ? NEWEST_OPSET : barrier - 1;
  return first === last ? String(first) : `${first}–${last}`;
}

function gradientText(op: Op): string {
  const rule = gradientRules[op];
  if (typeof rule !== 'function') return `none: ${rule.noGradient}`;
  const restriction = restrictions[op];
  return restriction === undefined ? 'yes' : `yes, ${restriction}`;
}

const outcomes: Readonly<Record<Outcome, string>> = {
  agrees: 'ran',
  'falls back': 'partly on the CPU',
  differs: 'differs',
  fails: 'does not run',
};

function ranText(ran: Ran | undefined): string {
  if (ran?.forward === undefined && ran?.gradient === undefined) return '–';
  const [forward, gradient] = [ran.forward, ran.gradient].map((outcome) => outcome && outcomes[outcome]);
  if (forward === undefined || gradient === undefined || forward === gradient) return forward ?? gradient ?? '–';
  return `${forward}; gradient ${gradient}`;
}

const headings: Readonly<Record<TargetName, string>> = {
  portable: 'CPU',
  blocked: 'CPU, blocked',
  webgpu: 'WebGPU',
};

function row(op: Op, record: DeviceRecord): string {
  const { domain } = definitionOf(op);
  const opsets = domain === '' ? opsetsRead(onnxTypeOf(op)) : '–';
  const ran = targets.map((target) =>
    target === 'blocked' && record.emitted.includes(op) ? 'ran' : ranText(record.operators[op]?.[target]),
  );
  return `| \`${op}\` | ${[opsets, gradientText(op), ...ran].join(' | ')} |`;
}

function familySection([title, ops]: (typeof families)[number], record: DeviceRecord): string {
  const columns = ['operator', 'opsets read', 'gradient', ...targets.map((target) => headings[target])];
  return [
    `## ${title}`,
    introductions[title] ?? '',
    [
      `| ${columns.join(' | ')} |`,
      `| ${columns.map(() => '---').join(' | ')} |`,
      ...Object.keys(ops)
        .filter(isOp)
        .map((op) => row(op, record)),
    ].join('\n'),
  ].join('\n\n');
}

/** What did not agree, word by word. */
function remarks(record: DeviceRecord): string {
  const lines = Object.entries(record.operators).flatMap(([op, ran]) =>
    targets.flatMap((target) => {
      const worst = ran[target]?.worst;
      return worst === undefined ? [] : [`- \`${op}\` on ${headings[target]}: ${worst.replaceAll('|', '\\|')}`];
    }),
  );
  return lines.length === 0 ? 'Nothing: every case agreed wherever it ran.' : lines.join('\n');
}

/** The page. */
export async function operatorsPage(): Promise<string> {
  const record = JSON.parse(await readFile(recordFile, 'utf8')) as DeviceRecord;
  const devices = targets.map((target) => `- **${headings[target]}**: ${record.devices[target] ?? 'not there'}`);
  const text = [
    '# Operators',
    '<!-- Generated by `npm run docs:operators` from the operator table. -->',
    `The operators that fixhead knows: it can read them, infer their shapes, run them and, where the table says so, differentiate them. Their meaning is that of opset ${OPSET} of ai.onnx (https://onnx.ai/onnx/operators/); nodes of other opsets are brought to it when a file is read. Operators that are not here are carried along from a file unchanged and are an error only where a gradient has to pass through them.`,
    [
      `- **opsets read**: the versions of the operator set from which nodes are brought to opset ${OPSET}. A form that opset ${OPSET} cannot say is refused by name.`,
      '- **gradient**: whether there is a gradient rule, or why there is none. Each rule is tested against finite differences, and most against PyTorch.',
      '- **devices**: each operator’s test cases, forward and gradient, lowered and run on the device, compared with an evaluation in float64. _ran_: there, with these values. _partly on the CPU_: with these values, but the provider hands a node of it to the CPU. _–_: not tried.',
    ].join('\n'),
    `Recorded on ${record.date}, ${record.platform} (\`npm run record:operators\`):`,
    devices.join('\n'),
    ...families.map((family) => familySection(family, record)),
    '## Only in files',
    'Some operators of files never become nodes of a graph, because the shapes of their results are values: `Constant`, `ConstantOfShape` and `Range` become constants when they are read or folded, and `Identity` nodes disappear. What stays of them is carried along unchanged.',
    '## What did not agree',
    'A node that a provider computes wrongly gives no error; before a training run on a GPU a small step is compared with the CPU.',
    remarks(record),
    '',
  ].join('\n\n');
  const path = fileURLToPath(page);
  const options = await resolveConfig(path);
  return format(text, { ...options, filepath: path });
}

export const page = new URL('../docs/operators.md', import.meta.url);

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await writeFile(page, await operatorsPage());
  process.stdout.write('docs/operators.md\n');
}
