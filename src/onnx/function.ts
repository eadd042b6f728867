import type { ModelFunction } from '../graph/types.ts';
import { writeAttribute } from './attribute.ts';
import { putEncoded, putMessage, putName, putText, type Writer } from './encode.ts';
import { FUNCTION } from './fields.ts';
import { readDomain, readOperatorSets, writeOperatorSets } from './operatorSets.ts';
import { readAttributes, readNode } from './readGraph.ts';
import { malformed, quoted, type Reading } from './reading.ts';
import { all, extraOf, type Field, messageIn, textIn, textOf } from './wire.ts';
import { writeGraph, writeNode } from './writeGraph.ts';

/** A function of the model's own. Throws a UsageError for one without a name. */
export function readFunction(field: Field, reading: Reading): ModelFunction {
  const message = messageIn(reading, field);
  const name = textOf(reading, message, FUNCTION.name);
  if (name === '') throw malformed(reading, field.from, 'a function has no name');
  const here = `function ${quoted(name)}`;
  const overload = textOf(reading, message, FUNCTION.overload);
  const texts = (number: number) => all(message, number).map((text) => textIn(reading, text));
  return {
    domain: readDomain(textOf(reading, message, FUNCTION.domain)),
    name,
    inputs: texts(FUNCTION.input),
    outputs: texts(FUNCTION.output),
    attributes: texts(FUNCTION.attribute),
    defaults: readAttributes(all(message, FUNCTION.attributeProto), here, 0, reading),
    nodes: all(message, FUNCTION.node).map((node, i) => readNode(node, i, ` of ${here}`, 0, reading)),
    opsets: readOperatorSets(all(message, FUNCTION.opsetImport), reading),
    ...(overload !== '' && { overload }),
    ...extraOf(
      reading,
      message,
      [
        FUNCTION.name,
        FUNCTION.input,
        FUNCTION.output,
        FUNCTION.attribute,
        FUNCTION.attributeProto,
        FUNCTION.node,
        FUNCTION.opsetImport,
      ],
      [FUNCTION.domain, FUNCTION.overload],
    ),
  };
}

/** Writes the fields of a FunctionProto. */
export function writeFunction(writer: Writer, f: ModelFunction): void {
  const here = `function '${f.name}'`;
  putEncoded(writer, f.extra);
  putText(writer, FUNCTION.name, f.name);
  putName(writer, FUNCTION.domain, f.domain);
  putName(writer, FUNCTION.overload, f.overload ?? '');
  for (const name of f.inputs) putText(writer, FUNCTION.input, name);
  for (const name of f.outputs) putText(writer, FUNCTION.output, name);
  for (const name of f.attributes) putText(writer, FUNCTION.attribute, name);
  for (const [name, value] of Object.entries(f.defaults)) {
    const what = `attribute '${name}' of ${here}`;
    putMessage(writer, FUNCTION.attributeProto, (inner) =>
      writeAttribute(inner, name, value, what, (graphWriter, graph) => writeGraph(graphWriter, graph, ` of ${what}`)),
    );
  }
  f.nodes.forEach((node, i) => {
    putMessage(writer, FUNCTION.node, (inner) => writeNode(inner, node, i, ` of ${here}`));
  });
  writeOperatorSets(writer, FUNCTION.opsetImport, f.opsets);
}
