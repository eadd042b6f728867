import { UsageError } from '../base/errors.ts';
import type { Tensor } from '../graph/types.ts';
import { type Collective, gather } from './collective.ts';
import { floatTensor } from './step.ts';
import type { Checkpoint } from './store.ts';

/*
 * States that go on from batch to batch are those of a process's own rows of the batch: a checkpoint keeps the states of
 * all processes, those of the first one as if it were alone, the others under their numbers.
 */

const STATE = 'state/';
const keyOf = (rank: number, key: string) => (rank === 0 ? key : `rank/${rank}/${key}`);
const OF_ANOTHER = /^rank\/(\d+)\//;

/** The tensors of a checkpoint with the states of all processes; each calls it. */
export async function withAllStates(
  tensors: ReadonlyMap<string, Tensor>,
  collective: Collective,
): Promise<ReadonlyMap<string, Tensor>> {
  if (collective.ranks === 1) return tensors;
  const all = new Map(tensors);
  for (const [key, { dims, data }] of tensors) {
    if (!key.startsWith(STATE)) continue;
    const everyones = await gather(data as Float32Array, collective);
    for (const [rank, values] of everyones.entries()) all.set(keyOf(rank, key), floatTensor(dims, values));
  }
  return all;
}

/**
 * A checkpoint as process `rank` goes on from it, with its own states. Throws UsageError where another number of
 * processes stopped in the middle of an epoch; between epochs states begin at zero, and any number can go on.
 */
export function ofRank(checkpoint: Checkpoint, { rank, ranks }: Pick<Collective, 'rank' | 'ranks'>): Checkpoint {
  const { progress } = checkpoint;
  const before = progress.ranks ?? 1;
  const isSame = before === ranks;
  if (!isSame && progress.batch > 0) {
    const how = before === 1 ? 'one process' : `${before} processes (mpirun -n ${before})`;
    throw new UsageError(
      `the run stopped in the middle of an epoch that ${how} trained, and this is ${ranks === 1 ? 'one' : ranks}: ` +
        'each has its own rows of the text, so --resume needs as many',
    );
  }
  const tensors = new Map<string, Tensor>();
  for (const [key, tensor] of checkpoint.tensors) {
    const owner = Number(OF_ANOTHER.exec(key)?.[1] ?? 0);
    const plain = key.replace(OF_ANOTHER, '');
    if (!plain.startsWith(STATE)) tensors.set(key, tensor);
    else if (isSame && owner === rank) tensors.set(plain, tensor);
  }
  return { ...checkpoint, tensors };
}
