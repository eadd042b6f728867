import type { Bytes } from '../base/bytes.ts';
import type { Model } from '../graph/types.ts';
import { MODEL } from './fields.ts';
import type { Outside } from './tensor.ts';
import { writeFunction, writeGraph, writeOperatorSets } from './writeGraph.ts';
import { Writer } from './writer.ts';

/** Up to this version of the format every initializer has to be listed among the inputs. */
const LAST_LISTING_VERSION = 3;

/** The bytes of a model as an ONNX file; throws a SlimError for what ONNX cannot hold. */
export function writeModel(model: Model): Bytes {
  return encode(model).joined();
}

/**
 * The bytes of a model as pieces that make the file one after the other; throws a SlimError as `writeModel` does.
 * The weights among them are views of the model's own arrays: nothing large is copied. Values that `outside` takes are
 * not among them.
 */
export function encodeModel(model: Model, outside?: Outside): Uint8Array[] {
  return encode(model, outside).finish();
}

function encode(model: Model, outside?: Outside): Writer {
  const writer = new Writer();
  writer.encoded(model.extra);
  writer.count(MODEL.irVersion, model.irVersion, 'the ir_version');
  writer.name(MODEL.producerName, model.producer);
  writeOperatorSets(writer, MODEL.opsetImport, model.opsets);
  for (const [key, value] of Object.entries(model.metadata)) writer.entry(MODEL.metadataProps, key, value);
  for (const f of model.functions ?? []) writer.message(MODEL.functions, (inner) => writeFunction(inner, f));
  // The graph goes last, so that a file that was cut off is never taken for a whole one.
  const listAll = model.irVersion <= LAST_LISTING_VERSION;
  writer.message(MODEL.graph, (inner) => writeGraph(inner, model.graph, '', listAll, outside));
  return writer;
}
