import type { Model } from '../graph/types.ts';
import {
  finish,
  joined,
  putEncoded,
  putInt,
  putMessage,
  putName,
  putText,
  startWriting,
  type Writer,
} from './encode.ts';
import { ENTRY, MODEL } from './fields.ts';
import { writeFunction } from './function.ts';
import { writeOperatorSets } from './operatorSets.ts';
import { writeCount } from './scalars.ts';
import type { Outside } from './tensor.ts';
import { writeGraph } from './writeGraph.ts';

/** Up to this version of the format every initializer has to be listed among the inputs. */
const LAST_LISTING_VERSION = 3;

/** The bytes of a model as an ONNX file; throws a SlimError for what ONNX cannot hold. */
export function writeModel(model: Model): Uint8Array<ArrayBuffer> {
  return joined(encode(model));
}

/**
 * The bytes of a model as pieces that make the file one after the other; throws a SlimError as `writeModel` does.
 * The weights among them are views of the model's own arrays: nothing large is copied. Values that `outside` takes are
 * not among them.
 */
export function encodeModel(model: Model, outside?: Outside): Uint8Array[] {
  return finish(encode(model, outside));
}

function encode(model: Model, outside?: Outside): Writer {
  const { graph, opsets, metadata, functions } = model;
  const writer = startWriting();
  putEncoded(writer, model.extra);
  putInt(writer, MODEL.irVersion, writeCount(model.irVersion, 'the ir_version'));
  putName(writer, MODEL.producerName, model.producer);
  writeOperatorSets(writer, MODEL.opsetImport, opsets);
  for (const [key, value] of Object.entries(metadata)) {
    putMessage(writer, MODEL.metadataProps, (entry) => {
      putText(entry, ENTRY.key, key);
      putText(entry, ENTRY.value, value);
    });
  }
  for (const f of functions ?? []) putMessage(writer, MODEL.functions, (inner) => writeFunction(inner, f));
  // The graph goes last, so that a file that was cut off is never taken for a whole one.
  const listAll = model.irVersion <= LAST_LISTING_VERSION;
  putMessage(writer, MODEL.graph, (inner) => writeGraph(inner, graph, '', { listAll, ...(outside && { outside }) }));
  return writer;
}
