import { SlimError, UsageError } from '../base/errors.ts';
import { type Collective, gatherTexts } from './collective.ts';

/** What processes must have in common, each part under the name that messages give it. */
export type Plan = Readonly<Record<string, string>>;

/** What a process of several brings to a meeting before the first update. */
export type Standing =
  | { readonly kind: 'ready'; readonly plan: Plan }
  /** There is nothing to train. */
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly message: string; readonly isUsage: boolean };

/** Thrown where the processes part because the first one has found nothing to do. */
export class NothingToDo extends SlimError {
  override readonly name: string = 'NothingToDo';
}

/** Errors that all processes have thrown alike. */
const agreed = new WeakSet<Error>();

/** Whether an error came out of `agree`, so that every process has it. */
export function isAgreed(error: unknown): boolean {
  return error instanceof Error && agreed.has(error);
}

/** How the failure of a process is brought to the others. */
export function failureOf(error: unknown): Standing {
  const message = error instanceof SlimError ? error.message : error instanceof Error ? error.stack : String(error);
  return { kind: 'failed', message: message ?? String(error), isUsage: error instanceof UsageError };
}

/**
 * Lets processes that train together meet before the first update. Throws the same error in each where one of them has
 * failed, where they differ (UsageError), or NothingToDo where one has found the work done.
 */
export async function agree(own: Standing, collective: Collective): Promise<void> {
  if (collective.ranks === 1) return;
  const texts = await gatherTexts(JSON.stringify(own), collective);
  const standings = texts.map((text) => JSON.parse(text) as Standing);
  const error = whyNot(standings);
  if (error === undefined) return;
  agreed.add(error);
  throw error;
}

/** Why processes that stand so cannot train together. */
function whyNot(standings: readonly Standing[]): SlimError | undefined {
  const ranks = standings.length;
  const failed = standings.findIndex(({ kind }) => kind === 'failed');
  const failure = standings[failed];
  if (failure?.kind === 'failed') {
    const message = failed === 0 ? failure.message : `${failure.message} (process ${failed} of ${ranks})`;
    return failure.isUsage ? new UsageError(message) : new SlimError(message);
  }
  if (standings.some(({ kind }) => kind === 'finished')) return new NothingToDo('finished already');
  const [first, ...others] = standings.flatMap((standing) => (standing.kind === 'ready' ? [standing.plan] : []));
  for (const [i, other] of others.entries()) {
    const names = Object.keys(first!).filter((name) => first![name] !== other[name]);
    if (names.length === 0) continue;
    return new UsageError(
      `processes 0 and ${i + 1} of ${ranks} differ in ${names.join(' and ')}: each must be given the same flags and the ` +
        'same data, and a run directory on storage that all of them share',
    );
  }
  return undefined;
}
