import { defined, inputError, usageError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import { nearestOf } from '../core/suggest.ts';
import { operatorName, type Graph, type GraphNode } from '../graph/graph.ts';
import { typeText } from '../graph/text.ts';
import { constantBehind } from './constants.ts';
import type { ClassifierChoice, FoundClassifier, NotFound } from './found-classifier.ts';
import { linksOf, nodesBefore, numberAttribute, type Links } from './links.ts';
import { isQuantised, refusalOf } from './refusals.ts';
import { isProduct, wayBack, type TailStep } from './tail.ts';

const describe = (node: GraphNode): string => `${node.name} (${operatorName(node)})`;
const problem = (summary: string, fields: NotFound['fields'] = {}): NotFound => ({ summary, fields });
const isProblem = (result: object): result is NotFound => 'summary' in result;

/** What a product multiplies by: constant weights of a plain matrix or of 1×1 filters. */
type Weights = Pick<
  FoundClassifier,
  'node' | 'kind' | 'weight' | 'bias' | 'features' | 'classes' | 'byColumns' | 'input' | 'weightFactor' | 'biasFactor'
>;

function weightsOf(graph: Graph, links: Links, node: GraphNode): Weights | NotFound {
  const described = `the last product before the output, ${describe(node)},`;
  const weight = constantBehind(graph, links, node.inputs[1]);
  const shape = weight === undefined ? undefined : graph.initializers.get(weight.name)?.shape;
  if (weight === undefined || shape === undefined) {
    const source = links.producer(node.inputs[1] ?? '');
    return source !== undefined && isQuantised(operatorName(source))
      ? problem('the model is already quantised', {
          received: describe(source),
          hint: 'fix the float model, and quantise what comes out',
        })
      : problem(`${described} has no constant weights`);
  }
  const own = constantBehind(graph, links, node.inputs[2])?.name;
  const kind = operatorName(node);
  const input = node.inputs[0] ?? '';
  if (kind === 'Conv') {
    const [classes = 0, features = 0, ...window] = shape;
    if (window.some((side) => side !== 1))
      return problem(`${described} is a convolution with windows of ${window.join('×')}`);
    if (numberAttribute(node, 'group', 1) !== 1) return problem(`${described} is a convolution in groups`);
    const common = {
      node,
      kind,
      weight: weight.name,
      byColumns: false,
      input,
      weightFactor: 1,
      biasFactor: 1,
    } as const;
    return { ...common, bias: own, features, classes };
  }
  if ((kind !== 'Gemm' && kind !== 'MatMul') || shape.length !== 2 || numberAttribute(node, 'transA', 0) !== 0)
    return problem(`${described} is no plain matrix product`);
  const [rows = 0, columns = 0] = shape;
  const swapped = weight.transposed !== (numberAttribute(node, 'transB', 0) !== 0);
  const [features, classes] = swapped ? [columns, rows] : [rows, columns];
  const factors = {
    weightFactor: numberAttribute(node, 'alpha', 1),
    biasFactor: numberAttribute(node, 'beta', 1),
  };
  return { node, kind, weight: weight.name, bias: own, features, classes, byColumns: !swapped, input, ...factors };
}

/** The steps that the head replaces along with the product, and those that stay behind it. */
function divide(steps: readonly TailStep[]): { taken: readonly TailStep[]; tail: readonly TailStep[] } {
  const scores = steps.findIndex(({ role }) => role === 'score');
  const before = scores === -1 ? steps : steps.slice(0, scores);
  const taken = before.findLastIndex(({ role }) => role !== 'shape') + 1;
  return { taken: steps.slice(0, taken), tail: steps.slice(taken) };
}

/** The bias that the first step behind a product adds. */
function biasBehind(graph: Graph, links: Links, [step]: readonly TailStep[], classes: number): string | undefined {
  if (step === undefined || operatorName(step.node) !== 'Add') return undefined;
  const source = step.node.inputs.map((name) => constantBehind(graph, links, name)).find((each) => each !== undefined);
  const shape: Shape = graph.initializers.get(source?.name ?? '')?.shape ?? [];
  return shape.includes(classes) ? source?.name : undefined;
}

/** Whether a pooling node leaves one number of each channel. */
function poolsAll(graph: Graph, node: GraphNode): boolean {
  if (operatorName(node) === 'GlobalAveragePool') return true;
  const window = graph.types.get(node.outputs[0] ?? '')?.shape.slice(2);
  const rank = graph.types.get(node.inputs[0] ?? '')?.shape.length;
  return rank === 4 && window?.every((side) => side === 1) === true;
}

/** Whether logits are one list for each image: `[batch, C]`, or that with dimensions of 1. */
function isList(shape: Shape | undefined, classes: number): boolean {
  if (shape === undefined) return true;
  const rest = shape.slice(1);
  return shape.length > 1 && rest.includes(classes) && rest.filter((dim) => dim !== 1).length <= 1;
}

/** Why scores are not those of a classifier, which gives one list for each input. */
function severalLists(graph: Graph, { node, kind, classes, logits }: FoundClassifier): NotFound | undefined {
  if (isList(graph.types.get(logits)?.shape, classes)) return undefined;
  return problem(`${describe(node)} gives more than one list of scores for each input`, {
    expected: `scores [batch, ${classes}]`,
    received: `${logits} ${typeText(graph.types.get(logits))}`,
    hint:
      kind === 'Conv'
        ? 'a model that gives a map of scores, for segmentation or detection, is no classifier'
        : 'a model that gives scores for each position of a text is no classifier',
  });
}

const weightText = (graph: Graph, { weight, bias }: Pick<FoundClassifier, 'weight' | 'bias'>): string => {
  const shape = graph.initializers.get(weight)?.shape ?? [];
  return `weights ${weight} [${shape.join(', ')}]${bias === undefined ? ', no bias' : ` and bias ${bias}`}`;
};

function search(graph: Graph, links: Links, output: string): FoundClassifier | NotFound {
  const { steps, end, found } = wayBack(graph, links, output);
  if (end === undefined) return problem('no product with weights leads to the output', { received: output });
  if (!found) {
    const before = nodesBefore(graph, output).filter((node) => isProduct(graph, links, node));
    const last = before.at(-1);
    if (last === undefined) return problem('no product with weights leads to the output', { received: output });
    return problem(`between the last product, ${describe(last)}, and the output stands ${describe(end)}`, {
      received: output,
      hint: 'that is no classifier, or not one that fixhead knows; name the product that a head shall take the place of',
    });
  }
  const weights = weightsOf(graph, links, end);
  if (isProblem(weights)) return weights;
  const { taken, tail } = divide(steps);
  const [pool, relu] = (['pool', 'relu'] as const).map((role) => taken.find((step) => step.role === role)?.node);
  if (pool !== undefined && (weights.kind !== 'Conv' || !poolsAll(graph, pool)))
    return problem(`behind the last product, ${describe(end)}, an average is taken: ${describe(pool)}`);
  if (relu !== undefined && pool === undefined) {
    return problem(`behind the last product, ${describe(end)}, stands ${describe(relu)}`, {
      hint: 'what leaves it are features, not scores of classes: this looks like a network without its classifier',
    });
  }
  const replaced = [end, ...taken.map(({ node }) => node)];
  const logits = replaced.at(-1)?.outputs[0] ?? '';
  const { classes } = weights;
  const bias = weights.bias ?? biasBehind(graph, links, taken, classes);
  const rest = tail.filter(({ role }) => role !== 'shape').map(({ node }) => operatorName(node));
  const behind = rest.length > 0 ? `, through ${rest.reverse().join(' and ')}` : '';
  const pooled =
    pool === undefined
      ? ''
      : `; it classifies each pixel, ${relu === undefined ? '' : `${operatorName(relu)} and `}${operatorName(pool)} follow: a head gets the averaged features instead`;
  return Object.freeze({
    ...weights,
    bias,
    output,
    logits,
    replaced,
    pooling: pool === undefined ? undefined : { node: pool, relu: relu !== undefined },
    tail: tail.map(({ node }) => node),
    how: `${describe(end)} with ${weightText(graph, { weight: weights.weight, bias })}, the last product before output ${output}${behind}${pooled}`,
  });
}

/** The product that a name means, with what follows it up to the logits. */
function searchNamed(graph: Graph, links: Links, output: string, name: string): FoundClassifier | NotFound {
  const behind = nodesBefore(graph, output);
  const candidates = behind.filter((node) => isProduct(graph, links, node));
  const node = candidates.findLast(
    (each) => each.name === name || constantBehind(graph, links, each.inputs[1])?.name === name,
  );
  if (node === undefined) {
    const other = graph.nodes.find((each) => each.name === name);
    return problem(
      other === undefined ? 'no such node' : `${describe(other)} is no product with weights before the output`,
      {
        where: `output ${output}`,
        received: name,
        legal: candidates.slice(-8).map((each) => each.name),
        ...nearestOf(
          name,
          candidates.flatMap((each) => [each.name, constantBehind(graph, links, each.inputs[1])?.name ?? each.name]),
        ),
      },
    );
  }
  const { steps, end } = wayBack(graph, links, output);
  if (end === node) return search(graph, links, output);
  const weights = weightsOf(graph, links, node);
  if (isProblem(weights)) return weights;
  if (weights.kind === 'Conv') {
    return problem(`${describe(node)} is a convolution that other layers follow`, {
      received: name,
      hint: 'a head can take the place of a Gemm or MatMul in the middle of a model, not of a convolution',
    });
  }
  const { tail } = divide(steps);
  const logits = tail[0]?.node.inputs[0] ?? output;
  const shape = graph.types.get(logits)?.shape;
  const classes = shape?.at(-1);
  if (shape?.length !== 2 || typeof classes !== 'number') {
    return problem(`what follows ${describe(node)} does not end in one list of scores for each input`, {
      received: `${logits} ${typeText(graph.types.get(logits))}`,
    });
  }
  const later = new Set(nodesBefore(graph, weights.input));
  const replaced = nodesBefore(graph, logits).filter((each) => !later.has(each));
  return Object.freeze({
    ...weights,
    classes,
    output,
    logits,
    replaced,
    pooling: undefined,
    tail: tail.map((step) => step.node),
    how: `${describe(node)} with ${weightText(graph, weights)}, chosen by name; a head takes the place of it and of the ${replaced.length - 1} nodes that follow it`,
  });
}

/**
 * Like {@link findClassifier}, for looking only: gives the reason instead of an error where there is none, and accepts scores for each
 * position of a text. Without a choice among several outputs, the one called `logits` is taken, else the first.
 */
export function searchClassifier(graph: Graph, choice: ClassifierChoice = {}): FoundClassifier | NotFound {
  const output = choice.output ?? (graph.outputs.includes('logits') ? 'logits' : graph.outputs[0]);
  if (output === undefined) return problem('the model has no output');
  const links = linksOf(graph);
  return (
    refusalOf(graph, output) ??
    (choice.node === undefined ? search(graph, links, output) : searchNamed(graph, links, output, choice.node))
  );
}

/**
 * The classifier of any model: the last Gemm, MatMul or 1×1 convolution with constant weights before its output, looked for backwards
 * through Softmax, LogSoftmax, Sigmoid, ArgMax, changes of shape, Dropout and constant scales. A 1×1 convolution may stand before global
 * average pooling, with a ReLU between (SqueezeNet).
 *
 * @param choice the output, where the model has several; the product, where it is not the last one
 * @throws a usage error for several outputs without a choice, or for names that the model lacks; an input error where no classifier is
 * recognised (saying what stands there instead), for a quantised model, and for control flow on the way to the output.
 */
export function findClassifier(graph: Graph, choice: ClassifierChoice = {}): FoundClassifier {
  if (choice.output === undefined && graph.outputs.length > 1) {
    throw usageError('the model has several outputs; say which one gives the scores of the classes', {
      where: graph.name,
      legal: graph.outputs.map((name) => `${name} ${typeText(graph.types.get(name))}`),
    });
  }
  if (choice.output !== undefined && !graph.outputs.includes(choice.output)) {
    throw usageError('the model has no such output', {
      received: choice.output,
      legal: graph.outputs,
      ...nearestOf(choice.output, graph.outputs),
    });
  }
  const found = searchClassifier(graph, choice);
  const wrong = isProblem(found) ? found : severalLists(graph, found);
  if (!isProblem(found) && wrong === undefined) return found;
  const { summary, fields } = defined(wrong, 'reason');
  throw choice.node !== undefined && fields.legal !== undefined
    ? usageError(summary, fields)
    : inputError(`no classifier found: ${summary}`, fields);
}
