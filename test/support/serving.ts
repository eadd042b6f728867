import { type Started, startCli } from './runCli.ts';

/** A server of the command line with its address. */
export interface Serving {
  readonly url: string;
  stop(): Promise<{ readonly code: number | null; readonly stderr: string }>;
}

/** Starts `slimrnn serve` on a free port. */
export async function startServing(folder: string, cwd: string): Promise<Serving> {
  const started: Started = startCli(['serve', folder, '--port', '0', '--json'], cwd);
  const url = await new Promise<string>((resolve, reject) => {
    let text = '';
    started.child.stdout!.on('data', (piece: string) => {
      text += piece;
      if (text.includes('\n')) resolve((JSON.parse(text) as { url: string }).url);
    });
    started.finished.then(({ stderr }) => reject(new Error(`serve ended: ${stderr}`)), reject);
  });
  return {
    url,
    stop() {
      started.child.kill('SIGINT');
      return started.finished;
    },
  };
}
