/*
 * Functions that a generated module file brings along where its `forward` calls them.
 */

/** Sources by name, in Python; one may call another. */
export const helpers = {
  from_front: `\
def from_front(index, size):
    """Indices along an axis of this size, of which negative ones count from its end, counted from 0."""
    return torch.where(index < 0, index + size, index)
`,
  padded: `\
def padded(layer, x, lengths, state=None):
    """A recurrent layer over sequences x of these lengths [B], each at least 1: outputs behind an end are 0."""
    first = layer.batch_first
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths.to("cpu", torch.int64), first, enforce_sorted=False)
    output, state = layer(packed, state)
    return nn.utils.rnn.pad_packed_sequence(output, first, total_length=x.shape[int(first)])[0], state
`,
  reverse_steps: `\
def reverse_steps(x, lengths):
    """x [T, B, ...] with the first lengths[b] steps of each sequence in reverse."""
    steps = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    places = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return x[places, torch.arange(x.shape[1], device=x.device)]
`,
  reshape: `\
def reshape(x, shape):
    """x in this shape [rank], where a 0 stands for the size that the axis has."""
    return x.reshape([size or x.shape[axis] for axis, size in enumerate(shape.tolist())])
`,
  slice_axes: `\
def slice_axes(x, starts, ends, axes, steps):
    """x cut to start:end:step along each of these axes."""
    cuts = [slice(None)] * x.dim()
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps):
        cuts[axis] = slice(start, end, step)
    return x[tuple(cuts)]
`,
} as const;
