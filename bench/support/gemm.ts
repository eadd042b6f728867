import { randomStream, uniform } from '../../src/base/random.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { sizeOf } from '../../src/graph/dims.ts';
import { modelOf } from '../../src/graph/model.ts';
import { matmul } from '../../src/graph/ops.ts';
import type { Tensor } from '../../src/graph/types.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';

/** A matrix product to run again and again. */
export interface GemmWork {
  readonly flops: number;
  readonly run: () => Promise<unknown>;
  readonly release: () => Promise<void>;
}

/** A product [m, k] · [k, n] of operands that change from call to call, as in training, on the given runtime. */
export async function gemmWork(
  runtime: Runtime,
  [m, k, n]: readonly [number, number, number],
  threads: number | undefined,
): Promise<GemmWork> {
  const b = new GraphBuilder('gemm');
  b.output(matmul(b.input('a', 'float32', [m, k]), b.input('b', 'float32', [k, n])), 'c');
  const session = await runtime.createSession(modelOf(b.build()), { threads });
  const random = randomStream(1);
  const matrix = (dims: readonly number[]): Tensor => ({
    elementType: 'float32',
    dims,
    data: uniform(sizeOf(dims), 1, random),
  });
  const feeds = { a: matrix([m, k]), b: matrix([k, n]) };
  const fetches = { c: matrix([m, n]) };
  return {
    flops: 2 * m * k * n,
    run: () => session.run(feeds, { fetches, outputs: [] }),
    release: () => session.release(),
  };
}
