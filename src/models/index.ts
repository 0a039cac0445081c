export { densenetBc, imagenetDensenet, type ImagenetDensenetDepth } from './densenet.ts';
export { mobilenetV2 } from './mobilenet-v2.ts';
export { createBackbone, modelNames, sizeNote } from './registry.ts';
export { imagenetResnet, type ImagenetResnetDepth } from './resnet-imagenet.ts';
export { resnet } from './resnet.ts';
export { shufflenet } from './shufflenet-v1.ts';
export { shufflenetV2, type ShuffleNetV2Width } from './shufflenet-v2.ts';
export { cnn, mlp } from './small.ts';
export { visionTransformer, vit, type VitArchitecture, type VitSize } from './vit.ts';
export {
  languageModel,
  stateSizes,
  type LanguageModelLayers,
  type LanguageModelSpec,
  type LogitForm,
  type WordTable,
} from './language-model.ts';
