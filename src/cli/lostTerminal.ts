import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Lets the process end with its own exit code after its terminal has gone: Node restores the settings of the terminals
 * that it began with, and aborts where that fails (`ResetStdio` in its node.cc).
 */
export function outliveTerminal(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.on('exit', () => {
    for (const fd of terminals) {
      if (isatty(fd)) continue;
      closeSync(fd);
      // The lowest number that is free is the one just closed; Node leaves what is no longer the same file.
      openSync('/dev/null', 'r+');
    }
  });
}
