import { putInt, putMessage, putName, type Writer } from './encode.ts';
import { OPERATOR_SET } from './fields.ts';
import { malformed, quoted, type Reading, unsupported } from './reading.ts';
import { readCount, writeCount } from './scalars.ts';
import { type Field, int64In, last, messageIn, textOf } from './wire.ts';

/** ONNX's own operators have two spellings of their domain. */
export function readDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** Versions by domain. Throws a UsageError when a domain has two. */
export function readOperatorSets(fields: readonly Field[], reading: Reading): Record<string, number> {
  const versions = new Map<string, number>();
  for (const field of fields) {
    const message = messageIn(reading, field);
    const domain = readDomain(textOf(reading, message, OPERATOR_SET.domain));
    const what = `operator set ${quoted(domain)}`;
    const number = last(message, OPERATOR_SET.version);
    const version = number ? readCount(int64In(reading, number), `the version of ${what}`, reading, field.from) : 0;
    if ((versions.get(domain) ?? version) !== version) throw malformed(reading, field.from, `${what} occurs twice`);
    versions.set(domain, version);
    const other = message.fields.find(({ number }) => number > OPERATOR_SET.version);
    if (other) throw unsupported(reading, `field ${other.number} of ${what}`, 'export without it');
  }
  return Object.fromEntries(versions);
}

/** Writes versions by domain, each in a field with this number. */
export function writeOperatorSets(writer: Writer, number: number, opsets: Readonly<Record<string, number>>): void {
  for (const [domain, version] of Object.entries(opsets)) {
    putMessage(writer, number, (set) => {
      putName(set, OPERATOR_SET.domain, domain);
      putInt(set, OPERATOR_SET.version, writeCount(version, `the version of operator set '${domain}'`));
    });
  }
}
