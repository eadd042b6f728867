import { describe, expect, it } from 'vitest';
import { randomStream, uniform } from '../base/random.ts';
import { DrawnTensor } from './drawnTensor.ts';
import { columnArray, rowsOf, SparseTensor, sliceSparse } from './sparseTensor.ts';
import { sliceTensor } from './tensors.ts';

const dims = [2, 3, 4];
const places = Uint32Array.of(0, 3, 7, 8, 13, 23);
const tensor = () => new SparseTensor({ elementType: 'float32', dims }, Float32Array.of(1, 2, 3, 4, 5, 6), places);

describe('SparseTensor', () => {
  it('knows its values by index and by row', () => {
    const { rows, indices } = tensor();
    expect([...rows.rowStarts]).toEqual([0, 2, 3, 4, 5, 5, 6]);
    expect([...rows.columns]).toEqual([0, 3, 3, 0, 1, 3]);
    const byRow = new SparseTensor({ elementType: 'float32', dims }, Float32Array.of(1, 2, 3, 4, 5, 6), rows);
    expect(byRow.indices).toEqual(indices);
    expect(byRow.data).toEqual(tensor().data);
  });

  it('is a plain tensor once it is copied by spreading', () => {
    const copy = { ...tensor(), dims: [24] };
    expect(Object.keys(copy).sort()).toEqual(['data', 'dims', 'elementType']);
    expect([...(copy.data as Float32Array)].filter((v) => v !== 0)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each<(readonly number[] | undefined)[]>([
    [undefined, [0, 2], [1, 3]],
    [[1], undefined, [3, 0]],
    [[], undefined, undefined],
  ])('is sliced as a dense one: %j', (...keep) => {
    const sliced = sliceSparse(tensor(), keep);
    const { elementType, dims, data } = sliceTensor({ ...tensor() }, keep);
    expect({ ...sliced }).toEqual({ elementType, dims, data });
    expect([...sliced.indices]).toEqual([...sliced.indices].sort((a, b) => a - b));
  });

  it('stores columns in as many bytes as they need', () => {
    expect(columnArray(1, 65_536)).toBeInstanceOf(Uint16Array);
    expect(columnArray(1, 65_537)).toBeInstanceOf(Uint32Array);
    expect([...rowsOf([70_000], 1, 70_001).columns]).toEqual([70_000]);
  });
});

describe('DrawnTensor', () => {
  it('has the values that its stream had when it was made, and leaves the stream where they end', () => {
    const [random, expected] = [randomStream(4), randomStream(4)];
    random();
    expected();
    const drawn = new DrawnTensor([3, 5], 0.1, random);
    const values = uniform(15, 0.1, expected);
    expect(drawn.data).toEqual(values);
    expect(drawn.at([0, 4, 5, 14])).toEqual(Float32Array.of(values[0]!, values[4]!, values[5]!, values[14]!));
    expect(drawn.sample()).toEqual(values.slice(0, 1));
    expect(random()).toBe(expected());
  });
});
