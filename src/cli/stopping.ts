import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/*
 * What Ctrl-C, SIGTERM and the loss of the terminal mean, for every command. From the first work that can be stopped to
 * the end of the process they are listened to here and nowhere else: what is under way is asked to stop, and where nothing
 * is the process ends in order, by `exit`, which gives locks back. Before, and in commands without such work, they end the
 * process as ever: an engine that runs a model without end would let no listener come to its turn.
 * Ctrl-C reaches the whole foreground group of a terminal, and what stands above this process (a guard, npx, npm run)
 * passes it on: within a moment it comes twice.
 */

/** Exit codes of what was stopped by a signal, as shells have them: 128 and the signal's number. */
export const stopCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof stopCodes;

/** Milliseconds within which the same signal is the same wish. */
export const SAME_WISH = 500;

let received: StopSignal | undefined;
let isListening = false;

/** What is under way and can be stopped. */
const works = new Set<(name: StopSignal) => void>();

/** The exit code of work that a signal has stopped; undefined when none came. */
export function stopCode(): number | undefined {
  return received && stopCodes[received];
}

/** Work that signals stop, until `release` is called: the first one aborts `signal` and calls `onStop`. */
export function stoppable(onStop: (name: StopSignal) => void): { readonly signal: AbortSignal; release(): void } {
  listen();
  const controller = new AbortController();
  const stop = (name: StopSignal) => {
    onStop(name);
    controller.abort();
  };
  if (received === undefined) works.add(stop);
  else controller.abort();
  return { signal: controller.signal, release: () => void works.delete(stop) };
}

/**
 * Listens to the signals from now on. A second one ends the process at once. A hang-up that the process was started to
 * ignore (nohup) is ignored.
 */
function listen(): void {
  if (isListening) return;
  isListening = true;
  const ignoresHangup = isHangupIgnored();
  let since = 0;
  const listener = (signal: NodeJS.Signals) => {
    if (signal === 'SIGHUP' && ignoresHangup) return;
    const name = signal as StopSignal;
    const now = performance.now();
    if (received !== undefined && now - since <= SAME_WISH) return;
    if (received !== undefined || works.size === 0) process.exit(stopCodes[received ?? name]);
    since = now;
    received = name;
    for (const stop of works) stop(name);
  };
  // Not `once`: the listener of log-update's restore-cursor ends the process when it finds itself alone.
  for (const name of Object.keys(stopCodes)) process.on(name, listener);
}

/**
 * Whether the process was started with SIGHUP ignored. Node resets what it inherits, so this goes by what is left:
 * the shell's `_` names nohup, nohup gave a standard input that cannot be read, or the parent ignores it as well.
 */
function isHangupIgnored(): boolean {
  if (basename(process.env._ ?? '') === 'nohup') return true;
  return hasUnreadableInput() || ignoresHangup(process.ppid);
}

/** Standard input as GNU nohup leaves it in place of a terminal: /dev/null, open for writing alone. */
function hasUnreadableInput(): boolean {
  try {
    const [, flags = '0'] = /^flags:\s*(\d+)/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8')) ?? [];
    return readlinkSync('/proc/self/fd/0') === '/dev/null' && (Number.parseInt(flags, 8) & 3) === 1;
  } catch {
    return false;
  }
}

function ignoresHangup(pid: number): boolean {
  try {
    const [, mask = '0'] = /^SigIgn:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return false;
  }
}
