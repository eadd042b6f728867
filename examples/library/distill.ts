import { distill, loadArrays, loadModel, nodeRuntime, planCut, saveModel, shrinkModel, traceModel } from 'slimrnn';

const teacher = await loadModel('classifier.onnx');
const traced = traceModel(teacher);
const { removed } = planCut(traced, { kind: 'keep', fraction: 0.5 });
const { model: student } = shrinkModel(teacher, traced, removed);

const inputs = { train: await loadArrays('data/train.jsonl'), valid: await loadArrays('data/valid.jsonl') };
const { model, start, history } = await distill(
  { student, teacher, ...inputs },
  { learningRate: 0.005, schedule: 'cosine', batch: 32, epochs: 2 },
  { runtime: nodeRuntime },
);
console.log(start.before.valid, history.at(-1)?.valid); // { error: 0.721, … } { error: 0.009, 'SNR (dB)': 20.6, … }
await saveModel('half-classifier.onnx', model);
