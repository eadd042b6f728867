import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { StatePair } from '../../src/graph/states.ts';
import type { ElementType, Model, Tensor, TensorData } from '../../src/graph/types.ts';
import { loadModel } from '../../src/onnx/file.ts';

/*
 * For tests: models as PyTorch's and Keras' own exporters write them (`test/fixtures/models`).
 */

const folder = fileURLToPath(new URL('../fixtures/models/', import.meta.url));

/** A layer of an exported model, and which of its units nothing reads. */
export interface ExportedLayer {
  readonly node?: string;
  readonly direction: 'forward' | 'reverse';
  readonly units: number;
  readonly removable: readonly number[];
}

/** An exported model with what is known of it. */
export interface ExportedModel {
  readonly file: string;
  readonly values: string;
  readonly about: string;
  readonly cells: 'whole' | 'apart' | 'mixed';
  readonly states?: readonly StatePair[];
  readonly layers: readonly ExportedLayer[];
}

interface StoredTensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

interface Values {
  readonly inputs: Readonly<Record<string, StoredTensor>>;
  readonly outputs: Readonly<Record<string, StoredTensor>>;
}

/** All of them. */
export const { models: exportedModels } = JSON.parse(readFileSync(`${folder}manifest.json`, 'utf8')) as {
  readonly models: readonly ExportedModel[];
};

/** The model itself. */
export function loadExported({ file }: ExportedModel): Promise<Model> {
  return loadModel(folder + file);
}

/** Inputs of a model, and what the framework that it comes from computes of them. */
export function valuesOf(entry: ExportedModel): Record<keyof Values, Record<string, Tensor>> {
  const stored = JSON.parse(readFileSync(folder + entry.values, 'utf8')) as Values;
  const tensors = (list: Values['inputs']) =>
    Object.fromEntries(
      Object.entries(list).map(([name, t]) => [name, { elementType: t.type, dims: t.dims, data: dataOf(t) }]),
    );
  return { inputs: tensors(stored.inputs), outputs: tensors(stored.outputs) };
}

function dataOf({ type, data }: StoredTensor): TensorData {
  switch (type) {
    case 'int64':
      return BigInt64Array.from(data, BigInt);
    case 'int32':
      return Int32Array.from(data);
    case 'bool':
      return Uint8Array.from(data, Number);
    case 'float32':
      return Float32Array.from(data);
    default:
      throw new Error(`no fixture has ${type}`);
  }
}
