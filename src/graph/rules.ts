import { isKnown, type Op, type OpWith, operators, traitsOf } from './operators.ts';
import type { OperatorTraits } from './traits.ts';
import type { Node } from './types.ts';

/** Rules for some operators, by name. */
export type Rules<Rule, O extends Op = Op> = Readonly<Partial<Record<O, Rule>>>;

/** Names of the operators that have all of these traits, which are words or `true`. */
export function operatorsWith<const T extends OperatorTraits>(wanted: T): OpWith<T>[] {
  const pairs = Object.entries(wanted) as [keyof OperatorTraits, unknown][];
  const hasThem = (op: Op) => pairs.every(([trait, value]) => traitsOf(op)[trait] === value);
  return (Object.keys(operators) as Op[]).filter(hasThem) as OpWith<T>[];
}

/** The same rule for several operators. */
export function ruleForEach<O extends Op, Rule>(names: readonly O[], rule: Rule): Record<O, Rule> {
  return Object.fromEntries(names.map((name) => [name, rule])) as Record<O, Rule>;
}

/** The rule for a node's operator; undefined where there is none, and for operators of other domains. */
export function ruleFor<Rule>(rules: Rules<Rule>, node: Node): Rule | undefined {
  return isKnown(node) ? rules[node.op] : undefined;
}
