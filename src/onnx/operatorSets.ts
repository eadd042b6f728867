import { OPERATOR_SET } from './fields.ts';
import type { Message } from './message.ts';
import { quoted, unsupported } from './reading.ts';
import type { Writer } from './writer.ts';

/** ONNX's own operators have two spellings of their domain. */
export function readDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

/** Versions by domain, each in a field with this number. Throws a UsageError when a domain has two. */
export function readOperatorSets(message: Message, number: number): Record<string, number> {
  const versions = new Map<string, number>();
  message.map(number, (set) => {
    const domain = readDomain(set.text(OPERATOR_SET.domain));
    const what = `operator set ${quoted(domain)}`;
    const version = set.count(OPERATOR_SET.version, `the version of ${what}`);
    if ((versions.get(domain) ?? version) !== version) throw set.malformed(`${what} occurs twice`);
    versions.set(domain, version);
    const other = set.fields.find(({ number }) => number > OPERATOR_SET.version);
    if (other) throw unsupported(set.reading, `field ${other.number} of ${what}`, 'export without it');
  });
  return Object.fromEntries(versions);
}

/** Writes versions by domain, each in a field with this number. */
export function writeOperatorSets(writer: Writer, number: number, opsets: Readonly<Record<string, number>>): void {
  for (const [domain, version] of Object.entries(opsets)) {
    writer.message(number, (set) => {
      set.name(OPERATOR_SET.domain, domain);
      set.count(OPERATOR_SET.version, version, `the version of operator set '${domain}'`);
    });
  }
}
