import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/*
 * Where a process runs, as far as process numbers mean the same there: a host, since it was booted, in one namespace of
 * processes. Two containers may share a host's name and number their processes alike.
 */

/** Linux's number of the namespace that a machine begins with; whoever is in it sees all processes. */
const FIRST_NAMESPACE = '4026531836';

/** This process's place, `host~boot~namespace`; the latter two are numbers on Linux. */
export const ownPlace = placeOf();

function placeOf(): string {
  const host = hostname().replace(/[^\w.-]/g, '_') || 'localhost';
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
    return `${host}~${boot}~${namespaceOf('self')}`;
  } catch {
    return `${host}~~`;
  }
}

/** Whether process numbers of a place mean the same here. A place without boot is one of an earlier version. */
export function isHere(place: string): boolean {
  return place === ownPlace || place === hostOf(ownPlace);
}

/** What a place is called in messages. */
export function placeName(place: string): string {
  const host = hostOf(place);
  if (isHere(place) || host !== hostOf(ownPlace)) return host;
  return `${host}, in another container or before the machine was started again`;
}

function hostOf(place: string): string {
  return place.split('~')[0]!;
}

/**
 * Whether a process of this number lives in a place, started when it should be (0: unknown). Undefined where that cannot
 * be seen from here.
 */
export function livesThere(pid: number, start: number, place: string): boolean | undefined {
  if (isHere(place)) return isAlive(pid, start);
  const [, boot, namespace = ''] = place.split('~');
  const [, ownBoot, ownNamespace] = ownPlace.split('~');
  if (!boot || boot !== ownBoot || ownNamespace !== FIRST_NAMESPACE || process.getuid?.() !== 0) return undefined;
  try {
    const there = processesOf(namespace).filter((seen) => seen.pid === pid);
    if (there.length === 0) return false;
    // Numbers of namespaces are used again, and a namespace may have a clock of its own.
    return there.some((seen) => seen.start === start) ? true : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number, start: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  const now = startOf(pid);
  return now !== undefined && (start === 0 || now === start);
}

/** When a process started, in ticks since the machine did (Linux); undefined for one that is gone or a zombie. */
export function startOf(pid: number | string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses, which may hold anything.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? undefined : Number(fields[18]);
  } catch {
    return undefined;
  }
}

/** The living processes of a namespace, by their numbers in it; throws where one is not for this user to see. */
function processesOf(namespace: string): { pid: number; start: number }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      if (namespaceOf(name) !== namespace) return [];
      const [, pids = ''] = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8')) ?? [];
      const start = startOf(name);
      return start === undefined ? [] : [{ pid: Number(pids.split(/\s+/).at(-1)), start }];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES' || code === 'EPERM') throw error;
      return [];
    }
  });
}

function namespaceOf(pid: string): string {
  return /\d+/.exec(readlinkSync(`/proc/${pid}/ns/pid`))?.[0] ?? '';
}
