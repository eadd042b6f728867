import { GraphBuilder } from '../../../src/graph/builder.ts';
import { modelOf } from '../../../src/graph/model.ts';
import { matmul } from '../../../src/graph/ops.ts';
import type { Tensor } from '../../../src/graph/types.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { type Matrix, transpose, zeros } from './matrix.ts';
import type { ProductKernel } from './product.ts';

/** The dense product as a layer of an ONNX model does it: X · (Wᵀ as a weight), which the engine packs beforehand. */
export function onnxRuntimeDense(runtime: Runtime, threads: number): ProductKernel {
  return {
    library: 'ONNX Runtime',
    kind: 'dense',
    async prepare({ weights, activations }) {
      const name = `ONNX Runtime dense ${weights.rows} × ${weights.columns}`;
      const b = new GraphBuilder('product');
      const x = b.input('x', 'float32', [activations.rows, activations.columns]);
      b.output(matmul(x, b.parameter('w', tensorOf(transpose(weights)))), 'y');
      const session = await runtime.createSession(modelOf(b.build()), { threads, name });
      const y = zeros(activations.rows, weights.rows);
      const feeds = { x: tensorOf(activations) };
      const fetches = { y: tensorOf(y) };
      return {
        name,
        run: () => session.run(feeds, { fetches, outputs: [] }),
        result: () => y,
        release: () => session.release(),
      };
    },
  };
}

function tensorOf({ rows, columns, data }: Matrix): Tensor {
  return { elementType: 'float32', dims: [rows, columns], data };
}
