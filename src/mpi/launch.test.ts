import { describe, expect, it } from 'vitest';
import { launchOf, threadsOf } from './launch.ts';

describe('what a launcher says', () => {
  it.each([
    {
      by: 'Open MPI',
      env: { OMPI_COMM_WORLD_RANK: '3', OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_LOCAL_SIZE: '2' },
      launch: { launcher: 'Open MPI', rank: 3, ranks: 4, local: 2 },
    },
    {
      by: 'MPICH',
      env: { PMI_RANK: '1', PMI_SIZE: '2', MPI_LOCALNRANKS: '2' },
      launch: { launcher: 'MPICH', rank: 1, ranks: 2, local: 2 },
    },
    {
      by: 'Slurm',
      env: {
        SLURM_STEP_NUM_TASKS: '9',
        SLURM_PROCID: '8',
        SLURM_NODEID: '2',
        SLURM_STEP_TASKS_PER_NODE: '4(x2),1',
        PMI_SIZE: '9',
        PMI_RANK: '8',
      },
      launch: { launcher: 'Slurm', rank: 8, ranks: 9, local: 1 },
    },
    { by: 'nobody', env: {}, launch: undefined },
    { by: 'a launcher of one process', env: { PMI_RANK: '0', PMI_SIZE: '1' }, launch: undefined },
    {
      by: 'a batch script of Slurm, which is one process',
      env: { SLURM_NTASKS: '8', SLURM_STEP_NUM_TASKS: '1', SLURM_PROCID: '0' },
      launch: undefined,
    },
  ])('is read: $by', ({ env, launch }) => {
    expect(launchOf(env)).toEqual(launch);
  });
});

it('processes on one machine share its cores', () => {
  expect(threadsOf({ local: 2 }, 64, 64)).toBe(32);
  // Bound to a core, or to half of the cores that two of four processes share.
  expect(threadsOf({ local: 2 }, 1, 64)).toBe(1);
  expect(threadsOf({ local: 4 }, 32, 64)).toBe(16);
  expect(threadsOf({ local: 8 }, 2, 2)).toBe(1);
});
