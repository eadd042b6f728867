/**
 * Helpers that every dialect has, called alike: `from_front(index, size)`, `reshape(x, shape)`,
 * `reverse_steps(x, lengths)`, `slice_axes(x, starts, ends, axes, steps)`.
 */
export type SharedHelper = 'from_front' | 'reshape' | 'reverse_steps' | 'slice_axes';
