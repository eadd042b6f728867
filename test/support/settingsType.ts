import { z } from 'zod';
import { fieldKind, innerSchema } from '../../src/base/fields.ts';
import { flagGroups } from '../../src/cli/configFlags.ts';
import { selectors } from '../../src/config/runConfig.ts';
import { tasks } from '../../src/tasks/registry.ts';

/** Fields that choose a kind, of which there may be others than those of this list. */
const chooses: ReadonlySet<string> = new Set(Object.values(selectors));

/** Columns of a line of the file. */
const WIDTH = 120;

/**
 * The file src/config/runSettings.generated.ts: a type with every field of the configurations that there are, made of their
 * schemas, each with what its schema says of it.
 */
export function settingsType(): string {
  const seen = new Set<string>();
  const groups = flagGroups(tasks).map(({ title, fields }) => {
    const own = Object.entries(fields).filter(([field]) => !seen.has(field));
    for (const [field] of own) seen.add(field);
    return { title, own };
  });
  const lines = groups
    .filter(({ own }) => own.length > 0)
    .flatMap(({ title, own }) => [
      '',
      `  // ${title}`,
      ...own.flatMap(([field, schema]) => [
        ...comment((schema as z.ZodType).description ?? innerSchema(schema as z.ZodType).description ?? ''),
        `  readonly ${field}?: ${typeOf(schema as z.ZodType)}${chooses.has(field) ? ' | (string & {})' : ''} | undefined;`,
      ]),
    ]);
  return [
    '// Made of the schemas of the configurations by `npm run generate`; do not edit it.',
    "import type { Settings } from '../base/fields.ts';",
    '',
    '/**',
    ' * Settings of a run side by side, as files and flags say them; which of them go together, `resolveConfig` says. A preset to',
    ' * begin with is `preset`. Tasks, methods and optimizers of your own may have further fields.',
    ' */',
    'export interface RunSettings extends Settings {',
    ...lines.slice(1),
    '}',
    '',
  ].join('\n');
}

/** A sentence as TSDoc, on as many lines as it takes. */
function comment(text: string): string[] {
  const said = text.replaceAll('*/', '* /').replaceAll('{', '\\{').replaceAll('@', '\\@');
  const whole = `  /** ${said[0]?.toUpperCase()}${said.slice(1)}. */`;
  if (whole.length <= WIDTH) return [whole];
  const lines: string[] = [];
  for (const word of `${said[0]?.toUpperCase()}${said.slice(1)}.`.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || `   * ${last} ${word}`.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return ['  /**', ...lines.map((line) => `   * ${line}`), '   */'];
}

function typeOf(schema: z.ZodType): string {
  const inner = innerSchema(schema);
  switch (fieldKind(schema)) {
    case 'boolean':
      return 'boolean';
    case 'pairs': {
      const isText = inner instanceof z.ZodRecord && inner.valueType instanceof z.ZodString;
      return `Readonly<Record<string, ${isText ? 'string' : 'number'}>>`;
    }
    case 'names':
      return 'readonly string[]';
    case 'numbers':
      return 'readonly number[]';
    case 'text':
      return inner instanceof z.ZodEnum ? inner.options.map((name) => `'${name}'`).join(' | ') : 'string';
    default:
      return 'number';
  }
}
