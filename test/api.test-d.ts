import { expectTypeOf, test } from 'vitest';
import {
  adamw,
  createModel,
  hadamard,
  openDataset,
  openRuntime,
  orthonormal,
  recipe,
  resnet,
  train,
  type Evaluation,
  type KnnEvaluation,
  type HeadSpec,
  type ImageDataset,
  type Model,
  type Recipe,
  type Runtime,
  type TrainResult,
} from 'fixhead';

test('models, heads, datasets and optimisers are typed values, and a run is typed by them', () => {
  expectTypeOf(hadamard()).toEqualTypeOf<HeadSpec>();
  expectTypeOf(openDataset).returns.resolves.toEqualTypeOf<ImageDataset>();
  expectTypeOf(openRuntime).returns.resolves.toEqualTypeOf<Runtime>();
  expectTypeOf(createModel).returns.toEqualTypeOf<Model>();
  expectTypeOf(recipe('paper-cifar', { optimizer: adamw() })).toEqualTypeOf<Recipe>();
  expectTypeOf(train).returns.resolves.toEqualTypeOf<TrainResult>();
  expectTypeOf<TrainResult['evaluation']>().toEqualTypeOf<Evaluation | KnnEvaluation | undefined>();
});

test('what makes no sense does not compile', () => {
  // @ts-expect-error only an orthonormal head has a seed
  hadamard({ seed: 1 });
  orthonormal({ seed: 1 });
  // @ts-expect-error a scale is a number or 'learned'
  hadamard({ scale: 'fixed' });
  // @ts-expect-error a recipe is known by name
  recipe('paper-mnist');
  // @ts-expect-error images have a size
  resnet(20, { channels: 3 });
  // @ts-expect-error training needs a seed
  void train({ model: {} as Model, dataset: {} as ImageDataset, recipe: recipe('default'), runtime: {} as Runtime });
});
