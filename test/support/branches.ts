import { GraphBuilder, type Value } from '../../src/graph/builder.ts';
import type { Attribute } from '../../src/graph/types.ts';

/*
 * Ifs whose branches take values from the graph around them.
 */

/** What a branch gives, computed in a builder of its own. */
export type Branch = (b: GraphBuilder) => Value;

/** `condition` ? what one branch gives : what the other gives. */
export function choose(condition: Value, then: Branch, otherwise: Branch, name?: string): Value {
  const { builder: b } = condition;
  const branch = (make: Branch): Attribute => {
    const body = new GraphBuilder(b.fresh('branch'), b);
    const made = make(body);
    // A branch's output must be made in it.
    body.output(made.builder === body ? made : body.node('Identity', [made])[0]!);
    return { type: 'graph', value: body.build() };
  };
  const attributes = { then_branch: branch(then), else_branch: branch(otherwise) };
  return b.node('If', [condition], attributes, 1, '', name ?? b.fresh('If'))[0]!;
}
