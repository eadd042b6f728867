import { describe, expect, it } from 'vitest';
import { benchFigure1, type Figure1Options, type Figure1Point, remainingUnits } from './figure1.ts';
import { figure1Text } from './figure1Display.ts';
import { type Operands, type ProductKernel, plainProduct } from './sparse/product.ts';

const shape = { hidden: 8, batch: 2 };

/** A kernel that computes in plain JavaScript, or with `compute`, and counts its runs and releases. */
function fake(library: string, kind: ProductKernel['kind'], compute = plainProduct) {
  const log = { prepared: [] as Operands[], runs: 0, released: 0 };
  const kernel: ProductKernel = {
    library,
    kind,
    async prepare(operands) {
      log.prepared.push(operands);
      let y = plainProduct({ ...operands, activations: { ...operands.activations, data: new Float32Array(4 * 8) } });
      return {
        name: `${library} ${kind}`,
        run: async () => {
          log.runs++;
          y = compute(operands);
        },
        result: () => y,
        release: async () => void log.released++,
      };
    },
  };
  return { kernel, log };
}

async function points(options: Partial<Figure1Options> & Pick<Figure1Options, 'kernels'>): Promise<Figure1Point[]> {
  const all: Figure1Point[] = [];
  const settings = { shape, sparsities: [0.75], rounds: 2, seed: 1, leadIn: 0, ...options };
  for await (const point of benchFigure1(settings)) all.push(point);
  return all;
}

describe('figure 1', () => {
  it('removes units so that the same share of the weights goes', () => {
    expect(remainingUnits(1500, 0)).toBe(1500);
    expect(remainingUnits(1500, 0.75)).toBe(750);
    for (const sparsity of [0.1, 0.5, 0.9, 0.95]) {
      const units = remainingUnits(1500, sparsity);
      expect(1 - (4 * units * 2 * units) / (6000 * 3000)).toBeCloseTo(sparsity, 2);
    }
    expect(remainingUnits(1, 0.99)).toBe(1);
  });

  it('times dense, sparse and smaller products, each against the dense one of its library', async () => {
    const engine = fake('engine', 'dense');
    const dense = fake('both', 'dense');
    const sparse = fake('both', 'sparse');
    const alone = fake('alone', 'sparse');
    const [point] = await points({ kernels: [engine, dense, sparse, alone].map(({ kernel }) => kernel) });
    expect(point!.timings.map(({ library, way, against }) => [library, way, against])).toEqual([
      ['engine', 'dense', 'engine'],
      ['both', 'dense', 'both'],
      ['both', 'random zeros', 'both'],
      ['alone', 'random zeros', 'engine'],
      ['engine', 'fewer units', 'engine'],
      ['both', 'fewer units', 'both'],
    ]);
    const [base, , , other] = point!.timings;
    expect(base!.speedup).toBe(1);
    expect(other!.speedup).toBeCloseTo(base!.milliseconds.median / other!.milliseconds.median, 10);
    const fastest = base!.milliseconds.min / other!.milliseconds.min;
    expect(other!.speedupOfFastest).toBeCloseTo(fastest, 10);
    expect([point!.units, point!.sparsityOfUnits]).toEqual([4, 0.75]);
    expect(engine.log.prepared.map(({ weights: { rows, columns } }) => [rows, columns])).toEqual([
      [32, 16],
      [16, 8],
    ]);
    expect([engine.log.released, dense.log.released, sparse.log.released, alone.log.released]).toEqual([2, 2, 1, 1]);
  });

  it('times nothing, and releases all, when a kernel computes nonsense', async () => {
    const right = fake('right', 'dense');
    const wrong = fake('wrong', 'sparse', (operands) => {
      const y = plainProduct(operands);
      y.data[3]! += 1;
      return y;
    });
    await expect(points({ kernels: [right.kernel, wrong.kernel] })).rejects.toThrow(/wrong sparse: element \[0, 3\]/);
    expect([right.log.runs, wrong.log.runs]).toEqual([1, 1]);
    expect([right.log.released, wrong.log.released]).toEqual([1, 1]);
  });

  it('needs something to compare with', async () => {
    await expect(points({ kernels: [fake('x', 'sparse').kernel] })).rejects.toThrow('needs a dense kernel');
  });

  it('gives the same matrices for the same seed', async () => {
    const [a, b, c] = [fake('a', 'dense'), fake('b', 'dense'), fake('c', 'dense')];
    await points({ kernels: [a.kernel, b.kernel] });
    await points({ kernels: [c.kernel], seed: 2 });
    expect(a.log.prepared).toEqual(b.log.prepared);
    expect(a.log.prepared[0]).not.toEqual(c.log.prepared[0]);
  });

  it('is a table with a row per sparsity and a column per kernel', () => {
    const milliseconds = { median: 2, p90: 3, min: 1, max: 4 };
    const text = figure1Text({ hidden: 1500, batch: 10 }, [
      {
        sparsity: 0.9,
        units: 474,
        sparsityOfUnits: 0.9001,
        sparsityOfZeros: 0.9,
        timings: [
          {
            library: 'A',
            way: 'dense',
            milliseconds: { ...milliseconds, median: 20 },
            speedup: 1,
            speedupOfFastest: 1,
            against: 'A',
          },
          { library: 'A', way: 'random zeros', milliseconds, speedup: 10, speedupOfFastest: 4, against: 'A' },
          { library: 'A', way: 'fewer units', milliseconds, speedup: 10, speedupOfFastest: 4, against: 'A' },
        ],
      },
    ]);
    expect(text).toMatch(/the machine was busy: .* by up to 2\.5×$/);
    expect(text).toMatch(/^W 6000 × 3000, X 3000 × 10/);
    expect(text).toMatch(/A, dense +A, CSR +A, fewer units/);
    expect(text).toMatch(/90 % +474 +20\.00 ms +2\.00 ms 10\.00× +2\.00 ms 10\.00×/);
  });
});
