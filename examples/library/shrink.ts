import { assertEqual, describeModel, loadModel, nodeRuntime, saveModel, shrinkZeros } from 'slimrnn';

const model = await loadModel('runs/mine/model.onnx');
console.log(describeModel(model).layers); // [{ name: 'lstm_0', operator: 'LSTM', units: 128, removable: 97, … }, …]

const slim = shrinkZeros(model);
await assertEqual(nodeRuntime, model, slim.model, { removal: slim }); // throws when they differ by more than rounding
await saveModel('slim.onnx', slim.model);
