import type { HelperName } from './helpers.ts';
import type { TorchLayer } from './layers.ts';
import { tuple } from './python.ts';
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

/** `y = code`, for the first output of a node. */
export function assignment({ node, reads, helpers }: Operands, code: string): Statement {
  return { outputs: node.outputs.slice(0, 1), reads, helpers, lines: ([target]) => [`${target} = ${code}`] };
}

/** `a, b = code`, `(a,) = code`: code that gives a sequence with a tensor for each output of a node. */
export function unpacking({ node: { outputs }, reads, helpers }: Operands, code: string): Statement {
  const lines = (targets: readonly string[]) => [
    `${targets.length === 1 ? tuple(targets) : targets.join(', ')} = ${code}`,
  ];
  return { outputs, reads, helpers, lines };
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
