import { readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/*
 * What signals mean while work is under way that can be stopped with a checkpoint. Ctrl-C reaches the whole foreground
 * group of a terminal, and what stands above this process (npx, npm run) passes it on: within a moment it comes twice.
 */

/** Exit codes of what was stopped by a signal, as shells have them: 128 and the signal's number. */
export const stopCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof stopCodes;

/** Milliseconds within which the same signal is the same wish. */
const SAME_WISH = 500;

let received: StopSignal | undefined;

/** The exit code of work that a signal has stopped; undefined when none came. */
export function stopCode(): number | undefined {
  return received && stopCodes[received];
}

/**
 * Listens to Ctrl-C, SIGTERM and the loss of the terminal until `release` is called. The first one aborts `signal` and calls
 * `onStop`, a second one ends the process at once. A hang-up that the process was started to ignore (nohup) is ignored.
 */
export function listenForStop(onStop: (name: StopSignal) => void): { readonly signal: AbortSignal; release(): void } {
  const stop = new AbortController();
  const ignoresHangup = isHangupIgnored();
  let since = 0;
  const listener = (name: NodeJS.Signals) => {
    if (name === 'SIGHUP' && ignoresHangup) return;
    const now = performance.now();
    if (received !== undefined) {
      if (now - since > SAME_WISH) process.exit(stopCode());
      return;
    }
    since = now;
    received = name as StopSignal;
    onStop(received);
    stop.abort();
  };
  // Not `once`: log-update's listener ends the process when it finds itself alone.
  const names = Object.keys(stopCodes) as StopSignal[];
  for (const name of names) process.on(name, listener);
  return {
    signal: stop.signal,
    release() {
      for (const name of names) process.removeListener(name, listener);
    },
  };
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
