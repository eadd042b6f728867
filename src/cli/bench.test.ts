import { describe, expect, it } from 'vitest';
import { type BenchEntry, benchText } from './bench.ts';

function entry(name: string, multiplyAddRatio: number | null, speedup: number): BenchEntry {
  const median = 10 / speedup;
  const milliseconds = { median, p90: median * 1.2, min: median * 0.9, max: median * 2 };
  const multiplyAdds = multiplyAddRatio === null ? 0 : 100_000 / multiplyAddRatio;
  return {
    name,
    file: name,
    path: name,
    runtime: 'cpu',
    threads: 1,
    multiplyAdds,
    multiplyAddRatio,
    uncounted: [],
    milliseconds,
    speedup,
  };
}

describe('the table of a bench', () => {
  it('has a row for each model', () => {
    const text = benchText('engine', [
      entry('large.onnx', 1, 1),
      entry('slim.onnx', 4, 3.5),
      entry('none.onnx', null, 9),
    ]);
    expect(text).toMatch(/^engine\n/);
    expect(text).toMatch(/large\.onnx +100 000 +1\.00× +10\.00 ms +12\.00 ms +1\.00×/);
    expect(text).toMatch(/slim\.onnx +25 000 +4\.00× +2\.86 ms +3\.43 ms +3\.50×/);
    expect(text).toMatch(/none\.onnx +0 +– +/);
    expect(text).not.toContain('smaller but not faster');
  });

  it('says which models are smaller but not faster', () => {
    const text = benchText('engine', [
      entry('large.onnx', 1, 1),
      entry('busy.onnx', 4, 1.02),
      entry('slim.onnx', 2, 1.3),
    ]);
    expect(text).toContain('busy.onnx is smaller but not faster here: 4.00× fewer multiply-adds');
    expect(text.match(/smaller but not faster/g)).toHaveLength(1);
  });
});
