import { setTimeout as sleep } from 'node:timers/promises';
import { SlimError } from '../base/errors.ts';
import { percent } from '../base/format.ts';
import { launchOf, threadsOf } from '../mpi/launch.ts';
import { joinMpi, type Mpi } from '../mpi/library.ts';
import { type Spent, timed } from '../mpi/timed.ts';
import { agree, failureOf, isAgreed, NothingToDo } from '../train/agreement.ts';
import { type Collective, single } from '../train/collective.ts';
import { InterruptedError, TrainingCollapsedError, TrainingDivergedError } from '../train/errors.ts';
import { beQuiet, explain, fileSize, note } from './output.ts';

/*
 * A command that mpirun or srun has started several times: all processes train, the first one speaks.
 */

/** Milliseconds in which the first process may say what has gone wrong in all of them. */
const GRACE = 2000;

/** What a command that trains with others is given. */
export interface Joined {
  readonly collective: Collective;
  /** Threads of each process when nobody says; undefined for one process, whose engine decides. */
  readonly threads: number | undefined;
}

/** Quiet where another process of the same launch speaks for all. */
export function leaveWordsToFirst(): void {
  if ((launchOf()?.rank ?? 0) > 0) beQuiet();
}

/**
 * Has work done by all processes of a launch together, or by this one if it is alone. Resolves to nothing in a process
 * that has only helped. What goes wrong in one of them before the first update is thrown in all; later it ends them.
 */
export async function withRanks<T>(work: (joined: Joined) => Promise<T>): Promise<T | undefined> {
  const launch = launchOf();
  if (launch === undefined) return work({ collective: single, threads: undefined });
  const mpi = await joinMpi(launch);
  const collective = timed({ rank: mpi.rank, ranks: mpi.ranks, sum: async (values) => mpi.allreduce(values) });
  const { spent } = collective;
  try {
    const done = await work({ collective, threads: threadsOf(launch) });
    if (spent.sums === 0) await meetWithNothing(collective);
    else note(spentText(spent, mpi.ranks));
    mpi.finalize();
    return mpi.rank === 0 ? done : undefined;
  } catch (error) {
    const shown = spent.sums === 0 ? await agree(failureOf(error), collective).catch((e: unknown) => e) : error;
    const isShared = spent.sums > 0 && isSharedError(shown);
    if (!isShared) await endAll(mpi, error);
    mpi.finalize();
    if (shown instanceof NothingToDo) return undefined;
    throw mpi.rank === 0 && spent.sums === 0 ? error : shown;
  }
}

/** A process that has found its work done tells the others. */
async function meetWithNothing(collective: Collective): Promise<void> {
  await agree({ kind: 'finished' }, collective).catch((error: unknown) => {
    if (!(error instanceof NothingToDo)) throw error;
  });
}

/** What all processes meet with at the same time. */
function isSharedError(error: unknown): boolean {
  const shared = [InterruptedError, TrainingDivergedError, TrainingCollapsedError];
  return isAgreed(error) || shared.some((kind) => error instanceof kind);
}

/** One process cannot go on: it says why, unless another one does first, and ends them all. */
async function endAll(mpi: Mpi, error: unknown): Promise<never> {
  if (mpi.rank > 0) await sleep(GRACE);
  const { message, exitCode } = explain(error);
  process.stderr.write(`${message}${mpi.rank > 0 ? ` (process ${mpi.rank} of ${mpi.ranks})` : ''}\n`);
  mpi.abort(exitCode);
  throw new SlimError('MPI_Abort has returned');
}

function spentText({ seconds, elapsed, bytes }: Spent, ranks: number): string {
  const share = (1e3 * seconds) / Math.max(elapsed, 1);
  return (
    `${ranks} processes: ${percent(share)} of the time went into summing (${seconds.toFixed(1)} of ` +
    `${(elapsed / 1e3).toFixed(1)} s, waiting for the slowest included), ${fileSize(bytes)} of gradients an update`
  );
}
