import { inputError } from '../../core/errors.ts';
import { float32, int64, tensor, type HostTensor } from '../../core/tensor.ts';
import type { TensorType } from '../graph.ts';
import type { ListedNode } from '../onnx-order.ts';
import { OPSET } from '../ops.ts';
import { NEWEST_OPSET, operatorHistory } from './history.ts';
import { stepsDown } from './steps-down.ts';
import { stepsUp } from './steps-up.ts';
import type { StepContext } from './step.ts';

/** What is known of the graph so far, and where new initializers go. */
export interface UpgradeContext {
  readonly typeOf: (name: string) => TensorType | undefined;
  readonly constantOf: (name: string) => HostTensor | undefined;
  /** A name that no value and no node has yet. */
  readonly fresh: (stem: string) => string;
  readonly addConstant: (name: string, value: HostTensor) => void;
}

/** A node that opset 18 cannot say, and why. */
export interface Refusal {
  readonly node: ListedNode;
  readonly reason: string;
}

/** The node in opset 18 behind what has to stand in front of it, or why there is none. */
export type Upgrade = { readonly nodes: readonly ListedNode[] } | { readonly refused: Refusal };

function stepContext(node: ListedNode, context: UpgradeContext, front: ListedNode[]): StepContext {
  const constant: StepContext['constant'] = (value, stem) => {
    const name = context.fresh(`${node.name}_${stem}`);
    context.addConstant(name, value);
    return name;
  };
  const emit: StepContext['emit'] = (opType, inputs, attributes = {}) => {
    const name = context.fresh(`${node.name}_${opType}`);
    const made = { name, opType, domain: '', version: OPSET, inputs, outputs: [name] };
    front.push({ ...made, attributes: new Map(Object.entries(attributes)) });
    return name;
  };
  return {
    typeOf: context.typeOf,
    constantOf: context.constantOf,
    constant,
    emit,
    scalar: (value, like) => {
      const dtype = context.typeOf(like)?.dtype;
      if (dtype === 'float64') return constant(tensor('float64', [], Float64Array.of(value)), 'scalar');
      const single = constant(float32([], [value]), 'scalar');
      return dtype === 'float32' ? single : emit('CastLike', [single, like]);
    },
    vector: (values, stem = 'vector') => constant(int64([values.length], values), stem),
  };
}

/** An entry for a name of the file's choice, which may be `constructor`. */
function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The version in which the operator got the form that version `opset` of the operator set has. */
function formAt(history: readonly number[], opset: number): number | undefined {
  return history.findLast((version) => version <= opset);
}

/**
 * Brings a node of the standard operator set to opset 18, one version break of its operator after the other. Nodes of other
 * domains stay as they are.
 */
export function upgrade(given: ListedNode, context: UpgradeContext): Upgrade {
  const refused = (reason: string): Upgrade => ({ refused: { node: given, reason } });
  if (given.domain !== '' || given.version === OPSET) return { nodes: [given] };
  const front: ListedNode[] = [];
  const steps = stepContext(given, context, front);
  let node = given;
  while (node.version !== OPSET) {
    const history = own(operatorHistory, node.opType);
    if (history === undefined) return refused('it is no standard operator');
    const form = formAt(history, node.version);
    if (form === undefined) return refused(`opset ${node.version} does not have it`);
    const wanted = formAt(history, OPSET);
    if (form === wanted) {
      node = { ...node, version: OPSET };
      break;
    }
    const up = node.version < OPSET;
    const at = up ? history.find((version) => version > form) : form;
    const step = at === undefined ? undefined : own(up ? stepsUp : stepsDown, node.opType)?.[at];
    if (at === undefined || step === undefined) {
      return refused(
        up ? `its meaning changed in opset ${String(at)}` : `opset ${OPSET} lacks what opset ${form} brought`,
      );
    }
    const outcome = step === 'same' ? node : step(node, steps);
    if (typeof outcome === 'string') return refused(outcome);
    // What a step made of another operator is of opset 18 already; else the node stands at the break's other side now.
    node = outcome !== node && outcome.version === OPSET ? outcome : { ...outcome, version: up ? at : at - 1 };
  }
  return { nodes: [...front, node] };
}

/** @throws an input error that names every node which cannot be brought to opset 18 */
export function refuseOpset(refusals: readonly Refusal[], opset: number, where: string): void {
  if (refusals.length === 0) return;
  const named = refusals.map(({ node, reason }) => `${node.name} (${node.opType}: ${reason})`);
  throw inputError(`operators of opset ${opset} that have no form in opset ${OPSET}`, {
    where,
    received: named.join(', '),
    hint: `export the model with opset ${OPSET}, or without ${named.length === 1 ? 'this operator' : 'these operators'}`,
  });
}

/** @throws an input error for an operator set newer than ONNX Runtime runs */
export function checkOpset(version: number, where: string): void {
  if (version > NEWEST_OPSET) {
    throw inputError(`the model is of opset ${version}, newer than is known`, {
      where,
      expected: `an opset up to ${NEWEST_OPSET}, the newest that ONNX Runtime accepts`,
      hint: `export it with opset ${OPSET}`,
    });
  }
}
