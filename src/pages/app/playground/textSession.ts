import { SlimError } from '../../../base/errors.ts';
import { sizeOf } from '../../../graph/dims.ts';
import { type Numbers, numbersOf } from '../../../graph/numbers.ts';
import { statesOf } from '../../../graph/states.ts';
import type { Model, Tensor } from '../../../graph/types.ts';
import { LOGITS, TOKENS } from '../../../models/languageModel.ts';
import type { Runtime } from '../../../runtime/runtime.ts';

/** A language model that reads on, one word after another, its states carried. */
export interface TextSession {
  /** Back to the beginning of a text. */
  reset(): void;
  /** Reads words and returns the logits of the next one, V numbers. */
  read(ids: readonly number[]): Promise<Numbers>;
  release(): Promise<void>;
}

/** Prepares a language model made by slimrnn; throws SlimError for any other model. */
export async function textSession(model: Model, runtime: Runtime): Promise<TextSession> {
  const { inputs, outputs } = model.graph;
  const states = statesOf(model);
  const known = new Set([TOKENS, ...states.map(({ input }) => input)]);
  if (!outputs.some(({ name }) => name === LOGITS) || !inputs.every(({ name }) => known.has(name))) {
    throw new SlimError(
      `the model is none that continues text: it needs an input '${TOKENS}' and an output '${LOGITS}'`,
    );
  }
  // One word at a time leaves nothing to share among threads.
  const session = await runtime.createSession(model, { threads: 1 });
  const zeros = () =>
    Object.fromEntries(
      states.map(({ input }): [string, Tensor] => {
        const dims = inputs.find(({ name }) => name === input)!.type.shape!.map((d) => (typeof d === 'number' ? d : 1));
        return [input, { elementType: 'float32', dims, data: new Float32Array(sizeOf(dims)) }];
      }),
    );
  let carried = zeros();
  return {
    reset() {
      carried = zeros();
    },
    async read(ids) {
      const tokens: Tensor = { elementType: 'int32', dims: [ids.length, 1], data: Int32Array.from(ids) };
      const made = await session.run({ [TOKENS]: tokens, ...carried });
      carried = Object.fromEntries(states.map(({ input, output }) => [input, made[output]!]));
      const logits = numbersOf(made[LOGITS]!)!;
      return logits.subarray(logits.length - logits.length / ids.length);
    },
    release: () => session.release(),
  };
}
