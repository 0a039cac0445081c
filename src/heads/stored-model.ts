import type { HostTensor } from '../core/tensor.ts';
import { canAssign, withCodes } from './assignment/codes.ts';
import type { Backbone } from './backbone.ts';
import type { ClassVectors, FeatureSign } from './geometry.ts';
import { createModel, type Model } from './model.ts';
import type { HeadSpec } from './spec.ts';

/** What an exported file says of its head. */
export interface StoredPlace {
  readonly features: number;
  readonly classes: number;
  readonly sign: FeatureSign;
  /** Of a custom head. */
  readonly vectors?: ClassVectors;
}

/**
 * The head of an exported file made again, on a backbone that stands for all that comes before it.
 *
 * @param codes the slot of each class, int32 `[C]`, where the file has them
 * @throws as {@link createModel}
 */
export function storedModel(
  spec: HeadSpec,
  { features, classes, sign, vectors }: StoredPlace,
  codes: HostTensor | undefined,
): Model {
  const image = { channels: 1, height: 1, width: features };
  const backbone: Backbone = { name: '', image, features, sign, forward: (_, images) => images };
  const model = createModel(backbone, spec, classes, vectors);
  return codes?.dtype === 'int32' && canAssign(spec) ? withCodes(model, Uint32Array.from(codes.data)) : model;
}
