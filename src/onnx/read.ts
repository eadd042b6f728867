import type { Model } from '../graph/types.ts';
import { ENTRY, MODEL } from './fields.ts';
import { Message } from './message.ts';
import { readFunction, readGraph, readOperatorSets } from './readGraph.ts';
import { type ExternalData, malformed, quoted, type Reading, startReading } from './reading.ts';

/**
 * The model in the bytes of an ONNX file; `source` names the file in messages, `external` reaches the files beside it.
 * Weights are views of `bytes` where these are aligned, so `bytes` must not change afterwards. What `Model` does not
 * understand is part of it all the same, and `writeModel` writes it back: `extra`, opaque tensors and attributes. Stack
 * traces of exporters are left out (`traceFields`).
 * Throws a UsageError that names the place for bytes that are no ONNX model, and for data files that cannot be read.
 */
export function readModel(bytes: Uint8Array, source = 'model', external?: ExternalData): Model {
  return readFrom(startReading(bytes, source, external));
}

/** As `readModel`, for who starts the reading. */
export function readFrom(reading: Reading): Model {
  const end = reading.bytes.byteLength;
  if (end === 0) throw malformed(reading, 0, 'the file is empty');
  const message = new Message(reading);
  if (message.int64(MODEL.irVersion) <= 0n) throw message.malformed('it has no ir_version');
  const irVersion = message.count(MODEL.irVersion, 'its ir_version');
  const graph = message.only(MODEL.graph);
  if (graph === undefined) throw malformed(reading, end, 'it has no graph');
  const hasOpsets = message.all(MODEL.opsetImport).length > 0;
  // Operator sets came with version 3 of the format; before, there was one.
  if (!hasOpsets && irVersion >= 3) throw malformed(reading, end, 'it has no opset_import');
  const opsets = hasOpsets ? readOperatorSets(message, MODEL.opsetImport) : { '': 1 };
  const { metadata, rest } = readMetadata(message);
  const functions = message.map(MODEL.functions, readFunction);
  const read = readGraph(graph);
  return {
    graph: read,
    opsets,
    irVersion,
    producer: message.text(MODEL.producerName),
    metadata,
    ...(functions.length > 0 && { functions }),
    ...(reading.traceBytes > 0 && { traceBytes: reading.traceBytes }),
    ...message.extra(rest),
  };
}

/** The metadata, and the entries that say more than a key and a value, which stay as they are. */
function readMetadata(message: Message) {
  const metadata = new Map<string, string>();
  const rest: Message['field'][] = [];
  message.map(MODEL.metadataProps, (entry) => {
    const [key, value] = [entry.tryText(ENTRY.key), entry.tryText(ENTRY.value)];
    if (key === undefined || value === undefined || entry.fields.some(({ number }) => number > ENTRY.value)) {
      rest.push(entry.field);
      return;
    }
    if (metadata.has(key)) throw entry.malformed(`the metadata key ${quoted(key)} occurs twice`);
    metadata.set(key, value);
  });
  return { metadata: Object.fromEntries(metadata), rest };
}
