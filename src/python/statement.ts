import type { Tensor } from '../graph/types.ts';
import { tuple } from './python.ts';
import type { Operands } from './scope.ts';

/** A layer of the framework that a node is, without a name yet. */
export interface PythonLayer {
  /** What makes it: `nn.LSTM(4, 7)`. */
  readonly made: string;
  /** Its own parameters in the framework's layouts by the framework's names: `weight_ih_l0` [GH, I]. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** A matrix [V, E] that another layer may have, too: an embedding's table, or [O, I] of a product. */
  readonly matrix?: Tensor;
  /** Lines that follow the one that makes it, given what it is called: `self.head`. */
  readonly setUp?: (member: string) => readonly string[];
  /** Functions or classes that the file must bring along for it. */
  readonly helpers?: readonly string[];
}

/** A layer as a member of the module that is made. */
export interface PythonModule extends PythonLayer {
  /** Its name there: `rnn` of `self.rnn`. */
  readonly name: string;
}

/** A step of the module: what it computes, from which values of the graph. */
export interface Statement {
  readonly outputs: readonly string[];
  readonly reads: ReadonlySet<string>;
  readonly helpers: ReadonlySet<string>;
  readonly module?: PythonModule;
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
