import { WireType } from '@bufbuild/protobuf/wire';
import { grouped } from '../base/format.ts';
import type { Model } from '../graph/types.ts';
import { ENTRY, NODE } from './fields.ts';
import { Message } from './message.ts';

/** Keys under which exporters keep stack traces of a node. */
const TRACE_KEY = /stack_?trace$/i;
/** What a stack trace in the documentation of a node looks like: `File "/home/…/net.py", line 3` or `# /home/…/net.py:3`. */
const TRACE_TEXT = /File ".+", line \d|^# \S+\.py:\d/m;

/**
 * The fields of a node that hold stack traces of the exporter. They name files of the machine that the model was made on,
 * and are no part of what it computes; `reading.traceBytes` grows by their size.
 */
export function traceFields(node: Message): Message['fields'] {
  const { reading } = node;
  const found = node.fields.filter((field) => {
    if (field.wire !== WireType.LengthDelimited) return false;
    if (field.number === NODE.metadataProps) {
      return TRACE_KEY.test(new Message(reading, field).tryText(ENTRY.key) ?? '');
    }
    return field.number === NODE.docString && TRACE_TEXT.test(new TextDecoder().decode(node.bytesIn(field)));
  });
  reading.traceBytes += found.reduce((sum, { from, to }) => sum + to - from, 0);
  return found;
}

/** What a user is told of the stack traces in a file that a smaller or other form is made of. */
export function traceNotes({ traceBytes = 0 }: Pick<Model, 'traceBytes'>, path: string): string[] {
  if (traceBytes === 0) return [];
  return [
    `note: ${path} holds ${grouped(traceBytes)} bytes of the exporter's stack traces, with paths of the machine that made it; ` +
      'they are left out of what is written',
  ];
}
