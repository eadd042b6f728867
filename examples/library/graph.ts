import { differentiate, GraphBuilder, modelOf, nodeRuntime, ops } from 'slimrnn';

const b = new GraphBuilder('regression');
const x = b.input('x', 'float32', ['batch', 3]);
const w = b.parameter('w', { elementType: 'float32', dims: [3, 1], data: Float32Array.of(0.1, 0.2, 0.3) });
const error = ops.sub(ops.matmul(x, w), b.input('y', 'float32', ['batch', 1]));
b.output(ops.reduceMean(ops.mul(error, error)), 'loss');

const { graph, gradients } = differentiate(b.build(), 'loss', ['w']);
const session = await nodeRuntime.createSession(modelOf(graph));
const x0 = { elementType: 'float32', dims: [1, 3], data: Float32Array.of(1, 2, 3) } as const;
const y0 = { elementType: 'float32', dims: [1, 1], data: Float32Array.of(2) } as const;
const result = await session.run({ x: x0, y: y0 });
console.log(result[gradients.get('w')!]!.data);
