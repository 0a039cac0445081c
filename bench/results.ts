import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { writeFileAtomically } from '../src/train/atomic.ts';
import type { BenchDocument } from './document.ts';
import { machineLine } from './machine.ts';
import { markdownTable } from './table.ts';

export const resultsFile = fileURLToPath(new URL('RESULTS.md', import.meta.url));

/** `text` with the section `## name` replaced, or appended if it has none. A section ends where the next `## ` begins. */
export function withSection(text: string, name: string, body: string): string {
  const section = `## ${name}\n\n${body.trim()}\n`;
  const parts = text.trimEnd().split(/^(?=## )/m);
  const place = parts.findIndex((part) => part.split('\n', 1)[0]?.trim() === `## ${name}`);
  const next = place < 0 ? [...parts, section] : parts.with(place, section);
  return `${next.map((part) => part.trimEnd()).join('\n\n')}\n`;
}

/** Puts a bench's results into RESULTS.md in place of its earlier ones. */
export async function writeResults(document: BenchDocument, command: string, date: string): Promise<void> {
  const body = [`\`${command}\`, ${date}`, machineLine(document.machine), markdownTable(document.rows)].join('\n\n');
  const text = withSection(await readFile(resultsFile, 'utf8'), document.name, body);
  const config = await resolveConfig(resultsFile);
  await writeFileAtomically(resultsFile, await format(text, { ...config, parser: 'markdown' }));
}
