import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What the process of the server or of the followers says when it is ready, and whenever it is asked. */
export interface Answer {
  /** Address of the server. */
  readonly url?: string;
  /** CPU time of the process so far, user and system. */
  readonly cpuSeconds: number;
  /** Messages that the followers have received so far. */
  readonly received: number;
}

/** A process of the benchmark of the server. */
export interface ServeProcess {
  readonly process: ChildProcess;
  /** What it said when it was ready. */
  readonly first: Answer;
  ask(): Promise<Answer>;
}

/** In such a process: answers now and whenever the parent asks; ends with it. */
export function answerParent(say: () => Omit<Answer, 'cpuSeconds'>): void {
  const answer = () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ ...say(), cpuSeconds: (user + system) / 1e6 } satisfies Answer);
  };
  process.on('message', answer);
  process.on('disconnect', () => process.exit());
  answer();
}

/** Starts `serveRoles` with its arguments; resolves with its first answer. */
export async function startProcess(...args: readonly string[]): Promise<ServeProcess> {
  const script = fileURLToPath(new URL('./serveRoles.js', import.meta.url));
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const answered = () =>
    new Promise<Answer>((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`${args[0]} ended with exit code ${code}`));
      child.once('exit', onExit);
      child.once('message', (answer) => {
        child.off('exit', onExit);
        resolve(answer as Answer);
      });
    });
  const ask = () => {
    const answer = answered();
    child.send('how much');
    return answer;
  };
  return { process: child, first: await answered(), ask };
}
