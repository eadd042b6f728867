import { constantTensor } from '../../src/graph/attributes.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { withType } from '../../src/graph/convert.ts';
import { elementTypeNumbers } from '../../src/graph/elementTypes.ts';
import { modelOf } from '../../src/graph/model.ts';
import { matmul, squeeze, transpose } from '../../src/graph/ops.ts';
import { mapBodies } from '../../src/graph/rewrite.ts';
import type { Attribute, Dim, Graph, Model, Node, Tensor, ValueInfo } from '../../src/graph/types.ts';
import { randomTensor } from './graphs.ts';

/*
 * Models on which the engine itself does harm.
 */

const FEATURES = 3;
const UNITS = 4;

/** The tensor with zeros where it reads the first `dead` units; `unit` says which one an element reads. */
function unread(t: Tensor, unit: (i: number) => number, dead: number): Tensor {
  return { ...t, data: (t.data as Float32Array).map((v, i) => (unit(i) < dead ? 0 : v)) };
}

/** x [`shape`] → LSTM → linear; batch first turns x and y. `dead` units have no reader. */
export function lstmModel(shape: readonly Dim[], { batchFirst = false, dead = 0, units = UNITS } = {}): Model {
  const b = new GraphBuilder('lstm');
  const x = b.input('x', 'float32', shape);
  const [w, r] = [randomTensor([1, 4 * units, FEATURES], 1), randomTensor([1, 4 * units, units], 2)];
  const head = randomTensor([units, 2], 3);
  const readsNone = (t: Tensor, unit: (i: number) => number) => unread(t, unit, dead);
  const weights = [w, readsNone(r, (i) => i % units)].map((t, i) => b.parameter('WR'[i]!, t));
  const [y] = b.node(
    'LSTM',
    [batchFirst ? transpose(x, [1, 0, 2]) : x, ...weights],
    { hidden_size: units },
    ['sequence'],
    '',
    'lstm',
  );
  const steps = squeeze(y!, [1]);
  const product = matmul(
    batchFirst ? transpose(steps, [1, 0, 2]) : steps,
    b.parameter(
      'head',
      readsNone(head, (i) => Math.floor(i / 2)),
    ),
  );
  b.output(product, 'y');
  return modelOf(b.build());
}

/**
 * An LSTM that gets no sequences at all, which nothing says before it runs: the engine ends the process (SIGABRT).
 */
export function crashingModel(): Model {
  const b = new GraphBuilder('crashing');
  const x = b.input('x', 'float32', ['t', 'b', FEATURES]);
  const none = b.constant({ elementType: 'bool', dims: [2], data: Uint8Array.of(0, 0) });
  const weights = [
    b.parameter('W', randomTensor([1, 4 * UNITS, FEATURES], 1)),
    // Nothing reads the first unit, so that there is something to remove.
    b.parameter(
      'R',
      unread(randomTensor([1, 4 * UNITS, UNITS], 2), (i) => i % UNITS, 1),
    ),
  ];
  const [picked] = b.node('Compress', [x, none], { axis: 1 });
  const [y] = b.node('LSTM', [picked!, ...weights], { hidden_size: UNITS }, ['sequence'], '', 'lstm');
  b.output(
    matmul(
      squeeze(y!, [1]),
      b.parameter(
        'head',
        unread(randomTensor([UNITS, 2], 3), (i) => Math.floor(i / 2), 1),
      ),
    ),
    'y',
  );
  return modelOf(b.build());
}

/** A float32 model in float16, as converters write it. */
export function inHalf(model: Model): Model {
  return { ...model, graph: halfGraph(model.graph) };
}

function halfGraph(graph: Graph): Graph {
  const { valueInfo: _, ...rest } = graph;
  return {
    ...rest,
    inputs: graph.inputs.map(halfInfo),
    outputs: graph.outputs.map(halfInfo),
    initializers: new Map([...graph.initializers].map(([name, t]) => [name, halfTensor(t)])),
    nodes: graph.nodes.map((node) => halfNode(mapBodies(node, halfGraph))),
  };
}

function halfInfo(info: ValueInfo): ValueInfo {
  const isFloat = info.type.elementType === 'float32';
  return isFloat ? { name: info.name, type: { ...info.type, elementType: 'float16' } } : info;
}

function halfTensor(tensor: Tensor): Tensor {
  return tensor.elementType === 'float32' ? withType(tensor, 'float16', 'a weight') : tensor;
}

function halfNode(node: Node): Node {
  const constant = constantTensor(node);
  if (constant) return { ...node, attributes: { value: { type: 'tensor', value: halfTensor(constant) } } };
  const entries = Object.entries(node.attributes).map(([key, a]): [string, Attribute] => {
    if (a.type === 'tensor') return [key, { ...a, value: halfTensor(a.value) }];
    const toFloat = key === 'to' && a.type === 'int' && a.value === elementTypeNumbers.float32;
    return [key, toFloat ? { ...a, value: elementTypeNumbers.float16 } : a];
  });
  return { ...node, attributes: Object.fromEntries(entries) };
}
