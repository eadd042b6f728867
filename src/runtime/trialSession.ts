import { SlimError, UsageError } from '../base/errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { modelOf } from '../graph/model.ts';
import type { Runtime } from './runtime.ts';

/** Throws a UsageError that says what the device `needs`, and the engine's reason, unless it takes a graph. */
export async function requireSession(runtime: Runtime, needs: string): Promise<void> {
  const b = new GraphBuilder('trial');
  b.output(b.input('x', 'float32', [1]), 'y');
  try {
    // An engine looks for its device when it makes its first session.
    await (await runtime.createSession(modelOf(b.build()))).release();
  } catch (error) {
    if (!(error instanceof SlimError)) throw error;
    const [, said = error.message] = / cannot load the model: (.*)/s.exec(error.message) ?? [];
    // Engines quote the condition that failed before they say what that means.
    const reason = said.split(' was false. ').at(-1)!;
    throw new UsageError(`${needs}; ${runtime.name} says: ${reason}`, { cause: error });
  }
}
