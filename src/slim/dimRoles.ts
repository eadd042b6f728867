import { intAttribute, intsAttribute } from '../graph/attributes.ts';
import { knownTypes } from '../graph/infer/infer.ts';
import { FreeSizes, namesIn } from '../graph/infer/sizes.ts';
import { isRecurrent } from '../graph/operators.ts';
import { bodiesOf, capturedNames } from '../graph/rewrite.ts';
import { RECURRENT_INPUT as INPUT } from '../graph/slots.ts';
import type { Dim, Graph, Node, ValueInfo } from '../graph/types.ts';

/** What a free dimension of an input counts: sequences side by side, or time steps. */
export type DimRole = 'batch' | 'time';

/** Names of the free dimensions of a graph's inputs, in order; of a product "2*batch*time" the names in it. */
export function freeDims(graph: Graph): string[] {
  return [...new Set(graph.inputs.flatMap((input) => (input.type.shape ?? []).flatMap(namesIn)))];
}

/**
 * Which free dimensions are batch and which time: by their names, else by where they come to stand in recurrent
 * operators and loops, else by how other inputs of the model are laid out; what must have the same size has the same
 * role. Those that remain unclear are left out.
 */
export function dimRoles(graph: Graph): Map<string, DimRole> {
  const free = freeDims(graph);
  const same = new FreeSizes(graph);
  const kind = (name: string) => same.name(name);
  const roles = new Map<string, DimRole>();
  const adopt = (votes: readonly Vote[]) => {
    const ofKinds = agreed(votes.map(([name, role]) => [kind(name), role]));
    for (const name of free) {
      const role = ofKinds.get(kind(name));
      if (role && !roles.has(name)) roles.set(name, role);
    }
  };
  // A name speaks for its own dimension first.
  const names = free.flatMap((name) => vote(name, roleOfName(name)));
  for (const [name, role] of names) roles.set(name, role);
  adopt(names);
  adopt(votesByPlace(graph));
  const unclear = graph.inputs.filter((input) => freeAxes(input).some(({ name }) => !roles.has(name)));
  const clear = graph.inputs.filter((input) => !unclear.includes(input));
  adopt(unclear.flatMap((input) => votesByLayout(input, clear, roles)));
  return roles;
}

/** What the name of a free dimension says that it counts. */
export function roleOfName(name: string): DimRole | undefined {
  // Made from an input's name by our reader or PyTorch's exporter; the input's name says nothing of its dimensions.
  if (name.startsWith('?') || /_dynamic_axes_\d+$/.test(name)) return undefined;
  const isBatch = /batch|^(n|b|bs|bsz|examples?)$/i.test(name);
  const isTime = /time|seq|step|len|frame|^t$/i.test(name);
  if (isBatch === isTime) return undefined;
  return isBatch ? 'batch' : 'time';
}

/** What an operator tells of a dimension, which may be a product of free ones. */
export type Vote = readonly [name: string, role: DimRole];

/** What the votes say, but for names that they do not agree on. */
function agreed(votes: readonly Vote[]): Map<string, DimRole> {
  const roles = new Map(votes);
  for (const [name] of votes.filter(([name, role]) => roles.get(name) !== role)) roles.delete(name);
  return roles;
}

/**
 * What recurrent operators and loops, which cells that were taken apart run in, tell of their inputs' dimensions; those
 * inside branches and loops, too.
 */
export function votesByPlace(graph: Graph): Vote[] {
  const types = knownTypes(graph);
  return graph.nodes.flatMap((node) => [
    ...votesOfNode(node, types),
    ...bodiesOf(node).flatMap((body) => votesByPlace(withCaptures(body, types))),
  ]);
}

/** A body with the values that it takes from the graph around it as inputs. */
function withCaptures(body: Graph, types: KnownTypes): Graph {
  const captured = capturedNames(body);
  const inputs = [...captured].flatMap((name): ValueInfo[] => {
    const type = types.type(name);
    return type === undefined ? [] : [{ name, type }];
  });
  return { ...body, inputs: [...body.inputs, ...inputs] };
}

type KnownTypes = ReturnType<typeof knownTypes>;

function votesOfNode(node: Node, types: KnownTypes): Vote[] {
  const shapes = node.inputs.map((name) => types.type(name)?.shape ?? []);
  if (isRecurrent(node)) return votesOfRecurrent(node, shapes);
  if (node.domain !== '') return [];
  if (node.op === 'Scan') return votesOfScan(node, shapes);
  if (node.op !== 'Loop') return [];
  // A Loop goes on as long as a sequence: a number that it is given is that of the steps.
  const numbers = node.inputs.map((name) => types.ints(name)?.[0]);
  const turns = numbers.filter((number) => typeof number === 'string');
  return votesOfSteps(turns, shapes.slice(2));
}

type Shapes = readonly (readonly Dim[])[];

function vote(dim: Dim | undefined, role: DimRole | undefined): Vote[] {
  return typeof dim === 'string' && role ? [[dim, role]] : [];
}

/** X [T,B,I], sequence_lens [B], states [D,B,H]; in layout 1 X [B,T,I], states [B,D,H]. */
function votesOfRecurrent(node: Node, shapes: Shapes): Vote[] {
  const batchFirst = intAttribute(node, 'layout', 0) === 1;
  return [
    ...vote(shapes[INPUT.x]?.[batchFirst ? 1 : 0], 'time'),
    ...vote(shapes[INPUT.x]?.[batchFirst ? 0 : 1], 'batch'),
    ...vote(shapes[INPUT.lengths]?.[0], 'batch'),
    ...[INPUT.hidden, INPUT.cell].flatMap((state) => vote(shapes[state]?.[batchFirst ? 0 : 1], 'batch')),
  ];
}

/** A Scan goes over the steps of its scanned inputs. */
function votesOfScan(node: Node, shapes: Shapes): Vote[] {
  const first = shapes.length - intAttribute(node, 'num_scan_inputs', 0);
  const axes = intsAttribute(node, 'scan_input_axes');
  const steps = shapes.slice(first).map((shape, i) => shape.at(axes?.[i] ?? 0));
  return votesOfSteps(steps, shapes.slice(0, first));
}

/** Steps are time, and the only other free dimension of a state is the batch. */
function votesOfSteps(steps: readonly (Dim | undefined)[], states: Shapes): Vote[] {
  const batches = states.flatMap((shape) => {
    const free = shape.filter((dim) => typeof dim === 'string' && !steps.includes(dim));
    return free.length === 1 ? vote(free[0], 'batch') : [];
  });
  return [...steps.flatMap((dim) => vote(dim, 'time')), ...batches];
}

function freeAxes(input: ValueInfo): { axis: number; name: string }[] {
  return (input.type.shape ?? []).flatMap((dim, axis) => namesIn(dim).map((name) => ({ axis, name })));
}

/**
 * Guesses for an input that no operator tells all about: beside time stands the batch; two free dimensions at the same
 * axes as those of a clear input mean the same; the only one, in front, is the batch where no other input has time in
 * front.
 */
function votesByLayout(input: ValueInfo, clear: readonly ValueInfo[], roles: ReadonlyMap<string, DimRole>): Vote[] {
  const own = freeAxes(input);
  const others = clear.map(freeAxes);
  const open = own.filter(({ name }) => !roles.has(name));
  if (own.length === 1) {
    const timeInFront = others.some((axes) => axes.some(({ axis, name }) => axis === 0 && roles.get(name) === 'time'));
    return own[0]!.axis === 0 && !timeInFront ? vote(own[0]!.name, 'batch') : [];
  }
  if (own.length === 2 && open.length === 1) {
    const other = own.find(({ name }) => roles.has(name))!;
    return roles.get(other.name) === 'time' ? vote(open[0]!.name, 'batch') : [];
  }
  return others
    .filter((axes) => axes.length === own.length && axes.every(({ axis }, i) => axis === own[i]!.axis))
    .flatMap((axes) => axes.flatMap(({ name }, i) => vote(own[i]!.name, roles.get(name))));
}
