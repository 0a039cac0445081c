import type { onnx } from 'onnx-proto';
import { inputError, usageError } from '../core/errors.ts';
import { checkGraph } from './check.ts';
import { foldConstants } from './fold.ts';
import type { Graph } from './graph.ts';
import { ModelProto, bigintOf } from './onnx-common.ts';
import { externalData } from './onnx-external.ts';
import { inlineFunctions } from './onnx-functions.ts';
import { readGraph } from './onnx-graph.ts';
import { dimensionNames } from './onnx-names.ts';
import { notOnnx, scanModel } from './onnx-scan.ts';
import { OPSET } from './ops.ts';
import { NEWEST_IR } from './upgrade/history.ts';
import { checkOpset } from './upgrade/upgrade.ts';

/** What an ONNX file holds. */
export interface OnnxModel {
  readonly graph: Graph;
  readonly metadata: Readonly<Record<string, string>>;
  /** The version of the standard operator set that the file imports. */
  readonly opset: number;
  readonly producer: string;
}

/** What reading may need besides the file. */
export interface ReadOptions {
  /**
   * The bytes of a file with external data, by its location relative to the model's folder. The location comes from the
   * model: confine it. Absent, external data is an error.
   */
  readonly external?: (location: string) => Uint8Array;
  /** Sizes of symbolic dimensions, by name, such as `{ batch: 8 }`. */
  readonly dimensions?: Readonly<Record<string, number>>;
}

function decode(bytes: Uint8Array, where: string): onnx.IModelProto {
  try {
    return ModelProto.decode(bytes);
  } catch (cause) {
    throw notOnnx(where, cause);
  }
}

/** `ai.onnx` is another spelling of the standard domain. */
const normalDomain = (domain: string | null | undefined): string => (domain === 'ai.onnx' ? '' : (domain ?? ''));

function readVersions(
  imports: readonly onnx.IOperatorSetIdProto[] | null | undefined,
  where: string,
): ReadonlyMap<string, number> {
  const versions = new Map<string, number>();
  for (const entry of imports ?? []) {
    const version = Number(bigintOf(entry.version));
    if (!Number.isSafeInteger(version) || version < 1) {
      throw inputError('impossible operator-set version', { where, received: String(version) });
    }
    const domain = normalDomain(entry.domain);
    if (domain === '') checkOpset(version, where);
    versions.set(domain, version);
  }
  return versions;
}

function refuse(model: onnx.IModelProto, proto: onnx.IGraphProto, where: string): void {
  const format = bigintOf(model.irVersion);
  if (format > BigInt(NEWEST_IR)) {
    throw inputError('the file is of a newer version of ONNX’s format than is known', {
      where,
      expected: `an IR version up to ${NEWEST_IR}, the newest that ONNX Runtime accepts`,
      received: String(format),
    });
  }
  if ((proto.sparseInitializer ?? []).length > 0) {
    throw inputError('sparse initializers are not supported', {
      where,
      hint: 'save the model with dense initializers',
    });
  }
}

function boundDimensions(
  proto: onnx.IGraphProto,
  given: Readonly<Record<string, number>>,
  where: string,
): ReadonlyMap<string, number> {
  const named = dimensionNames(proto);
  for (const [name, size] of Object.entries(given)) {
    if (!named.has(name)) {
      throw usageError(`the model has no dimension named ${name}`, { where, legal: [...named].filter(Boolean) });
    }
    if (!Number.isSafeInteger(size) || size < 1) {
      throw usageError(`impossible size of dimension ${name}`, {
        where,
        expected: 'an integer from 1 on',
        received: String(size),
      });
    }
  }
  return new Map(Object.entries(given));
}

/**
 * Reads any ONNX model of opset 7 to 26; `where` (a file name) opens every error.
 *
 * Nodes of another opset than 18 are brought to it: most operators mean the same, others are rewritten (attributes that became
 * inputs, Softmax over several axes, Gelu and Attention in simpler operators ...). Calls of the model's own functions are
 * replaced by what the functions do.
 *
 * Nodes of the operator table become table nodes, with ONNX's defaults filled in and constant operands as attributes.
 * Everything else becomes a foreign node, carried along unchanged: operators outside the table, other domains, operands that
 * are computed, attributes with a meaning the table lacks, shapes the rules cannot follow. Foreign values have the types that
 * the file states, or none. Constant nodes become initializers. Nodes in a wrong order are sorted. What `toOnnx` wrote comes
 * back as the same graph; float attributes have float32 precision. Where sizes of dimensions are given, what follows from them
 * is computed (`foldConstants`).
 *
 * @throws input error for bytes that are no ONNX model or contradict themselves; for operators that opset 18 cannot say, all of
 * them by name; for external data that is not to be had, sparse initializers, and inputs or initializers that are not numeric
 * tensors. Usage error for a dimension that the model does not have.
 */
export function readOnnx(bytes: Uint8Array, where = 'model', options: ReadOptions = {}): OnnxModel {
  // A plain view: given a Node.js Buffer, the codec would cut a string short at the end of the file without an error.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { functionDefaults } = scanModel(plain, where);
  const model = decode(plain, where);
  const proto = model.graph;
  const versions = readVersions(model.opsetImport, where);
  if (proto == null || bigintOf(model.irVersion) < 1n || versions.size === 0) throw notOnnx(where);
  refuse(model, proto, where);
  const nodes = inlineFunctions(
    model,
    proto.node ?? [],
    (imports) => readVersions(imports, where),
    normalDomain,
    functionDefaults,
    where,
  );
  const dimensions = boundDimensions(proto, options.dimensions ?? {}, where);
  const opset = versions.get('') ?? OPSET;
  const context = { normalDomain, external: externalData(options.external), dimensions, opset, where };
  const graph = checkGraph(readGraph(proto, nodes, context), where);
  return Object.freeze({
    graph: dimensions.size === 0 ? graph : foldConstants(graph),
    metadata: Object.freeze(
      Object.fromEntries((model.metadataProps ?? []).map((entry) => [entry.key ?? '', entry.value ?? ''])),
    ),
    opset,
    producer: model.producerName ?? '',
  });
}
