import { availableParallelism, cpus } from 'node:os';

/** How a launcher of MPI jobs has started this process as one of several. */
export interface Launch {
  readonly launcher: 'Open MPI' | 'MPICH' | 'Slurm';
  /** This process, from 0, among `ranks`. */
  readonly rank: number;
  readonly ranks: number;
  /** Those of them on this machine. */
  readonly local: number;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** What mpirun or srun says of this process in its environment; undefined for a process that is alone. */
export function launchOf(env: Variables = process.env): Launch | undefined {
  const number = (name: string, otherwise: number) => {
    const value = Number(env[name] ?? '');
    return env[name] === undefined || !Number.isInteger(value) ? otherwise : value;
  };
  const launch = ((): Launch | undefined => {
    if (env.OMPI_COMM_WORLD_SIZE !== undefined) {
      const [rank, ranks] = [number('OMPI_COMM_WORLD_RANK', 0), number('OMPI_COMM_WORLD_SIZE', 1)];
      return { launcher: 'Open MPI', rank, ranks, local: number('OMPI_COMM_WORLD_LOCAL_SIZE', ranks) };
    }
    // Not SLURM_NTASKS: a batch script has it, too, and is one process.
    if (env.SLURM_STEP_NUM_TASKS !== undefined && env.SLURM_PROCID !== undefined) {
      const ranks = number('SLURM_STEP_NUM_TASKS', 1);
      return { launcher: 'Slurm', rank: number('SLURM_PROCID', 0), ranks, local: tasksHere(env) ?? ranks };
    }
    if (env.PMI_SIZE !== undefined) {
      const [rank, ranks] = [number('PMI_RANK', 0), number('PMI_SIZE', 1)];
      return { launcher: 'MPICH', rank, ranks, local: number('MPI_LOCALNRANKS', ranks) };
    }
    return undefined;
  })();
  return launch !== undefined && launch.ranks > 1 ? launch : undefined;
}

/** The tasks of a step on this node: `4(x2),1` are 4 on the first two nodes and 1 on the third. */
function tasksHere({ SLURM_STEP_TASKS_PER_NODE: list, SLURM_NODEID: node = '0' }: Variables): number | undefined {
  const counts = list?.split(',').flatMap((part) => {
    const [, tasks, nodes = '1'] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    return tasks === undefined ? [] : Array<number>(Number(nodes)).fill(Number(tasks));
  });
  return counts?.[Number(node)];
}

/** Threads of a process when nobody says: its cores, or its part of those that all on this machine have. */
export function threadsOf({ local }: Pick<Launch, 'local'>, own = availableParallelism(), all = cpus().length): number {
  return Math.max(1, Math.min(own, Math.floor(all / local)));
}
