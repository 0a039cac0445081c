import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runCli } from '../src/cli/program.ts';
import { metadataKeys } from '../src/runs/export.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = [
  'README.md',
  'CHANGELOG.md',
  ...(await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => join('docs', name)),
];
const texts = new Map(
  await Promise.all(pages.map(async (page) => [page, await readFile(join(root, page), 'utf8')] as const)),
);

const fence = /^(```+)[^\n]*\n[\s\S]*?^\1$/gm;
/** A page without its blocks of code, whose brackets and number signs mean something else. */
const prose = (text: string): string => text.replaceAll(fence, '');

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const anchors = [...prose(text).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading = '']) => {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');
    const slug = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
  return new Set(anchors);
}

/** What is wrong with the relative links of a page. */
function brokenLinks(page: string, text: string): readonly string[] {
  const unquoted = prose(text).replaceAll(/`[^`\n]*`/g, 'code');
  return [...unquoted.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].flatMap(([, inText, inTag]) => {
    const target = inText ?? inTag ?? '';
    if (/^[a-z]+:/.test(target)) return [];
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : relative(root, resolve(root, dirname(page), path));
    if (file.startsWith('..') || !existsSync(join(root, file))) return [`${target}: no such file`];
    if (anchor === undefined) return [];
    const other = file === page ? text : texts.get(file);
    if (other === undefined) return [`${target}: an anchor in a file that is no page of the documentation`];
    return anchorsOf(other).has(anchor) ? [] : [`${target}: no such heading`];
  });
}

describe('relative links resolve, headings included', () => {
  test.each([...texts])('%s', (page, text) => {
    expect(brokenLinks(page, text)).toEqual([]);
  });

  test('a link to a missing file or heading would be found', () => {
    const text = '# Here\n[a](nowhere.md) [b](#there) [c](#here) [d](https://example.org) `[e](nothing.md)`';
    expect(brokenLinks('README.md', text).map((problem) => problem.split(':')[0])).toEqual(['nowhere.md', '#there']);
  });
});

async function helpOf(path: readonly string[]): Promise<string> {
  const parts: string[] = [];
  const stdout = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      parts.push(chunk.toString());
      done();
    },
  });
  expect(await runCli([...path, '--help'], { stdout, stderr: stdout, env: {} }), path.join(' ')).toBe(0);
  return parts.join('');
}

/** Options and sub-commands by command: `''` is the program itself, `data fetch` a nested one. */
async function commandsFrom(path: readonly string[]): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const help = await helpOf(path);
  const listed = /^Commands:\n((?: {2}.*\n?)+)/m.exec(help)?.[1] ?? '';
  const names = [...listed.matchAll(/^ {2}(\w[\w-]*)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
  const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z][\w-]*)/gm)].map(([, option = '']) => option);
  const nested = await Promise.all(names.map((name) => commandsFrom([...path, name])));
  return new Map([[path.join(' '), new Set(options)] as const, ...nested.flatMap((each) => [...each])]);
}

const commands = await commandsFrom([]);
const everyOption = new Set([...commands.values()].flatMap((options) => [...options]));

/** Options that the pages mention of other programs. */
const foreign = new Set(['--gpus']);

/** Pieces of code in a page: lines of blocks (continued lines joined) and code within the text. */
function codeOf(text: string): readonly string[] {
  const indented = [...text.matchAll(/^ {4}\S.*$/gm)].map(([line]) => line);
  const blocks = [...text.matchAll(fence)].flatMap(([block]) => block.replaceAll(/\\\n\s*/g, ' ').split('\n'));
  const spans = [...prose(text).matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...blocks, ...indented, ...spans];
}

/** What is wrong with the commands and options in a piece of code. */
function unknownUses(code: string): readonly string[] {
  if (/^\s*(?:[A-Z_]+=\S+ )*(?:npm|pip|git|docker|apt)\b/.test(code)) return [];
  const given = [...code.matchAll(/(?<![\w-])--[a-z][\w-]*/g)].map(([option]) => option);
  const called = /\bfixhead ([a-z]+)(?: ([a-z]+\d*))?\b/.exec(code);
  const isCall = called !== null && /^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:npx )?fixhead /.test(code);
  if (!isCall) return given.filter((option) => !everyOption.has(option) && !foreign.has(option));
  const [, first = '', second = ''] = called;
  const options = commands.get(`${first} ${second}`) ?? commands.get(first);
  if (options === undefined) return [`fixhead ${first}`];
  return given.filter((option) => !options.has(option)).map((option) => `fixhead ${first} ${option}`);
}

describe('every command and option that the documentation mentions exists', () => {
  test('the commands are read from the help', () => {
    expect([...commands.keys()]).toEqual(expect.arrayContaining(['', 'compare', 'train', 'resume', 'data fetch']));
    expect(commands.get('compare')).toContain('--heads');
  });

  test.each([...texts])('%s', (_page, text) => {
    expect(codeOf(text).flatMap(unknownUses)).toEqual([]);
  });

  test('a wrong one would be found', () => {
    expect(unknownUses('npx fixhead compare x --head learned')).toEqual(['fixhead compare --head']);
    expect(unknownUses('fixhead tran x')).toEqual(['fixhead tran']);
    expect(unknownUses('--no-such-option')).toEqual(['--no-such-option']);
    expect(unknownUses('npm pack --silent')).toEqual([]);
  });
});

test('docs/export.md names the metadata that an exported model carries', () => {
  const page = texts.get(join('docs', 'export.md'));
  for (const key of Object.values(metadataKeys)) expect(page).toContain(`\`${key}\``);
});
