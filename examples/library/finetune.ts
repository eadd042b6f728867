import { finetune, loadArrays, loadModel, nodeRuntime, saveModel } from 'slimrnn';

const data = { train: await loadArrays('data/train.jsonl'), valid: await loadArrays('data/valid.jsonl') };
const { slim, start, history } = await finetune(
  await loadModel('classifier.onnx'),
  data,
  { loss: 'cross-entropy', targetArray: 'class', iss: 0.01, learningRate: 0.005, batch: 16, epochs: 4 },
  { runtime: nodeRuntime },
);
console.log(start.before.valid, history.at(-1)?.valid); // { accuracy: 0.758, loss: … } { accuracy: 0.972, loss: … }
console.log(slim?.layers); // beside the trained model: [{ name: '/lstm/LSTM', before: 25, after: 16 }, …]
if (slim) await saveModel('slim-classifier.onnx', slim.model);
