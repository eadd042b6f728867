/*
 * Functions and layers that a generated module file brings along where its `call` uses them.
 */

/** Sources by name, in Python. */
export const helpers = {
  from_front: `\
def from_front(index, size):
    """Indices along an axis of this size, of which negative ones count from its end, counted from 0."""
    return ops.where(index < 0, index + size, index)
`,
  conv: `\
def conv(x, kernel, bias, strides, padding, dilations, groups):
    """x [B, C, ...] and a kernel [O, C / groups, ...], as ONNX has them; Keras has the channels last on every device."""
    axes = tuple(range(2, len(kernel.shape)))
    if padding != "same":
        x = ops.pad(x, [[0, 0], [0, 0], *padding])
    kernels = ops.split(ops.transpose(kernel, (*axes, 1, 0)), groups, axis=-1)
    parts = ops.split(ops.moveaxis(x, 1, -1), groups, axis=-1)
    rule = "same" if padding == "same" else "valid"
    y = [ops.conv(part, each, strides, rule, "channels_last", dilations) for part, each in zip(parts, kernels)]
    y = ops.concatenate(y, axis=-1)
    return ops.moveaxis(y if bias is None else y + bias, -1, 1)
`,
  expand: `\
def expand(x, sizes):
    """x broadcast to these sizes, of which a 1 keeps the axis."""
    return ops.broadcast_to(x, np.broadcast_shapes(tuple(ops.shape(x)), tuple(sizes)))
`,
  hard_sigmoid: `\
def hard_sigmoid(x):
    """The hard sigmoid of ONNX and of Keras 2; that of Keras 3 is x / 6 + 0.5."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
`,
  layer_norm: `\
def layer_norm(x, axes, epsilon):
    """x with mean 0 and variance 1 along these axes."""
    centred = x - ops.mean(x, axis=axes, keepdims=True)
    return centred * ops.rsqrt(ops.mean(ops.square(centred), axis=axes, keepdims=True) + epsilon)
`,
  reshape: `\
def reshape(x, shape):
    """x in this shape [rank], where a 0 stands for the size that the axis has."""
    sizes = ops.convert_to_numpy(shape).tolist()
    return ops.reshape(x, [size or ops.shape(x)[axis] for axis, size in enumerate(sizes)])
`,
  reverse_steps: `\
def reverse_steps(x, lengths):
    """x [T, B, ...] with the first lengths[b] steps of each sequence in reverse."""
    steps = ops.expand_dims(ops.arange(ops.shape(x)[0], dtype=lengths.dtype), 1)
    places = ops.where(steps < lengths, lengths - 1 - steps, steps)
    shape = ops.shape(x)
    places = ops.reshape(places, (*shape[:2], *(1 for _ in shape[2:])))
    return ops.take_along_axis(x, ops.broadcast_to(places, shape), axis=0)
`,
  slice_axes: `\
def slice_axes(x, starts, ends, axes, steps):
    """x cut to start:end:step along each of these axes."""
    starts, ends = (ops.convert_to_numpy(places).tolist() for places in (starts, ends))
    cuts = [slice(None)] * len(x.shape)
    for axis, start, end, step in zip(axes, starts, ends, steps):
        cuts[axis] = slice(start, end, step)
    return x[tuple(cuts)]
`,
  steps_within: `\
def steps_within(lengths, x):
    """True for the steps of sequences x [B, T, ...] that lie within their lengths [B]: a mask [B, T]."""
    return ops.arange(ops.shape(x)[1], dtype=lengths.dtype) < ops.expand_dims(lengths, 1)
`,
  TiedDense: `\
class TiedDense(layers.Layer):
    """Scores [..., V] of x [..., E] by the table [V, E] of an embedding."""

    def __init__(self, embedding, use_bias=True):
        super().__init__()
        self.embedding = embedding
        shape = (embedding.input_dim,)
        self.bias = self.add_weight(shape=shape, initializer="zeros", name="bias") if use_bias else None

    def call(self, x):
        scores = ops.matmul(x, ops.transpose(self.embedding.embeddings))
        return scores if self.bias is None else scores + self.bias
`,
  truncated_quotient: `\
def truncated_quotient(a, b):
    """Integers a / b, rounded towards zero."""
    quotient = ops.floor_divide(ops.abs(a), ops.abs(b))
    return ops.where((a < 0) == (b < 0), quotient, -quotient)
`,
} as const;
