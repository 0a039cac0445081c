import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { countParameters, createModel, modelTensors } from '../src/heads/model.ts';
import { parseHead } from '../src/heads/parse.ts';
import { createBackbone, modelNames } from '../src/models/registry.ts';
import { recipes } from '../src/train/recipe.ts';

const page = readFileSync(new URL('../docs/models.md', import.meta.url), 'utf8');

/** Rows of the tables whose second column is a number of features: name, features, learned, share, fixed. */
const rows = [...page.matchAll(/^\| `([\w.-]+)` +\| (\d+) +\| ([\d,]+) +\| ([\d.]+ %) +\| ([\d,]+) +\|/gm)].map(
  ([, ...cells]) => cells.map(String),
);

test.each(rows)('docs/models.md on %s is what is computed', (name = '', ...cells) => {
  const small = /cifar|-bc|resnet(20|56|110)$/.test(name);
  const classes = !small ? 1000 : name.startsWith('densenet') ? 100 : 10;
  const side = small ? 32 : 224;
  const backbone = createBackbone(name, { channels: 3, height: side, width: side });
  const counted = (head: string) => countParameters(modelTensors(createModel(backbone, parseHead(head), classes)));
  const learned = counted('learned');
  expect(cells).toEqual([
    String(backbone.features),
    learned.total.toLocaleString('en-US'),
    `${((100 * learned.classifier) / learned.total).toFixed(2)} %`,
    counted('hadamard').trainable.toLocaleString('en-US'),
  ]);
});

test('every model and recipe that has a name is on the page', () => {
  expect(rows.length).toBe(22);
  for (const name of modelNames.filter((each) => !/^(resnet(8|32|44)|adapter)$/.test(each)))
    expect(page).toContain(`\`${name}\``);
  for (const name of Object.keys(recipes).filter((each) => each !== 'default')) expect(page).toContain(`| \`${name}\``);
});
