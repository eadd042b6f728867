import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { serve } from '@hono/node-server';
import { UsageError } from '../base/errors.ts';
import { createApp } from './app.ts';

/** Where to listen. */
export interface ServeOptions {
  readonly root: string;
  readonly host: string;
  /** 0: any that is free. Undefined: the usual one, or the next that is free. */
  readonly port: number | undefined;
  readonly maxClients?: number;
}

/** A server that listens. */
export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Ends it and all connections. */
  close(): Promise<void>;
}

/** The port that is tried first. */
export const USUAL_PORT = 8270;
const TRIES = 20;

/** Serves a folder of runs; throws UsageError when the address cannot be had. */
export async function startServer({ root, host, port, maxClients }: ServeOptions): Promise<RunningServer> {
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const name = host.includes(':') ? `[${host}]` : host.toLowerCase();
  const app = await createApp({
    root,
    hosts: ['localhost', '127.0.0.1', '[::1]', ...(isEverywhere ? allHosts() : [name])],
    ...(maxClients !== undefined && { maxClients }),
  });
  const ports = port === undefined ? Array.from({ length: TRIES }, (_, i) => USUAL_PORT + i) : [port];
  for (const wanted of ports) {
    const server = await listen(app.fetch, host, wanted).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' && port === undefined) return undefined;
      app.close();
      const reason = REASONS[error.code ?? ''] ?? error.message;
      throw new UsageError(`cannot listen on ${host} port ${wanted}: ${reason}`, { cause: error });
    });
    if (server === undefined) continue;
    const { port: listening } = server.address() as AddressInfo;
    return {
      url: `http://${isEverywhere ? 'localhost' : name}:${listening}/`,
      port: listening,
      close() {
        app.close();
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeAllConnections();
        return closed;
      },
    };
  }
  app.close();
  throw new UsageError(`ports ${USUAL_PORT} to ${USUAL_PORT + TRIES - 1} are all in use; name another one with --port`);
}

function listen(fetch: Parameters<typeof serve>[0]['fetch'], host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, hostname: host, port }) as Server;
    server.once('listening', () => resolve(server));
    server.once('error', reject);
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'this machine has no such address',
};

/** Listening everywhere, the machine is known by the addresses of its interfaces and by its name. */
function allHosts(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const numbers = addresses.map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address));
  return [hostname().toLowerCase(), ...numbers];
}
