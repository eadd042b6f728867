import { type ChildProcess, spawn } from 'node:child_process';
import { asksForJson } from './asksForJson.ts';
import { CrashNoise } from './crashNoise.ts';
import type { GuardedMessage } from './guarded.ts';
import type { Explained } from './output.ts';
import { SAME_WISH } from './stopping.ts';

/*
 * Commands that run models of other people do so in a process of their own. The engine is native code that such a model
 * can crash (onnxruntime 1.30: an LSTM over no sequences), and a run of it cannot be interrupted from within.
 */

/** Commands that run models which this program did not make. */
const guarded = new Set([
  'inspect',
  'shrink',
  'compress',
  'specialize',
  'quantize',
  'bench',
  'export',
  'report',
  'calibrate',
]);

/** Set in the process that is guarded. */
const VARIABLE = 'SLIMRNN_GUARDED';

/** Whether a command line is for a process that guards another one. */
export function isGuard(argv: readonly string[]): boolean {
  const isInside = process.env[VARIABLE] !== undefined;
  // Processes that this one starts are not guarded by it.
  delete process.env[VARIABLE];
  return !isInside && guarded.has(argv[2] ?? '');
}

/** Signals by which a process ends itself when its native code has gone wrong. */
const crashes: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGTRAP', 'SIGSYS']);
/** Exit codes of Windows for the same: the upper ones are exceptions. */
const FIRST_EXCEPTION = 0xc0000000;
const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** Runs a command line in a process of its own and returns its exit code; a crash becomes one line and exit code 1. */
export async function runGuarded(argv: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, ...argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'pipe', 'ipc'],
    env: { ...process.env, [VARIABLE]: '1' },
  });
  const stop = stopOf(child);
  for (const signal of forwarded) process.on(signal, stop);
  const noise = new CrashNoise((text) => process.stderr.write(text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => noise.add(text));
  const run = { model: '', engine: 'the engine', progress: 'nothing was compared' };
  let overtime: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  child.on('message', (message: GuardedMessage) => {
    if (message.model !== undefined) run.model = message.model;
    if (message.engine !== undefined) run.engine = message.engine;
    if (message.progress !== undefined) run.progress = message.progress;
    if (message.seconds === undefined) return;
    clearTimeout(timer);
    const { seconds } = message;
    if (seconds === null) return;
    timer = setTimeout(() => {
      overtime =
        `verifying took longer than ${seconds} s and was stopped: ${run.progress}; ` +
        'allow more with --verify-seconds, or give smaller inputs';
      child.kill('SIGKILL');
    }, seconds * 1000);
  });
  const { code, signal } = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(
    (resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal }));
    },
  );
  clearTimeout(timer);
  const isCrash = crashes.has(signal ?? '') || (code ?? 0) >= FIRST_EXCEPTION;
  noise.end(isCrash);
  if (overtime !== undefined) return failed(overtime);
  if (isCrash) return failed(crashText(run, noise.text, signal ?? `exception ${code!.toString(16)}`));
  if (signal === 'SIGKILL')
    return failed(`the process ${running(run.model)}was killed (SIGKILL), perhaps for want of memory`);
  if (signal !== null) return endBy(signal);
  return code ?? 1;
}

/**
 * Passes signals on. A second one means at once: a process that cannot listen, because the engine has not come back to
 * it, is killed a moment later.
 */
function stopOf(child: ChildProcess): (signal: NodeJS.Signals) => void {
  let since: number | undefined;
  return (signal) => {
    child.kill(signal);
    const now = performance.now();
    if (since !== undefined && now - since > SAME_WISH) setTimeout(() => child.kill('SIGKILL'), LAST_MOMENT).unref();
    since ??= now;
  };
}

/** Milliseconds that a process has to give back its locks. */
const LAST_MOMENT = 1000;

const running = (model: string) => (model === '' ? '' : `that ran ${model} `);

function crashText({ model, engine }: { model: string; engine: string }, text: string, signal: string): string {
  if (/heap out of memory/.test(text)) {
    const more = 'give it more with NODE_OPTIONS=--max-old-space-size=MEGABYTES';
    return `the process ${running(model)}needs more memory than Node has; ${more}`;
  }
  const reason = text.split('\n').find((line) => line.trim() !== '');
  return `${engine} crashed${model === '' ? '' : ` while running ${model}`} (${signal}${reason ? `: ${reason.trim()}` : ''})`;
}

function failed(message: string): number {
  process.stderr.write(`error: ${message}\n`);
  if (asksForJson(process.argv)) {
    const error: Explained = { code: 'failed', exitCode: 1, message };
    process.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
  }
  return 1;
}

/** Ends this process by the signal that ended the other, so that a shell sees what happened. */
function endBy(signal: NodeJS.Signals): Promise<number> {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  return new Promise(() => setTimeout(() => process.exit(1), 1000));
}
