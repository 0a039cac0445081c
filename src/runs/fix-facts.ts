import type { FixedClassifier } from '../report/fix-document.ts';
import { blocksOf, type Cut, type TrainChoice } from '../surgery/index.ts';

/** What was found, for people and for machines. */
export function foundClassifier({ classifier, size, share }: Cut): FixedClassifier {
  const { node, features, classes, how } = classifier;
  return { node: node.name, features, classes, parameters: size.classifier.parameters, share, how };
}

/** What is trained, in words. */
export function trainedText(cut: Cut, train: TrainChoice, adapter: number | undefined): string {
  const behind = adapter === undefined ? 'the head' : `an adapter to ${adapter} features and the head`;
  switch (train.kind) {
    case 'all':
      return `all layers and ${behind}`;
    case 'head':
      return `${behind} only`;
    case 'blocks': {
      const names = blocksOf(cut)
        .slice(-train.count)
        .map(({ name }) => name);
      return `the last ${train.count === 1 ? 'block' : `${train.count} blocks`} (${names.join(', ')}) and ${behind}`;
    }
    default:
      return train satisfies never;
  }
}
