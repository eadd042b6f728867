import { describe, expect, it } from 'vitest';
import { parseNpyHeader } from './npyHeader.ts';

describe('parseNpyHeader', () => {
  it('reads what NumPy writes', () => {
    expect(parseNpyHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }      \n")).toEqual({
      elementType: 'float32',
      bigEndian: false,
      fortranOrder: false,
      shape: [3, 4],
    });
    const header = (shape: string) => `{"shape":${shape},"fortran_order":True,"descr":">i8"}`;
    expect(parseNpyHeader(header('()'))).toMatchObject({ elementType: 'int64', bigEndian: true, fortranOrder: true });
    expect(parseNpyHeader(header('(5,)')).shape).toEqual([5]);
    expect(parseNpyHeader(header('(2L, 0L)')).shape).toEqual([2, 0]);
    expect(parseNpyHeader(header('(1,2,3,)')).shape).toEqual([1, 2, 3]);
  });

  it.each([
    ['{', 'has "" at character 1, expected a key in quotes'],
    ["{'descr': f()}", 'expected True, False, text or a tuple of sizes'],
    ["{'descr': '<f4' 'shape': ()}", 'expected , or }'],
    ["{'descr': '<f4', 'descr': '<f4'}", "the key 'descr' twice"],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (3)}", 'expected a comma'],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}", 'expected a size'],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 'too large'],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} + 1", 'more text after character 56'],
    ["{'descr': '<f4', 'fortran_order': 1, 'shape': (3,)}", 'expected True, False'],
    ["{'descr': '<f4', 'fortran_order': 'no', 'shape': (3,)}", "no 'fortran_order'"],
    ["{'descr': '<f4', 'fortran_order': False}", "no 'shape'"],
    ["{'descr': True, 'fortran_order': False, 'shape': ()}", "no 'descr'"],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (), 'more': ()}", "an unknown key 'more'"],
    ["{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", 'structured array'],
    ["{'descr': '|V2', 'fortran_order': False, 'shape': ()}", 'bfloat16 as .safetensors'],
    ["{'descr': '<c8', 'fortran_order': False, 'shape': ()}", 'complex numbers'],
    ["{'descr': '<M8[ns]', 'fortran_order': False, 'shape': ()}", 'dates'],
    ["{'descr': '<f16', 'fortran_order': False, 'shape': ()}", "'<f16' is unknown; expected one of <f2, <f4"],
    ["{'descr': '|f4', 'fortran_order': False, 'shape': ()}", "'|f4' is unknown"],
    ["{'descr': '', 'fortran_order': False, 'shape': ()}", "'' is unknown"],
    [`{'descr': '<f4', 'fortran_order': False, 'shape': (${'1,'.repeat(65)})}`, '65 axes, expected at most 64'],
  ])('refuses %s', (text, message) => {
    expect(() => parseNpyHeader(text)).toThrow(message);
  });
});
