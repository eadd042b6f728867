/**
 * The one representation of a model: an ONNX graph as plain data.
 * Everything else in this library is a function from this data to this data.
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

/** A tensor whose values are known: a weight or a constant. */
export interface Tensor {
  readonly elementType: ElementType;
  readonly dims: readonly number[];
  readonly data: TensorData;
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
}

/** An operator's attribute. The int64 limits are read and written as ±Infinity. */
export type Attribute =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph };

/** One application of an operator. An empty input or output name means "left out", as in ONNX. */
export interface Node {
  readonly op: string;
  /** Operator set: '' for ONNX's own. */
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
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
}
