/**
 * The one representation of a model: an ONNX graph as plain data. All else is a function from this data to this data.
 *
 * Fields called `extra` hold what a file says beyond this data (documentation, metadata, fields of newer versions): the
 * protobuf fields as they stand there, one after the other. They are written back as they are; nothing else reads them.
 */

/** ONNX element types by their usual names (`TensorProto.DataType`). */
export type ElementType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'string';

/** Values of a tensor in row-major order; float16 and bfloat16 keep their raw 16 bits. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | string[];

/** A tensor whose values are known: a weight or a constant. Of a `LazyTensor` they are laid out when asked for. */
export interface Tensor {
  readonly elementType: ElementType;
  readonly dims: readonly number[];
  readonly data: TensorData;
  readonly extra?: Uint8Array;
}

/** A tensor whose values cannot be read: of an element type that `ElementType` lacks (int4), or sparse with such. */
export interface OpaqueTensor {
  /** What it is, in words: "sparse", "of element type INT4". */
  readonly kind: string;
  readonly sparse: boolean;
  readonly dims: readonly number[];
  /** The fields of its message, without the name if it is not sparse, and without `raw`. */
  readonly fields: Uint8Array;
  /** Its `raw_data`, where it has that. */
  readonly raw?: Uint8Array;
}

/** One dimension: a size, or the name of a free one ("batch"; products read "batch*time"). */
export type Dim = number | string;

/** What is known of a value before it is computed; `shape` is undefined when even the rank is unknown. */
export interface TensorType {
  readonly elementType: ElementType;
  readonly shape: readonly Dim[] | undefined;
}

/** A named value at the border of a graph. */
export interface ValueInfo {
  readonly name: string;
  readonly type: TensorType;
  /**
   * What the value is, in words, when it is no tensor, or none that `type` can describe ("a sequence", "without a
   * type", "a tensor of FLOAT8E5M2"). Then `type` says nothing (float32 of unknown rank), and `extra` has the real one.
   */
  readonly opaque?: string;
  readonly extra?: Uint8Array;
}

/**
 * An operator's attribute. The int64 limits are read and written as ±Infinity. Within a function a `reference` stands
 * for the attribute of that name that the caller gives. An `opaque` one is of another kind, or holds what a number or
 * string cannot: its value is the fields of its message, without the name.
 */
export type Attribute = { readonly extra?: Uint8Array } & AttributeValue;

type AttributeValue =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'graphs'; readonly value: readonly Graph[] }
  | { readonly type: 'reference'; readonly value: string }
  | { readonly type: 'opaque'; readonly value: Uint8Array };

/** One application of an operator. An empty input or output name means "left out", as in ONNX. */
export interface Node {
  readonly op: string;
  /** Operator set: '' for ONNX's own. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Which of several functions of one name is called; see `ModelFunction`. */
  readonly overload?: string;
  readonly extra?: Uint8Array;
}

/** An initializer that the file lists among the inputs as well: at index `at` of that list. */
export interface ListedInitializer {
  readonly at: number;
  readonly info: ValueInfo;
}

/**
 * A graph: nodes in topological order over named values.
 * Subgraphs (the body of a Scan) are graphs too, and may use names of the graphs around them.
 * Initializers are the parameters; a constant that is no parameter is a `Constant` node.
 */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly nodes: readonly Node[];
  /** Types that the file gives of values in between; whoever changes types must drop it. */
  readonly valueInfo?: ReadonlyMap<string, TensorType>;
  /** What the file says of values in `valueInfo` besides, as `extra`. */
  readonly valueExtras?: ReadonlyMap<string, Uint8Array>;
  /** What it says of values in between that `valueInfo` cannot hold (a type twice, a sequence), as `extra`. */
  readonly otherValueInfo?: Uint8Array;
  /** Initializers that `Tensor` cannot hold. */
  readonly opaqueInitializers?: ReadonlyMap<string, OpaqueTensor>;
  /** Initializers that are inputs too, which `inputs` leaves out: a caller may give another value, but need not. */
  readonly listedInitializers?: readonly ListedInitializer[];
  readonly extra?: Uint8Array;
}

/**
 * A function of the model's own, which nodes call by its name as if it were an operator. Its nodes see its inputs and
 * attributes, and no value of the graph that calls it. `inlineFunctions` puts it in place of the calls.
 */
export interface ModelFunction {
  readonly domain: string;
  readonly name: string;
  readonly overload?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes without a default; a call that leaves one out leaves it out wherever it is referred to. */
  readonly attributes: readonly string[];
  readonly defaults: Readonly<Record<string, Attribute>>;
  readonly nodes: readonly Node[];
  readonly opsets: Readonly<Record<string, number>>;
  readonly extra?: Uint8Array;
}

/** A graph with what an ONNX file says beside it. */
export interface Model {
  readonly graph: Graph;
  /** Operator set versions by domain, for example `{ '': 17 }`. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly irVersion: number;
  readonly producer: string;
  /** `metadata_props` of the file. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly functions?: readonly ModelFunction[];
  /** Bytes of an exporter's stack traces that the file holds and the model does not. */
  readonly traceBytes?: number;
  readonly extra?: Uint8Array;
}
