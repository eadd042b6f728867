import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '../src/bench/statistics.ts';
import { note, table } from '../src/cli/output.ts';
import { nodeRuntime } from '../src/runtime/node.ts';
import { type BackgroundTraining, trainInBackground } from './support/backgroundTraining.ts';
import { wholeOption } from './support/program.ts';
import { runScript } from './support/script.ts';
import { type ServeProcess, startProcess } from './support/serveProcess.ts';

interface Flags {
  readonly clients: number;
  readonly seconds: number;
  readonly rounds: number;
}

/** One turn alone and one followed. */
interface Round {
  /** Tokens per second. */
  readonly alone: number;
  readonly followed: number;
  /** Cores that the server was busy with while it was followed. */
  readonly serverCores: number;
  /** Messages that all followers received. */
  readonly received: number;
}

await runScript<Flags>({
  name: 'bench:serve',
  about:
    'What followers cost a training. A training in this process, the server in another one and the followers in a third ' +
    'take turns of some seconds: alone with an idle server, and with all followers. The server tells its own CPU time, ' +
    "which the noise of the training's speed cannot hide.",
  options: [
    wholeOption('--clients', 'followers', 200),
    wholeOption('--seconds', 'length of a turn', 10),
    wholeOption('--rounds', 'turns alone and followed', 7),
  ],
  async measure(flags) {
    const root = mkdtempSync(join(tmpdir(), 'slimrnn-bench-serve-'));
    const server = await startProcess('server', root);
    let training: BackgroundTraining | undefined;
    try {
      const fields = { vocabulary: 10_000 };
      training = await trainInBackground(join(root, 'run'), nodeRuntime, 'zaremba-small', fields);
      return summary(await benchRounds(server, training, flags), flags);
    } finally {
      await training?.stop();
      server.process.kill();
      rmSync(root, { recursive: true, force: true });
    }
  },
});

async function benchRounds(server: ServeProcess, training: BackgroundTraining, flags: Flags): Promise<Round[]> {
  const url = `${server.first.url}api/events?run=run`;
  const speed = async () => {
    const [before, start] = [training.tokens(), performance.now()];
    await sleep(flags.seconds);
    return (training.tokens() - before) / ((performance.now() - start) / 1e3);
  };
  await sleep(5);
  const rounds: Round[] = [];
  for (let round = 1; round <= flags.rounds; round++) {
    const alone = await speed();
    const followers = await startProcess('followers', url, String(flags.clients));
    const [before, start] = [await server.ask(), performance.now()];
    const followed = await speed();
    const serverCores = ((await server.ask()).cpuSeconds - before.cpuSeconds) / ((performance.now() - start) / 1e3);
    const { received } = await followers.ask();
    rounds.push({ alone, followed, serverCores, received });
    followers.process.kill();
    // What closing the connections costs belongs to neither.
    await sleep(1);
    note(`round ${round} of ${flags.rounds}: ${alone.toFixed(0)} tokens/s alone, ${followed.toFixed(0)} followed`);
  }
  return rounds;
}

function summary(rounds: readonly Round[], { clients, seconds }: Flags) {
  const all = (field: keyof Round) => rounds.map((round) => round[field]);
  const [alone, followed, serverCores] = [all('alone'), all('followed'), all('serverCores')];
  const ratio = median(rounds.map((round) => round.followed / round.alone));
  const received = all('received').reduce((sum, n) => sum + n, 0);
  const figures = {
    ...{ engine: nodeRuntime.name, clients, seconds },
    tokensPerSecond: { alone, followed },
    median: { alone: median(alone), followed: median(followed), ratio },
    serverCores: { each: serverCores, median: median(serverCores) },
    messagesPerClient: received / rounds.length / clients,
  };
  const text = () =>
    table(
      ['training', 'tokens/s'],
      [
        ['alone', median(alone).toFixed(0)],
        [`with ${clients} followers`, median(followed).toFixed(0)],
        ['followed / alone', ratio.toFixed(3)],
        ['cores of the server', median(serverCores).toFixed(3)],
      ],
    );
  return { figures, text };
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1e3));
}
