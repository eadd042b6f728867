/** Bytes of one float32 and of one vector of four. */
export const FLOAT: usize = 4;
export const VECTOR: usize = 16;

/** The sum of the four lanes. */
// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** values[index] */
// @ts-ignore: decorator
@inline
export function valueAt(values: usize, index: u32): f32 {
  return load<f32>(values + ((<usize>index) << 2));
}

/** values[index] = value */
// @ts-ignore: decorator
@inline
export function setValue(values: usize, index: u32, value: f32): void {
  store<f32>(values + ((<usize>index) << 2), value);
}

/** values[index] += term */
// @ts-ignore: decorator
@inline
export function addTo(values: usize, index: u32, term: f32): void {
  setValue(values, index, valueAt(values, index) + term);
}
