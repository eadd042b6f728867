import type { Model } from '../graph/types.ts';
import { ENTRY, MODEL } from './fields.ts';
import { readFunction } from './function.ts';
import { readOperatorSets } from './operatorSets.ts';
import { readGraph } from './readGraph.ts';
import { type ExternalData, malformed, quoted, type Reading, startReading } from './reading.ts';
import { readCount } from './scalars.ts';
import {
  all,
  extraOf,
  type Field,
  int64In,
  last,
  type Message,
  messageIn,
  only,
  readFields,
  textOf,
  tryTextIn,
} from './wire.ts';

/**
 * The model in the bytes of an ONNX file; `source` names the file in messages, `external` reaches the files beside it.
 * Weights are views of `bytes` where these are aligned, so `bytes` must not change afterwards. What `Model` does not
 * understand is part of it all the same, and `writeModel` writes it back: `extra`, opaque tensors and attributes.
 * Throws a UsageError that names the place for bytes that are no ONNX model, and for data files that cannot be read.
 */
export function readModel(bytes: Uint8Array, source = 'model', external?: ExternalData): Model {
  return readFrom(startReading(bytes, source, external));
}

/** As `readModel`, for who starts the reading. */
export function readFrom(reading: Reading): Model {
  const { bytes } = reading;
  if (bytes.byteLength === 0) throw malformed(reading, 0, 'the file is empty');
  const message = readFields(reading, 0, bytes.byteLength);
  const irVersion = readIrVersion(message, reading);
  const graph = only(reading, message, MODEL.graph);
  if (graph === undefined) throw malformed(reading, bytes.byteLength, 'it has no graph');
  const opsets = readOpsets(message, irVersion, reading);
  const { metadata, rest } = readMetadata(message, reading);
  const functions = all(message, MODEL.functions).map((field) => readFunction(field, reading));
  const understood = [MODEL.irVersion, MODEL.graph, MODEL.opsetImport, MODEL.functions];
  const unknown = message.fields.filter((field) => field.number !== MODEL.metadataProps || rest.has(field));
  return {
    graph: readGraph(graph, '', 0, reading),
    opsets,
    irVersion,
    producer: textOf(reading, message, MODEL.producerName),
    metadata,
    ...(functions.length > 0 && { functions }),
    ...extraOf(reading, { ...message, fields: unknown }, understood, [MODEL.producerName]),
  };
}

function readIrVersion(message: Message, reading: Reading): number {
  const field = last(message, MODEL.irVersion);
  const version = field ? int64In(reading, field) : 0n;
  if (version <= 0n) throw malformed(reading, field?.from ?? 0, 'it has no ir_version');
  return readCount(version, 'its ir_version', reading, field!.from);
}

function readOpsets(message: Message, irVersion: number, reading: Reading): Record<string, number> {
  const fields = all(message, MODEL.opsetImport);
  if (fields.length > 0) return readOperatorSets(fields, reading);
  // Operator sets came with version 3 of the format; before, there was one.
  if (irVersion < 3) return { '': 1 };
  throw malformed(reading, reading.bytes.byteLength, 'it has no opset_import');
}

/** The metadata, and the entries that say more than a key and a value, which stay as they are. */
function readMetadata(message: Message, reading: Reading) {
  const metadata = new Map<string, string>();
  const rest = new Set<Field>();
  for (const field of all(message, MODEL.metadataProps)) {
    const entry = messageIn(reading, field);
    const [key, value] = [ENTRY.key, ENTRY.value].map((number) => {
      const text = last(entry, number);
      return text ? tryTextIn(reading, text) : '';
    });
    if (key === undefined || value === undefined || entry.fields.some(({ number }) => number > ENTRY.value)) {
      rest.add(field);
      continue;
    }
    if (metadata.has(key)) throw malformed(reading, field.from, `the metadata key ${quoted(key)} occurs twice`);
    metadata.set(key, value);
  }
  return { metadata: Object.fromEntries(metadata), rest };
}
