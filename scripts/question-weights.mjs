// Makes a small file of the weights of a model that answers questions: in 16 bits, without its table of word vectors.
//   node scripts/question-weights.mjs runs/dense/model.onnx results/squad/dense.onnx
// `train iss-bidaf --init results/squad/dense.onnx --data squad --vectors FILE` goes on from them, with the vectors of the file.
import { loadModel, quantizeModel, saveModel, withoutVectorTable } from '../dist/index.js';

const [from, to] = process.argv.slice(2);
if (from === undefined || to === undefined) {
  console.error('name a model, and the file to write');
  process.exit(2);
}
const { model } = quantizeModel(withoutVectorTable(await loadModel(from)), { to: 'fp16' });
await saveModel(to, model);
