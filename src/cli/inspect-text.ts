import CliTable from 'cli-table3';
import { findings, type Finding } from '../report/head-findings.ts';
import { headSections, type Fact, type FactTable, type HeadSection } from '../report/head-sections.ts';
import type { HeadDocument } from '../report/head-document.ts';
import { plural } from '../report/format.ts';
import { bytes, percent, whole } from './format.ts';

const noBorders = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', right: '', 'right-mid': '', middle: '  ', 'mid-mid': '──' },
};

/** An inspection as text for a terminal of some width: layers, size and classifier of a model, then the head. */
export function inspectionText(document: HeadDocument, width: number): string {
  const parts = [
    ...(document.layers.length === 0 ? [] : [layerTable(document)]),
    titleText(document),
    ...bulletLines(findings(document), width),
    ...headSections(document).map((section) => sectionText(section, width)),
    ...(document.notes.length === 0 ? [] : [document.notes.map((note) => `Note: ${note}`).join('\n')]),
  ];
  return `${parts.join('\n\n')}\n`;
}

function plainTable(head: readonly string[], rows: readonly (readonly string[])[], left: number): string {
  const table = new CliTable({
    head: [...head],
    colAligns: head.map((_, column) => (column < left ? 'left' : 'right')),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  for (const row of rows) table.push([...row]);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Layers with weights or products; the others are counted in a line. */
function layerTable({ layers }: HeadDocument): string {
  const shown = layers.filter(({ parameters, multiplyAdds }) => parameters > 0 || multiplyAdds !== 0);
  const rows = shown.map(({ name, operator, shape, parameters, multiplyAdds }) => [
    name,
    operator,
    shape === null ? '?' : shape.join('×'),
    parameters === 0 ? '' : whole(parameters),
    multiplyAdds === null ? '?' : multiplyAdds === 0 ? '' : whole(multiplyAdds),
  ]);
  const others = layers.length - shown.length;
  return `${plainTable(['layer', 'operator', 'output', 'parameters', 'multiply-adds'], rows, 3)}\n${others} more nodes without weights or products`;
}

function titleText({ model, head, sign, image, parameters, multiplyAdds, classifier, geometry }: HeadDocument): string {
  const lines: string[] = [];
  const { total, trainable } = parameters;
  if (model === null) {
    const size =
      classifier === null
        ? ''
        : `: ${whole(classifier.features)} ${sign ?? ''} features to ${whole(classifier.classes)} classes`;
    lines.push(`${head ?? 'head'}${size}`);
  } else {
    lines.push(
      `${model}${image === null ? '' : ` for images of ${image.channels}×${image.height}×${image.width}`}`,
      `  ${whole(total)} parameters, ${trainable === total ? 'all' : whole(trainable)} trainable; ${whole(multiplyAdds)} multiply-adds for one image`,
    );
    if (classifier !== null) {
      const { kind, features, classes } = classifier;
      lines.push(`Classifier: ${kind}, ${whole(features)} features to ${whole(classes)} classes`);
    }
  }
  if (classifier !== null) {
    const share = model === null ? '' : ` (${percent(classifier.share)} of all)`;
    lines.push(
      `  ${plural(classifier.parameters, 'parameter')}${share}, ${whole(parameters.classifierTrainable)} trainable; ${bytes(classifier.bytes)}; ${whole(classifier.multiplyAdds)} multiply-adds`,
    );
    if (geometry !== null && geometry.kind !== 'weights') {
      const { dense } = classifier;
      lines.push(
        `  a learned one would have ${whole(dense.parameters)} parameters, ${bytes(dense.bytes)}, ${whole(dense.multiplyAdds)} multiply-adds`,
      );
    }
  }
  return lines.join('\n');
}

const marks = { fine: '✓', note: '•', wrong: '✗' } as const satisfies Record<Finding['level'], string>;

function bulletLines(list: readonly Finding[], width: number): readonly string[] {
  if (list.length === 0) return [];
  return [list.map(({ level, text }) => `${marks[level]} ${wrapped(text, width - 2, '  ')}`).join('\n')];
}

function sectionText({ title, facts, tables, notes }: HeadSection, width: number): string {
  return [
    title,
    ...factLines(facts, width),
    ...(tables.length === 0 ? [] : [tables.map((table) => indented(tableText(table))).join('\n\n')]),
    ...notes.map((note) => `  ${wrapped(note, width - 2, '  ')}`),
  ].join('\n');
}

function factLines(facts: readonly Fact[], width: number): readonly string[] {
  const label = Math.max(0, ...facts.map((fact) => fact.label.length));
  const value = Math.min(26, Math.max(0, ...facts.map((fact) => fact.value.length)));
  const indent = 2 + label + 2 + value + 2;
  return facts.map((fact) => {
    const line = `  ${fact.label.padEnd(label)}  ${fact.value.padEnd(value)}`;
    if (fact.note === undefined) return line.trimEnd();
    return `${line}  ${wrapped(fact.note, Math.max(30, width - indent), ' '.repeat(indent))}`;
  });
}

const tableText = ({ head, rows }: FactTable): string => plainTable(head, rows, 1);

const indented = (text: string): string => text.replaceAll(/^(?=.)/gmu, '  ');

/** Words in lines of at most some characters; lines after the first start with an indent. */
function wrapped(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join(`\n${indent}`);
}
