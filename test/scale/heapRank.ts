import koffi from 'koffi';
import { launchOf } from '../../src/mpi/launch.ts';
import { joinMpi } from '../../src/mpi/library.ts';

/*
 * One process of several that mpirun has started: its heap cannot grow, because something lies right behind it, and it
 * says whether joining the others has left the heap as it was. Ends itself if it no longer can.
 */

const launch = launchOf();
if (launch === undefined) throw new Error('started alone');
const library = koffi.load('libc.so.6');
const sbrk = library.func('sbrk', 'uintptr_t', ['intptr_t']) as (bytes: number) => number;
const mmap = library.func('mmap', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64']);
library.func('alarm', 'uint', ['uint'])(20);

const [readAndWrite, privateHereNew] = [3, 0x10_0022];
const end = sbrk(0);
const page = mmap(end, 4096, readAndWrite, privateHereNew, -1, 0) as number;
if (page !== end) throw new Error('nothing could be put behind the heap');

const mpi = await joinMpi(launch);
process.stdout.write(sbrk(0) >= end ? 'whole\n' : 'less\n');
mpi.finalize();
