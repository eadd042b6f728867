import type { Runtime } from '../runtime/runtime.ts';
import type { WindowListener } from '../verify/runs.ts';

/** What a guarded process tells the one that guards it. */
export interface GuardedMessage {
  /** The model, or models, that run from now on. */
  readonly model?: string;
  /** The engine's name and version. */
  readonly engine?: string;
  /** What has been verified so far. */
  readonly progress?: string;
  /** Verification begins and may take so long; null: it has ended. */
  readonly seconds?: number | null;
}

function tell(message: GuardedMessage): void {
  if (process.connected) process.send?.(message);
}

/** Says which models the engine is about to run, for the case that it crashes. */
export function tellModels(paths: readonly string[], { name }: Pick<Runtime, 'name'>): void {
  tell({ model: paths.join(', '), engine: name });
}

/** Ends this process with the one that guards it: there is nobody left who wants the result. */
export function endWithGuard(): void {
  if (!process.connected) return;
  process.once('disconnect', () => process.exit(1));
  process.channel?.unref();
}

/** Seconds that a verification may take when nobody says. */
export const VERIFY_SECONDS = 120;

/** A verification that the guard stops after so many seconds, with what it had done by then. */
export async function withinSeconds<T>(seconds: number, work: (onWindow: WindowListener) => Promise<T>): Promise<T> {
  tell({ seconds });
  try {
    return await work((model, windows) => {
      const count = `${windows} window${windows === 1 ? '' : 's'}`;
      const progress =
        model === 'original' ? `the model itself ran on ${count}, nothing was compared` : `${count} had been compared`;
      tell({ progress });
    });
  } finally {
    tell({ seconds: null });
  }
}
