import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { commandOf } from './scale.ts';

/** A server with a queue, of its own folder and port. */
export interface Server {
  readonly url: string;
  /** The same with a password that is wrong. */
  readonly wrong: string;
  /** Ends it as a machine does that goes down, and starts it again on what it has on disk. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A kind of server that tests start themselves. */
export interface ServerKind {
  readonly name: string;
  readonly isThere: boolean;
  start(folder: string): Promise<Server>;
}

const PASSWORD = 's3cret-of-tests';
const postgresFolder = postgresBinaries();

export const serverKinds: readonly ServerKind[] = [
  { name: 'Redis', isThere: commandOf('redis-server') !== undefined, start: startRedis },
  { name: 'PostgreSQL', isThere: postgresFolder !== undefined, start: startPostgres },
];

async function startRedis(folder: string): Promise<Server> {
  const port = await freePort();
  const data = join(folder, 'redis');
  mkdirSync(data);
  const args = ['--port', String(port), '--dir', data, '--requirepass', PASSWORD, '--appendonly', 'yes'];
  return keptAlive(
    port,
    () => spawn(commandOf('redis-server')!, [...args, '--appendfsync', 'always'], { stdio: 'ignore' }),
    {
      url: `redis://:${PASSWORD}@127.0.0.1:${port}`,
      wrong: `redis://:wrong@127.0.0.1:${port}`,
    },
  );
}

async function startPostgres(folder: string): Promise<Server> {
  const port = await freePort();
  const data = join(folder, 'postgres');
  mkdirSync(data);
  const secret = join(folder, 'password');
  writeFileSync(secret, PASSWORD);
  // Whoever the server runs as must reach its folder.
  for (const each of [folder, join(folder, '..')]) chmodSync(each, 0o755);
  // The server refuses to run as root.
  const as = process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [];
  if (as.length > 0) spawnSync('chown', ['postgres', data, secret]);
  const run = (tool: string, ...args: string[]) =>
    [...as, join(postgresFolder!, tool), ...args] as [string, ...string[]];
  const [init, ...args] = run(
    'initdb',
    '-D',
    data,
    '-U',
    'slimrnn',
    '-A',
    'scram-sha-256',
    `--pwfile=${secret}`,
    '-E',
    'UTF8',
    '--locale=C',
  );
  const made = spawnSync(init, args, { encoding: 'utf8', cwd: data });
  if (made.status !== 0) throw new Error(made.stderr);
  const [postgres, ...own] = run(
    'postgres',
    '-D',
    data,
    '-p',
    String(port),
    '-k',
    data,
    '-c',
    'listen_addresses=127.0.0.1',
  );
  return keptAlive(port, () => spawn(postgres, own, { stdio: 'ignore', cwd: data }), {
    url: `postgres://slimrnn:${PASSWORD}@127.0.0.1:${port}/postgres`,
    wrong: `postgres://slimrnn:wrong@127.0.0.1:${port}/postgres`,
  });
}

async function keptAlive(
  port: number,
  launch: () => ChildProcess,
  urls: Pick<Server, 'url' | 'wrong'>,
): Promise<Server> {
  let process = launch();
  await answering(port);
  const end = (signal: NodeJS.Signals) =>
    new Promise<void>((resolve) => {
      process.once('exit', () => resolve());
      process.kill(signal);
    });
  return {
    ...urls,
    // SIGINT is PostgreSQL's fast shutdown: it does not wait for those who are connected.
    async restart() {
      await end('SIGINT');
      process = launch();
      await answering(port);
    },
    stop: () => end('SIGINT'),
  };
}

function postgresBinaries(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = commandOf('postgres') ? [] : safeList(root);
  const found = versions.map((version) => join(root, version, 'bin')).findLast((bin) => commandOf('initdb', [bin]));
  return found ?? (commandOf('initdb') && join(commandOf('initdb')!, '..'));
}

function safeList(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

async function answering(port: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no server answers at port ${port}`);
}
