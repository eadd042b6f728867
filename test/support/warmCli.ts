import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from './nodeFlags.ts';
import type { Finished } from './runCli.ts';

/*
 * The built command line in a process that stays: Node takes longer to start and to load the engine than most commands
 * of the tests take to run.
 */

const script = fileURLToPath(new URL('warmProcess.mjs', import.meta.url));
let warm: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();
let runs = 0;

/** Runs a command line in the process that stays, after those that were asked for before. */
export function runWarm(main: string, args: readonly string[], cwd: string): Promise<Finished> {
  const run = last.then(() => runNow(main, args, cwd));
  last = run.catch(() => undefined);
  return run;
}

/** Runs a command line; when it ends the process, the next one starts another. */
function runNow(main: string, args: readonly string[], cwd: string): Promise<Finished> {
  warm ??= start(main);
  const child = warm;
  const mark = `end of run ${++runs} of ${process.pid}`;
  const [stdout, stderr] = [new Output(mark), new Output(mark)];
  return new Promise((resolve, reject) => {
    const outputs = [child.stdout!, child.stderr!].map((stream, i) => {
      const output = i === 0 ? stdout : stderr;
      const onData = (text: string) => {
        output.add(text);
        if (stdout.code !== undefined && stderr.code !== undefined) finish(stdout.code, null);
      };
      stream.on('data', onData);
      return () => stream.removeListener('data', onData);
    });
    const finish = (code: number | null, signal: NodeJS.Signals | null) => {
      for (const stopListening of outputs) stopListening();
      child.removeListener('close', onClose).removeListener('error', reject);
      resolve({ code, signal, stdout: stdout.text, stderr: stderr.text });
    };
    const onClose = (code: number | null, signal: NodeJS.Signals | null) => finish(code, signal);
    child.once('error', reject).once('close', onClose);
    (child.stdio[3] as NodeJS.WritableStream).write(`${JSON.stringify({ mark, args, cwd })}\n`);
  });
}

/** Starts a process that ends with this one: its channel of commands closes. */
function start(main: string): ChildProcess {
  const child = spawn(process.execPath, [...nodeFlags, script, main], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    // As if nothing stood before it (`_` would tell of nohup).
    env: { ...process.env, _: '' },
  });
  child.once('close', () => {
    warm = undefined;
  });
  child.stdout!.setEncoding('utf8');
  child.stderr!.setEncoding('utf8');
  return child;
}

/** What a run writes on one of its outputs, up to the mark of its end, and the exit code that the mark says. */
class Output {
  text = '';
  code: number | undefined;
  private readonly mark: string;

  constructor(mark: string) {
    this.mark = `\n${mark} `;
  }

  add(text: string): void {
    this.text += text;
    const end = this.text.endsWith('\n') ? this.text.indexOf(this.mark) : -1;
    if (end < 0) return;
    this.code = Number(this.text.slice(end + this.mark.length));
    this.text = this.text.slice(0, end);
  }
}
