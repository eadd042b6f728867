import type { LibraryHandle } from 'koffi';
import { SlimError, UsageError } from '../base/errors.ts';
import { needPackage } from '../base/optionalPackage.ts';
import type { Launch } from './launch.ts';

/** The few calls of MPI that training needs; each blocks. */
export interface Mpi {
  readonly rank: number;
  readonly ranks: number;
  /** Replaces values by their sums over all processes. */
  allreduce(values: Float32Array | Float64Array): void;
  finalize(): void;
  /** Ends all processes. */
  abort(code: number): void;
}

/** Names a library in place of those that are tried. */
const CHOICE = 'SLIMRNN_MPI';

/** What the libraries are called; the numbers are those of their binary interfaces. */
const names: Readonly<Record<'mpich' | 'openmpi', readonly string[]>> =
  process.platform === 'darwin'
    ? { mpich: ['libmpi.12.dylib', 'libmpich.12.dylib'], openmpi: ['libmpi.40.dylib', 'libmpi.dylib'] }
    : { mpich: ['libmpi.so.12', 'libmpich.so.12'], openmpi: ['libmpi.so.40', 'libmpi.so'] };

/** Joins the other processes of a launch. Throws UsageError where there is no library for it, or the wrong one. */
export async function joinMpi(launch: Launch, env = process.env): Promise<Mpi> {
  const { default: koffi } = await needPackage('koffi', 'training with several processes', () => import('koffi'));
  keepHeapWhole(env);
  const { library, name } = load(koffi.load, launch, env[CHOICE]);
  const mpi = bind(library, (symbol) => koffi.address(library.symbol(symbol)));
  if (mpi.ranks === launch.ranks) return mpi;
  mpi.finalize();
  throw new UsageError(
    `${launch.launcher} has started ${launch.ranks} processes, but ${name} sees ${mpi.ranks}: it belongs to another ` +
      `launcher; name the library with ${CHOICE}=/path/to/libmpi.so, or use the launcher that comes with it`,
  );
}

/**
 * UCX, through which both MPIs speak, tries its memory hooks when it is loaded: it grows the heap by a page and shrinks
 * it again, and shrinks it even where nothing could grow (UCX 1.13). V8 reserves room for code right behind the heap;
 * where the two touch, a page in use is given away, and the process dies some time later. Its hooks only serve to
 * remember registered memory, and there is one array here.
 */
function keepHeapWhole(env: NodeJS.ProcessEnv): void {
  env.UCX_MEM_EVENTS ??= 'n';
}

function load(
  open: (name: string, options: { global: boolean }) => LibraryHandle,
  { launcher }: Launch,
  chosen: string | undefined,
): { library: LibraryHandle; name: string } {
  const tried =
    chosen !== undefined
      ? [chosen]
      : launcher === 'Open MPI'
        ? [...names.openmpi]
        : launcher === 'MPICH'
          ? [...names.mpich]
          : [...names.mpich, ...names.openmpi];
  for (const name of tried) {
    try {
      // Open MPI's components look their symbols up among those of the whole process.
      return { library: open(name, { global: true }), name };
    } catch {
      // The next one may be there.
    }
  }
  throw new UsageError(
    `${launcher} has started this process, but none of its libraries is found (${tried.join(', ')}): install MPICH or ` +
      `Open MPI, or name a library with ${CHOICE}`,
  );
}

/** The calls of one of the two binary interfaces: handles are numbers in MPICH's, addresses of symbols in Open MPI's. */
function bind(library: LibraryHandle, addressOf: (symbol: string) => bigint): Mpi {
  const isOpen = has(library, 'ompi_mpi_comm_world');
  const handle = isOpen ? 'uintptr_t' : 'int';
  const [world, float, double, sum, inPlace] = isOpen
    ? [...['comm_world', 'float', 'double', 'op_sum'].map((name) => addressOf(`ompi_mpi_${name}`)), 1n]
    : [0x44000000, 0x4c00040a, 0x4c00080b, 0x58000003, -1n];
  const call = (name: string, ...types: string[]) => checked(name, library.func(name, 'int', types));
  const size = call('MPI_Comm_size', handle, 'int *');
  const rank = call('MPI_Comm_rank', handle, 'int *');
  const allreduce = call('MPI_Allreduce', 'intptr_t', 'void *', 'int', handle, handle, handle);
  const finalize = call('MPI_Finalize');
  const abort = call('MPI_Abort', handle, 'int');
  // MPI_THREAD_FUNNELED: the engine has threads, but only this one calls MPI.
  call('MPI_Init_thread', 'void *', 'void *', 'int', 'int *')(null, null, 1, new Int32Array(1));
  const asked = (question: (...args: unknown[]) => void) => {
    const answer = new Int32Array(1);
    question(world, answer);
    return answer[0]!;
  };
  return {
    rank: asked(rank),
    ranks: asked(size),
    allreduce: (values) =>
      allreduce(inPlace, values, values.length, values instanceof Float32Array ? float : double, sum, world),
    finalize: () => finalize(),
    abort: (code) => abort(world, code),
  };
}

function has(library: LibraryHandle, symbol: string): boolean {
  try {
    return Boolean(library.symbol(symbol));
  } catch {
    return false;
  }
}

function checked(name: string, func: ReturnType<LibraryHandle['func']>): (...args: unknown[]) => void {
  return (...args) => {
    const code: unknown = func(...args);
    if (code !== 0) throw new SlimError(`${name} failed with code ${code}`);
  };
}
