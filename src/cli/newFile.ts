import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UsageError } from '../base/errors.ts';

/** Throws UsageError when a command that reads one file cannot put another one at `out`, before any work is done. */
export async function checkNewFile(read: string, out: string, replace: boolean): Promise<void> {
  if (resolve(read) === resolve(out)) throw new UsageError('--out must be another file than the model itself');
  if (!existsSync(dirname(out))) {
    throw new UsageError(`--out ${out}: there is no folder ${dirname(out)}; make it first`);
  }
  if (!existsSync(out)) return;
  if ((await stat(out)).isDirectory()) throw new UsageError(`--out ${out} is a folder; name a file in it`);
  if (!replace) throw new UsageError(`${out} exists; add --force to replace it, or choose another --out`);
}
