import { launchOf } from '../../src/mpi/launch.ts';
import { joinMpi } from '../../src/mpi/library.ts';
import { collectiveContract } from '../support/collectiveContract.ts';

/*
 * One process of several that mpirun has started: goes through the contract and says what holds.
 */

const launch = launchOf();
if (launch === undefined) throw new Error('started alone');
const mpi = await joinMpi(launch);
const { rank, ranks } = mpi;
const collective = { rank, ranks, sum: async (values: Float32Array | Float64Array) => mpi.allreduce(values) };
for (const { name, check } of collectiveContract) {
  await check(collective);
  process.stdout.write(`${rank}/${ranks} ${name}\n`);
}
mpi.finalize();
