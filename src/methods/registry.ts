import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { type FieldName, isIdle, type Section, type Settings } from '../base/fields.ts';
import { denseKind } from './dense.ts';
import { groupLassoKind } from './groupLasso.ts';
import { checkZeros, keptZeros, keptZerosKind } from './keptZeros.ts';
import type { FirstModel, MethodContext, MethodKind } from './kind.ts';
import { l1Kind } from './l1.ts';
import { magnitudeKind } from './magnitude.ts';
import type { SparsityMethod } from './method.ts';
import { proximalKind } from './proximal.ts';
import { setKind } from './set.ts';
import { prunable } from './tables.ts';
import { targetKind } from './target.ts';

/** The sparsity methods; settings choose the first one that they ask for. */
export const methods: readonly MethodKind[] = [
  setKind,
  targetKind,
  proximalKind,
  groupLassoKind,
  l1Kind,
  magnitudeKind,
  keptZerosKind,
  denseKind,
];

/** Fields of every method. */
export const commonFields = {
  keepZeros: z.boolean().optional().describe('keep the zeros of the model of --init at zero'),
} as const;

/** Settings without those that ask for a method: the same training, dense. */
export function withoutMethod(settings: Settings): Settings {
  const own = new Set([...methods.flatMap(({ fields }) => Object.keys(fields)), ...Object.keys(commonFields)]);
  return Object.fromEntries(Object.entries(settings).filter(([field]) => !own.has(field) && field !== 'method'));
}

/** Settings without those whose alternative the user has said, and those that a method of the user's displaces. */
export function withoutDisplaced(settings: Settings, said: Settings): Settings {
  const lists = methods.flatMap(({ alternatives = [] }) => alternatives);
  const asked = methods.filter(({ selector }) => selector !== undefined && said[selector] !== undefined);
  const displaced = new Set([
    ...lists.flatMap((list) => (list.some((field) => said[field] !== undefined) ? list : [])),
    ...asked.flatMap(({ displaces = [] }) => displaces),
  ]);
  return Object.fromEntries(Object.entries(settings).filter(([field]) => !displaced.has(field)));
}

/** The kind of that name; dense for a name that is none, as in a run of another version. */
export function methodOf({ kind }: Pick<Section, 'kind'>): MethodKind {
  return methods.find(({ name }) => name === kind) ?? denseKind;
}

/** The kind that settings ask for, and what is wrong with asking for several; `said` are those of the user. */
export function chooseMethod(
  settings: Settings,
  nameOf: FieldName,
  said: Settings = settings,
): { kind: MethodKind; problems: string[] } {
  const kind = methods.find((method) => method.isAskedFor(settings)) ?? denseKind;
  const others = methods.flatMap(({ selector }) =>
    selector === undefined || selector in kind.fields || selector in commonFields || isIdle(settings[selector])
      ? []
      : [selector],
  );
  const all = [...new Set([kind.selector, ...others])].filter((s) => s !== undefined);
  const isClash = others.length > 0 && kind !== denseKind;
  const remedies = all.flatMap((field) =>
    said[field] === undefined && typeof settings[field] === 'number'
      ? [`: ${nameOf(field)} ${settings[field]} is there already, and ${nameOf(field)} 0 takes it away`]
      : [],
  );
  return { kind, problems: isClash ? [`choose one of ${all.map(nameOf).join(', ')}${remedies.join('')}`] : [] };
}

/** What a configuration's method does, in a few words with its numbers. */
export function describeMethod(config: Section): string {
  const kind = methodOf(config);
  const text = kind.describe(config);
  return config.keepZeros === true && !kind.keepsZeros ? `${text}, zeros kept` : text;
}

/** What tables call a method. */
export function methodLabel(kind: string): string {
  return methods.find(({ name }) => name === kind)?.label ?? kind;
}

/** Contradictions between the fields of a method, in words. */
export function methodContradictions(config: Section, run: { readonly epochs: number }, nameOf: FieldName): string[] {
  const kind = methodOf(config);
  return [
    ...(kind.contradictions?.(config, run, nameOf) ?? []),
    ...(config.keepZeros === true && kind.keepsZeros && kind !== keptZerosKind
      ? [`${nameOf(kind.selector!)} keeps zeros anyway: leave out ${nameOf('keepZeros')}`]
      : []),
  ];
}

/** Throws a UsageError when a method cannot do with a model what it is asked for. */
export function checkMethod(config: Section, first: FirstModel): void {
  if (methodOf(config).isStructural) checkUnits(config, first);
  methodOf(config).check?.(config, first);
  if (config.keepZeros === true) checkZeros(first);
}

/** The method of a configuration for a model as it is now; undefined for dense training. */
export function createMethod(config: Section, context: MethodContext): SparsityMethod | undefined {
  const kind = methodOf(config);
  const method = kind.create(config, context);
  if (config.keepZeros !== true || kind === keptZerosKind) return method;
  return keptZeros(new Set([...prunable(context.first), ...(method?.parameters ?? [])]), method);
}

/** Throws a UsageError where no layer has a unit that could ever vanish. */
function checkUnits(config: Section, { groups: { layers } }: FirstModel): void {
  if (layers.some(({ components }) => components.some((k) => k >= 0))) return;
  const what = `--${methodOf(config).selector} makes units vanish, and no layer of the model can lose one`;
  const held = layers.map(({ name, keptBy = [] }) => {
    return `'${name}' is held by ${keptBy.length > 0 ? keptBy.map(({ cause }) => cause).join(', ') : 'weights that are not stored as real numbers'}`;
  });
  throw new UsageError(`${what}: ${held.length > 0 ? held.join('; ') : 'it has no recurrent layers'}`);
}
