import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import type { StatePair } from '../graph/states.ts';
import type { Graph, Model } from '../graph/types.ts';
import type { TraceOptions } from '../groups/trace.ts';
import type { PrepareOptions } from '../passes/prepareModel.ts';
import { collect } from './flags.ts';
import { addGivenFlags, type GivenFlags } from './givenFlags.ts';

/** What the user says about a model's graph. */
export interface TraceFlags extends GivenFlags {
  readonly fix?: readonly string[];
  readonly state?: readonly string[];
  /** False with `--no-states`. */
  readonly states?: boolean;
  readonly resizeState?: boolean;
}

/** Adds the flags that every command has that looks for units. */
export function addTraceFlags(command: Command): void {
  command
    .option('--fix <layers>', 'layers that keep all units, for example lstm_0,lstm_1 (repeatable)', collect)
    .option(
      '--state <in=out>',
      "a streaming state: what comes out goes in again (repeatable); 'none': inputs and outputs keep their shapes",
      collect,
    )
    .option('--no-states', 'the same as --state none')
    .option('--resize-state', 'let states that stack several layers change their shape');
  addGivenFlags(command);
}

/** The flags as options of `traceModel`; throws a UsageError for inputs and outputs that are not there. */
export function traceOptionsFrom(model: Model, flags: TraceFlags): PrepareOptions & Pick<TraceOptions, 'fix'> {
  const options: PrepareOptions = { states: statesFrom(model.graph, flags), resizeState: flags.resizeState };
  const fix = flags.fix?.flatMap((text) => text.split(',').map((name) => name.trim()));
  return fix === undefined ? options : { ...options, fix };
}

function statesFrom(graph: Graph, { state, states }: TraceFlags): StatePair[] | undefined {
  const pairs = state?.filter((text) => text !== 'none');
  const none = states === false ? '--no-states' : pairs?.length === state?.length ? undefined : '--state none';
  if (pairs && pairs.length > 0 && none !== undefined) {
    throw new UsageError(`--state names a streaming state and ${none} says that there is none; give one of them`);
  }
  return none === undefined ? pairs?.map((text) => parseState(text, graph)) : [];
}

/** What to say of inputs and outputs that may be streaming states. */
export function stateHints(unclear: readonly StatePair[]): string[] {
  if (unclear.length === 0) return [];
  const flags = unclear.map(({ input, output }) => `--state ${input}=${output}`);
  const names = (end: keyof StatePair) => [...new Set(unclear.map((pair) => `'${pair[end]}'`))].join(', ');
  const several = new Set(unclear.flatMap(({ input, output }) => [input, output])).size < 2 * unclear.length;
  return [
    `inputs ${names('input')} and outputs ${names('output')} have equal shapes: if they are streaming states, say ` +
      (several ? `which belong together: ${flags.join(' or ')}` : flags.join(' ')),
  ];
}

function parseState(text: string, { inputs, outputs }: Graph): StatePair {
  const [ins, outs] = [inputs, outputs].map((values) => values.map(({ name }) => name)) as [string[], string[]];
  // Names may hold '=' themselves, so every one is tried.
  for (let at = text.indexOf('='); at >= 0; at = text.indexOf('=', at + 1)) {
    const [input, output] = [text.slice(0, at), text.slice(at + 1)];
    if (ins.includes(input) && outs.includes(output)) return { input, output };
  }
  const [input = '', ...rest] = text.split('=');
  if (rest.length === 0) throw new UsageError(`--state takes input=output, for example h_in=h_out, got '${text}'`);
  const [kind, name, known] = ins.includes(input) ? ['output', rest.join('='), outs] : ['input', input, ins];
  const names = known.map((n) => `'${n}'`).join(', ');
  throw new UsageError(
    `--state ${text}: the model has no ${kind} '${name}'${didYouMean(name, known)}; it has ${names}`,
  );
}
