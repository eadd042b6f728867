import { expect, test } from 'vitest';
import { file } from '../../test/support/onnxFiles.ts';
import { meaning } from '../../test/support/protos.ts';
import { readModel } from './read.ts';
import { traceNotes } from './traces.ts';
import { writeModel } from './write.ts';

const trace = 'File "/home/somebody/net.py", line 3, in forward\n    return self.lstm(x)';
const kept = { key: 'pkg.torch.onnx.class_hierarchy', value: 'LSTM' };
const written = (bytes: Uint8Array) => Buffer.from(writeModel(readModel(bytes))).toString('latin1');

test("an exporter's stack traces are left out, and nothing else", () => {
  const traced = file({
    node: [
      { opType: 'Relu', metadataProps: [kept, { key: 'pkg.torch.onnx.stack_trace', value: trace }] },
      { opType: 'Tanh', docString: trace },
      { opType: 'Abs', docString: '# /home/somebody/net.py:12:0' },
      { opType: 'Neg', docString: 'turns the sign around' },
    ],
  });
  const plain = file({
    node: [
      { opType: 'Relu', metadataProps: [kept] },
      { opType: 'Tanh' },
      { opType: 'Abs' },
      { opType: 'Neg', docString: 'turns the sign around' },
    ],
  });
  expect(written(traced)).not.toContain('somebody');
  expect(meaning(writeModel(readModel(traced)))).toEqual(meaning(plain));
  const model = readModel(traced);
  // The lengths of graph and nodes take a few bytes more in the longer file.
  const saved = traced.length - plain.length;
  expect(model.traceBytes).toBeGreaterThan(saved - 8);
  expect(model.traceBytes).toBeLessThanOrEqual(saved);
  expect(traceNotes(model, 'net.onnx')[0]).toMatch(/^note: net\.onnx holds \d+ bytes of the exporter's stack traces/);
  expect(traceNotes(readModel(plain), 'net.onnx')).toEqual([]);
});
