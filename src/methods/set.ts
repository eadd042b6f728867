import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { isIdle } from '../base/fields.ts';
import { sizeOf } from '../graph/dims.ts';
import { groupedTensors } from '../groups/groups.ts';
import type { FieldValues } from '../optimizers/kind.ts';
import { checkLayerFactors, describeLambda, groupFields, groupKind, growingField, penaltyFor } from './groupFields.ts';
import { groupLasso } from './groupLasso.ts';
import { defineMethod, type FirstModel } from './kind.ts';
import { gatesOf, sparseParts } from './set/blocks.ts';
import { connectionCounts } from './set/erdosRenyi.ts';
import { growthRules } from './set/growth.ts';
import { removalRules } from './set/removal.ts';
import { set } from './set/set.ts';

const fields = {
  setShare: z.number().gt(0).lt(1).describe('ζ: a sparse model from the start, of whose connections this share moves'),
  density: z.number().gt(0).lte(1).optional().describe('share of the connections that exist (default: 0.1)'),
  setEpsilon: z.number().positive().optional().describe('ε: connections of a matrix for each row and column instead'),
  setStart: z
    .enum(['erdos-renyi', 'uniform'])
    .optional()
    .describe('first connections: erdos-renyi (default: small matrices denser), uniform'),
  setGates: z.enum(['each', 'packed']).optional().describe('gates keep their connections (each, default) or compete'),
  setRule: z
    .enum(removalRules)
    .optional()
    .describe('what goes: set (both signs), magnitude (default), or nothing (static)'),
  setRate: z.enum(['constant', 'cosine']).optional().describe('course of ζ: constant, or cosine to 0 (default)'),
  setGrowth: z.enum(growthRules).optional().describe('where connections come up: random (default), gradient (RigL)'),
  setNew: z.enum(['zero', 'initial']).optional().describe('new weights: zero (default), or drawn like the first ones'),
  setScale: z
    .enum(['dense', 'density'])
    .optional()
    .describe('first weights: as in the dense model, or by √(1/density) larger (density, default)'),
  setEvery: z.int().positive().optional().describe('updates between two moves (default: an epoch)'),
  dense: z.boolean().optional().describe('write the finished model with ordinary tensors, zeros and all'),
  ...groupFields,
  iss: groupFields.iss.optional().describe('λ of a group lasso over units on top'),
  ...growingField,
};

type SetFields = FieldValues<typeof fields>;

/** Share of the connections that exist, where nobody says how many. */
const DENSITY = 0.1;

/** `--set-share ζ` */
export const setKind = defineMethod({
  name: 'set',
  label: 'SET',
  selector: 'setShare',
  fields,
  isAskedFor: ({ setShare: share }) => !isIdle(share),
  alternatives: [['density', 'setEpsilon']],
  isStructural: false,
  keepsZeros: false,
  groupsEmbeddings: groupKind.groupsEmbeddings,
  describe({ setShare: share, setEpsilon, density = DENSITY, setRule, iss, issWarmup }) {
    const size = setEpsilon === undefined ? `density ${density}` : `ε ${setEpsilon}`;
    const what = setRule === 'static' ? `static sparse topology, ${size}` : `SET ζ ${share}, ${size}`;
    return iss ? `${what}, ${describeLambda({ iss, issWarmup })}` : what;
  },
  contradictions({ density, setEpsilon, setStart, ...config }, _run, nameOf) {
    const own = Object.keys({ ...groupFields, ...growingField }).filter(
      (field) => field !== 'iss' && !isIdle(Reflect.get(config, field)),
    );
    return [
      ...(density !== undefined && setEpsilon !== undefined
        ? [`choose one of ${nameOf('density')} and ${nameOf('setEpsilon')}`]
        : []),
      ...(setStart === 'uniform' && setEpsilon !== undefined
        ? [`${nameOf('setStart')} uniform needs ${nameOf('density')}, not ${nameOf('setEpsilon')}`]
        : []),
      ...(isIdle(config.iss) && own.length > 0 ? [`${own.map(nameOf).join(', ')} needs ${nameOf('iss')}`] : []),
      ...(Reflect.get(config, 'keepZeros') === true
        ? [`${nameOf('setShare')} moves connections: leave out ${nameOf('keepZeros')}`]
        : []),
    ];
  },
  check(config, first) {
    const { tables, matrices } = sparseParts(first);
    if (tables.size + matrices.size === 0) {
      throw new UsageError('--set-share: the model has no embedding and no recurrent layer whose weights are trained');
    }
    const gates = gatesOf(first.graph);
    const counts = countsOf(config, first, [...tables, ...matrices], (name) => gates.get(name) ?? 1);
    const empty = [...counts].find(([, blocks]) => blocks.includes(0));
    if (empty) throw new UsageError(`so few connections leave none to '${empty[0]}': take a larger density or ε`);
    if (!isIdle(config.iss)) checkLayerFactors(config, first);
  },
  create(config, context) {
    const { first, graph, epochs, updates, seed } = context;
    const { iss, setShare: share, setEvery, setRate = 'cosine' } = config;
    const total = epochs * updates;
    const parts = sparseParts(first);
    const gates = gatesOf(graph);
    const gatesIn = (name: string) => gates.get(name) ?? 1;
    const blocksOf = config.setGates === 'packed' ? () => 1 : gatesIn;
    const options = {
      ...{ parts, gatesOf: gatesIn, blocksOf, seed, updates: total, first: first.graph },
      counts: countsOf(config, first, [...parts.tables, ...parts.matrices], blocksOf),
      rule: config.setRule ?? 'magnitude',
      share: (update: number) =>
        setRate === 'constant' ? share : (share / 2) * (1 + Math.cos((Math.PI * (update + 1)) / total)),
      growth: config.setGrowth ?? 'random',
      newWeights: config.setNew ?? 'zero',
      isScaled: config.setScale !== 'dense',
      every: setEvery ?? updates,
      savesSparse: config.dense !== true,
    } as const;
    if (isIdle(iss)) return set(options);
    return set(options, {
      method: penaltyFor(groupLasso, { ...config, iss: iss! }, context),
      pressed: groupedTensors(first.groups),
      // Columns of an embedding that are units are pressed as a whole.
      keepsTables: config.issEmbedding === true,
    });
  },
});

/** How many connections each block of each parameter begins with. */
function countsOf(
  { setStart: start = 'erdos-renyi', setEpsilon: epsilon, density = DENSITY }: SetFields,
  { graph }: FirstModel,
  names: readonly string[],
  blocksOf: (name: string) => number,
): Map<string, number[]> {
  const blocks = names.flatMap((name) => {
    const { dims } = graph.initializers.get(name)!;
    const [rows, cols] = [sizeOf(dims.slice(0, -1)), dims.at(-1)!];
    return Array.from({ length: blocksOf(name) }, () => ({ name, rows: rows / blocksOf(name), cols }));
  });
  const counts = connectionCounts(blocks, { start, epsilon, density });
  const byName = new Map<string, number[]>(names.map((name) => [name, []]));
  for (const [i, { name }] of blocks.entries()) byName.get(name)!.push(counts[i]!);
  return byName;
}
