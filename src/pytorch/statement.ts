import type { HelperName } from './helpers.ts';
import type { TorchLayer } from './layers.ts';
import type { Operands } from './scope.ts';

/** A layer of `torch.nn` as a member of the module that is made. */
export interface TorchModule extends TorchLayer {
  /** Its name there: `rnn` of `self.rnn`. */
  readonly name: string;
  /** An earlier module that has the same `weight`. */
  readonly tiedTo?: TorchModule;
}

/** A step of `forward`: what it computes, from which values of the graph. */
export interface Statement {
  readonly outputs: readonly string[];
  readonly reads: ReadonlySet<string>;
  readonly helpers: ReadonlySet<HelperName>;
  readonly module?: TorchModule;
  /** Lines of Python, given what the outputs are called there: `_` for one that nothing reads. */
  readonly lines: (targets: readonly string[]) => readonly string[];
}

/** `y = code`, for the first output of a node or, where they are as many, all of them. */
export function assignment({ node, reads, helpers }: Operands, code: string, count = 1): Statement {
  const outputs = node.outputs.slice(0, count);
  return { outputs, reads, helpers, lines: (targets) => [`${targets.join(', ')} = ${code}`] };
}

/** The statements that the wanted values depend on. */
export function liveStatements(statements: readonly Statement[], wanted: Iterable<string>): Statement[] {
  const live = new Set(wanted);
  const kept = statements.toReversed().filter(({ outputs, reads }) => {
    const isLive = outputs.some((name) => live.has(name));
    if (isLive) for (const name of reads) live.add(name);
    return isLive;
  });
  return kept.toReversed();
}
