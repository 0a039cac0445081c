/**
 * A network of your own as a value: any function from images to features, built from layers, takes any head.
 *
 *   npx tsx examples/own-network.ts [epochs]
 */
import {
  batchNorm,
  conv2d,
  createModel,
  graph,
  hadamard,
  learned,
  openDataset,
  openRuntime,
  recipe,
  train,
  type Backbone,
} from 'fixhead';

const dataset = await openDataset('mnist-small');

const backbone: Backbone = {
  name: 'two-convolutions',
  image: dataset.image,
  features: 32,
  sign: 'non-negative',
  forward: (c, images) => {
    const first = graph.relu(
      c.b,
      batchNorm(c, 'bn1', conv2d(c, 'conv1', images, { channels: 16, kernel: 5, stride: 2 })),
    );
    const second = graph.relu(
      c.b,
      batchNorm(c, 'bn2', conv2d(c, 'conv2', first, { channels: 32, kernel: 3, stride: 2 })),
    );
    return graph.flatten(c.b, graph.globalAveragePool(c.b, second));
  },
};

const runtime = await openRuntime();
for (const head of [learned(), hadamard()]) {
  const { evaluation } = await train({
    model: createModel(backbone, head, dataset.classes.length),
    dataset,
    recipe: recipe('default', { epochs: Number(process.argv[2] ?? 2), batchSize: 64 }),
    seed: 0,
    runtime,
  });
  console.log(`${head.kind}: ${(100 * (evaluation?.accuracy ?? 0)).toFixed(2)} % of the validation digits`);
}
