import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, quick, temporaryFolder, writeImages } from '../../test/support/cli.ts';

/** Wrong use: nothing is read or written, the exit code is 2, and the text says what would be right. */
const wrongUse: readonly (readonly [what: string, argv: readonly string[], text: RegExp])[] = [
  ['an unknown command', ['comparre'], /unknown command 'comparre'\n\(Did you mean compare\?\)/],
  ['an unknown option', ['compare', '--epoch', '3'], /unknown option '--epoch'\n\(Did you mean --epochs\?\)/],
  ['an option without its value', ['inspect', '--model'], /option '--model <name>' argument missing/],
  ['too many arguments', ['compare', 'a', 'b'], /too many arguments.* Expected 1 argument but got 2/],
  ['a missing argument', ['resume'], /missing required argument 'folder'/],
  ['an unknown dataset', ['compare', 'mnist-smal'], /unknown dataset.*"mnist-smal".*did you mean mnist-small\?/],
  ['an unknown dataset to fetch', ['data', 'fetch', 'cifar-11'], /unknown dataset.*did you mean cifar-1\d*\?/],
  ['an unknown command of data', ['data', 'lits'], /unknown command 'lits'\n\(Did you mean list\?\)/],
  ['an unknown model', ['compare', '--model', 'resnet2O'], /unknown model resnet2O.*did you mean resnet20\?/],
  [
    'a depth that no ResNet has',
    ['train', '--model', 'resnet21'],
    /depth 6n \+ 2; received resnet21; choose from resnet8/,
  ],
  ['an unknown head', ['compare', '--heads', 'learned,hadamrd'], /unknown head hadamrd.*did you mean hadamard\?/],
  ['an unknown option of a head', ['train', '--head', 'hadamard:scal=2'], /unknown option scal.*did you mean scale\?/],
  ['a head listed twice', ['compare', '--heads', 'hadamard,hadamard'], /a head is listed twice; received hadamard/],
  ['a seed listed twice', ['compare', '--seeds', '1,1'], /a seed is listed twice/],
  ['an unknown recipe', ['compare', '--recipe', 'paper-cifr'], /--recipe: unknown choice.*did you mean paper-cifar\?/],
  [
    'an unknown optimiser',
    ['train', '--optimizer', 'adan'],
    /--optimizer: unknown choice.*choose from sgd, adam, adamw; did you mean adam\?/,
  ],
  ['no epochs', ['compare', '--epochs', '0'], /--epochs: not a whole number in range; expected 1 or more, received 0/],
  ['half an epoch', ['compare', '--epochs', '1.5'], /--epochs: not a whole number.*received 1\.5/],
  [
    'a seed that is no number',
    ['compare', '--seeds', 'a'],
    /--seeds: not a whole number in range; expected 0 or more, received a/,
  ],
  ['an empty place in a list', ['compare', '--seeds', '0,,1'], /--seeds: an empty place in a list.*received 0,,1/],
  [
    'a learning rate of 0',
    ['train', '--lr', '0'],
    /--lr: not a number in range; expected a number above 0, received 0/,
  ],
  ['a learning rate that is no number', ['train', '--lr', 'fast'], /--lr: not a number.*received fast/],
  ['a momentum of 1', ['train', '--momentum', '1'], /--momentum.*0 or more and below 1, received 1/],
  ['momentum for adam', ['train', '--optimizer', 'adam', '--momentum', '0.9'], /--momentum: only sgd has momentum/],
  ['milestones without steps', ['train', '--milestones', '3'], /--milestones: only a step schedule has milestones/],
  [
    'steps without milestones',
    ['train', '--schedule', 'step'],
    /--schedule step: a step schedule needs milestones; as in --milestones 10,15/,
  ],
  ['milestones that fall', ['train', '--schedule', 'step', '--milestones', '5,3'], /milestones must increase/],
  ['a warm-up as long as the run', ['train', '--epochs', '2', '--warmup', '2'], /--warmup: the warm-up is not shorter/],
  [
    'an augmentation that does not exist',
    ['train', '--augment', 'flop'],
    /--augment: unknown augmentation.*received flop.*flip/,
  ],
  ['an image size without a cross', ['train', '--image-size', '32'], /--image-size: not an image size.*HEIGHTxWIDTH/],
  ['two channels', ['train', '--image-size', '8x8x2'], /--image-size: not an image size/],
  [
    'a size for data that has one',
    ['train', 'mnist-small', '--image-size', '32x32'],
    /an image size can be chosen for folders of images only/,
  ],
  ['an unknown device', ['train', '--device', 'gpu'], /--device: unknown choice.*choose from auto, cpu, webgpu, cuda/],
  ['an unknown precision', ['train', '--precision', 'half'], /--precision: unknown choice.*choose from float32, mixed/],
  [
    'mixed precision on the CPU',
    ['train', 'mnist-small', '--precision', 'mixed', '--device', 'cpu'],
    /mixed precision needs a GPU with 16-bit floats; the CPU would be slower.*--device webgpu or cuda/,
  ],
  [
    'mixed precision on the CPU, for a comparison',
    ['compare', 'mnist-small', '--precision', 'mixed', '--device', 'cpu'],
    /mixed precision needs a GPU with 16-bit floats/,
  ],
  ['overwriting nothing in particular', ['train', '--overwrite'], /--overwrite needs the folder to replace/],
  ['nothing to inspect', ['inspect'], /nothing to inspect/],
  ['a path and a model to inspect', ['inspect', 'a.onnx', '--model', 'mlp'], /a path and a model or head at once/],
  [
    'one class',
    ['inspect', '--model', 'mlp', '--classes', '1'],
    /--classes: not a whole number in range; expected 2 or more/,
  ],
  [
    'more classes than a head has room for',
    ['inspect', '--model', 'resnet8', '--head', 'orthonormal', '--classes', '64'],
    /at most 63 classes.*received 64 classes/,
  ],
  [
    'a wrong image shape',
    ['inspect', '--model', 'mlp', '--image', '32x32'],
    /--image: not an image shape; expected CHANNELSxHEIGHTxWIDTH/,
  ],
];

describe('wrong use', () => {
  it.each(wrongUse)('%s', async (_what, argv, text) => {
    const folder = await temporaryFolder();
    const runs = argv[0] === 'train' || argv[0] === 'compare';
    const out = runs && !argv.includes('--overwrite') ? ['--out', join(folder, 'run')] : [];
    const result = await cli([...argv, ...out]);
    expect(result.stderr).toMatch(text);
    expect(result.stderr).not.toMatch(/^ {4}at /m);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('bad input', () => {
  const fails = async (argv: readonly string[], text: RegExp): Promise<void> => {
    const result = await cli([...argv, '--json']);
    expect(result.stderr).toMatch(text);
    expect(result).toMatchObject({ code: 1, stdout: '' });
  };

  it('a folder with one class, or with none', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'one'), { classes: ['only'] });
    await fails(
      ['compare', data, ...quick, '--out', join(folder, 'run')],
      /at least two sub-folders.*received one sub-folder, only/,
    );
    await mkdir(join(data, 'empty'));
    await fails(['compare', data, ...quick, '--out', join(folder, 'run')], /a class without images.*received empty/);
    await fails(['train', join(folder, 'none'), ...quick, '--out', join(folder, 'run')], /no such folder/);
    expect(await readdir(folder)).toEqual(['one']);
  });

  it('a named dataset that is not here', async () => {
    const folder = await temporaryFolder();
    const argv = ['train', 'cifar-100', '--data-dir', folder, '--out', join(folder, 'run')];
    await fails(argv, /cifar-100 is not on this machine.*fixhead data fetch cifar-100/);
  });

  it('a folder with files of others in it', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const result = await cli(['train', data, ...quick, '--out', data, '--overwrite']);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/the folder holds files that are not of a run/);
    expect((await readdir(data)).sort()).toEqual(['dark', 'half', 'light']);
  });

  it('what is no run, or a run of another kind', async () => {
    const folder = await temporaryFolder();
    await fails(
      ['resume', join(folder, 'none')],
      /not a run; expected a folder with a config\.json, received nothing there/,
    );
    await fails(['resume', folder], /not a run/);
    await writeFile(join(folder, 'config.json'), '{"format":"fixhead-run","version":1,"kind":"dream"}');
    await fails(['resume', folder], /a run of the unknown kind dream; choose from train, compare/);
    await writeFile(join(folder, 'config.json'), '{"format":"fixhead-run","version":1,"kind":"train"}');
    await fails(['resume', folder], /the settings of this run are damaged/);
    await writeFile(join(folder, 'config.json'), '{"format":');
    await fails(['inspect', folder], /config\.json: not valid JSON/);
  });

  it('a comparison where one training run is needed', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const out = join(folder, 'run');
    expect((await cli(['compare', data, ...quick, '--heads', 'hadamard', '--out', out])).code).toBe(0);
    const result = await cli(['evaluate', out]);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/a compare run, and one training run is needed; choose from .*hadamard-seed0/);
  });

  it('what is no ONNX model', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'model.onnx');
    await fails(['evaluate', file, 'mnist-small'], /model\.onnx: the file cannot be read; received nothing there/);
    await writeFile(file, 'this is a text');
    await fails(['evaluate', file, 'mnist-small'], /this is not an ONNX model, or it is damaged/);
    await fails(['predict', file, 'a.png'], /this is not an ONNX model/);
    await fails(['inspect', file], /this is not an ONNX model/);
  });

  it('images of another size than the model’s, and an ONNX file without data', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const run = join(folder, 'run');
    expect((await cli(['train', data, ...quick, '--out', run])).code).toBe(0);
    const sizes = await cli(['evaluate', run, 'mnist-small']);
    expect(sizes.code).toBe(2);
    expect(sizes.stderr).toMatch(
      /mnist-small: an image size can be chosen for folders of images only; expected no size, or its own: 28×28/,
    );
    const unnamed = await cli(['evaluate', join(run, 'model.onnx')]);
    expect(unnamed.code).toBe(2);
    expect(unnamed.stderr).toMatch(/an \.onnx file alone does not say which data/);
    const empty = join(folder, 'empty');
    await mkdir(empty);
    await fails(['predict', run, empty], /no image in the folder/);
  });

  it('a training that diverges', async () => {
    const folder = await temporaryFolder();
    const data = await writeImages(join(folder, 'shapes'));
    const wild = ['--lr', '1e30', '--warmup', '0', '--epochs', '3', '--head', 'learned'];
    await fails(
      ['train', data, ...quick, ...wild, '--out', join(folder, 'run')],
      /the loss became (NaN|Infinity) at step \d+ .*lower the learning rate/,
    );
  });
});

it('shows where an error happened only where it was asked to', async () => {
  const plain = await cli(['inspect']);
  const verbose = await cli(['inspect', '--verbose']);
  const byVariable = await cli(['inspect'], { env: { FIXHEAD_DEBUG: '1' } });
  expect(plain.stderr).not.toMatch(/^ +at /m);
  expect(verbose.stderr).toMatch(/^ +at .*inspect\.ts/m);
  expect(byVariable.stderr).toMatch(/^ +at .*inspect\.ts/m);
});
