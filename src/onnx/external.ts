import { UsageError } from '../base/errors.ts';
import { ENTRY, TENSOR } from './fields.ts';
import type { Message } from './message.ts';
import { quoted, type Reading } from './reading.ts';

/** Where a tensor's values lie. */
export interface Region {
  readonly location: string;
  readonly offset: number;
  readonly length: number | undefined;
}

/** The region that the `external_data` of a tensor names; throws a UsageError for offsets and lengths that are none. */
export function readRegion(tensor: Message, what: string): Region {
  const values = new Map(
    tensor.map(TENSOR.externalData, (entry): [string, string] => [entry.text(ENTRY.key), entry.text(ENTRY.value)]),
  );
  const count = (key: string) => {
    const text = values.get(key);
    if (text === undefined || /^\d{1,15}$/.test(text)) return text === undefined ? undefined : Number(text);
    throw tensor.malformed(`the ${key} of the external data of ${what} is ${quoted(text)}`);
  };
  return { location: values.get('location') ?? '', offset: count('offset') ?? 0, length: count('length') };
}

/** The bytes of a region; throws a UsageError that says why they cannot be read. */
export function readExternal({ location, offset, length }: Region, what: string, reading: Reading): Uint8Array {
  const found =
    reading.external?.read(location, offset, length) ??
    'a model in memory has no such files; load it by its path, or store it as one file first, for example in Python ' +
      'with onnx.save(onnx.load(path), new_path)';
  if (typeof found !== 'string') return found;
  const place = `keeps its values in another file (external data), ${quoted(location)}`;
  throw new UsageError(`cannot read ${reading.source}: ${what} ${place}: ${found}`);
}
