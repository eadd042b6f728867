import { intAttribute, stringAttribute } from '../graph/attributes.ts';
import { normalizeAxis } from '../graph/dims.ts';
import { apply, fullLike, gatherElements, mul, scatterAdd, softmax, transpose, unsqueeze } from '../graph/ops.ts';
import { type GradientRules, rankOf, reshapeLike, shapeOfType, unsupported } from './rule.ts';

export const indexingGradients = {
  /** Gather: rows of the gradient are added where they were taken from; repeated indices add up. */
  Gather: (c) => {
    const x = c.input(0);
    const indices = c.input(1);
    const rank = rankOf(x);
    const indexRank = rankOf(indices);
    const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), rank)!;
    // The gradient is [before…, indices…, after…]; ScatterND wants [indices…, before…, after…] over a target
    // whose gathered axis comes first, so both are turned and the result is turned back.
    const order = [axis, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)];
    const zeros = fullLike(x, 0);
    const turned = axis === 0 ? zeros : transpose(zeros, order);
    const at = Array.from({ length: indexRank }, (_, i) => axis + i);
    const others = Array.from({ length: rank - 1 + indexRank }, (_, i) => i).filter((i) => !at.includes(i));
    const updates = axis === 0 ? c.gradient() : transpose(c.gradient(), [...at, ...others]);
    const nd = apply('Cast', [unsqueeze(indices, [indexRank])], { to: 7 });
    const summed = apply('ScatterND', [turned, nd, updates], { reduction: 'add' });
    const back = order.map((_, i) => order.indexOf(i));
    return [axis === 0 ? summed : transpose(summed, back), undefined];
  },
  /** GatherElements: every gradient entry is added where its value was taken from. */
  GatherElements: (c) => [
    scatterAdd(fullLike(c.input(0), 0), c.input(1), c.gradient(), intAttribute(c.node, 'axis', 0)),
    undefined,
  ],
  /** ScatterElements with reduction add: the target's gradient passes, the updates' is gathered. */
  ScatterElements: (c) => {
    if (stringAttribute(c.node, 'reduction', 'none') !== 'add')
      unsupported(c, "only reduction 'add' has a gradient here");
    const axis = intAttribute(c.node, 'axis', 0);
    return [c.gradient(), undefined, c.needs(2) ? gatherElements(c.gradient(), c.input(1), axis) : undefined];
  },
  /** GatherND: every slice of the gradient is added where it was taken from. */
  GatherND: (c) => {
    if (intAttribute(c.node, 'batch_dims', 0) !== 0) unsupported(c, 'batch_dims have no gradient here');
    const updates = [fullLike(c.input(0), 0), c.input(1), c.gradient()];
    return [apply('ScatterND', updates, { reduction: 'add' }), undefined];
  },
  /**
   * ScatterND: what was written over has no gradient; the updates take theirs from where they went. Places must be
   * written once, as the standard asks.
   */
  ScatterND: (c) => {
    const reduction = stringAttribute(c.node, 'reduction', 'none');
    const [indices, g] = [c.input(1), c.gradient()];
    if (reduction !== 'none' && reduction !== 'add') unsupported(c, `reduction '${reduction}' has no gradient here`);
    const kept = () => apply('ScatterND', [g, indices, fullLike(c.input(2), 0)]);
    return [
      c.needs(0) ? (reduction === 'add' ? g : kept()) : undefined,
      undefined,
      c.needs(2) ? apply('GatherND', [g, indices]) : undefined,
    ];
  },
  /** loss = −Σ_n log p[n, y_n]: dlogits = dloss · (p − onehot(y)); `expandCrossEntropy` shares the softmax. */
  SoftmaxCrossEntropyLoss: (c) => {
    const logits = c.input(0);
    if (stringAttribute(c.node, 'reduction', 'mean') !== 'sum')
      unsupported(c, "only reduction 'sum' has a gradient here");
    if (c.inputs[2] || c.node.attributes.ignore_index)
      unsupported(c, 'class weights and ignore_index have no gradient here');
    if (shapeOfType(logits).length !== 2) unsupported(c, 'logits must be [rows, classes]');
    const labels = unsqueeze(c.input(1), [1]);
    const minusOne = reshapeLike(fullLike(c.input(1), -1), labels);
    const difference = scatterAdd(softmax(logits, 1), labels, minusOne, 1);
    const g = c.gradient();
    const seed = c.builder.tensorOf(g)?.data;
    // The loss itself has gradient 1: no trip through all rows and classes to multiply by it.
    return [seed?.length === 1 && seed[0] === 1 ? difference : mul(difference, g), undefined];
  },
} satisfies GradientRules;
