import { UsageError } from '../../base/errors.ts';
import { withoutSecrets } from '../../base/secrets.ts';

/** Where a queue is. */
export interface QueueAddress {
  readonly kind: 'redis' | 'postgres';
  /** With user and password, where there are some. */
  readonly url: string;
  /** The same for people: without them. */
  readonly shown: string;
}

const kinds: Readonly<Record<string, QueueAddress['kind']>> = {
  'redis:': 'redis',
  'rediss:': 'redis',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
};

/** Environment variables in place of the flag, and of a password in it: what stands in a command line others can see. */
export const queueVariables = { address: 'SLIMRNN_QUEUE', password: 'SLIMRNN_QUEUE_PASSWORD' } as const;

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the address of a queue; throws UsageError, which never shows a password, for what is none. */
export function queueAddress(said: string | undefined, env: Variables = process.env): QueueAddress {
  const text = said ?? env[queueVariables.address];
  const example = 'redis://host:6379, rediss://… (TLS) or postgres://user@host/database';
  if (!text) throw new UsageError(`name the queue with --queue or in ${queueVariables.address}: ${example}`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const kind = url && kinds[url.protocol];
  if (url === undefined || kind === undefined) {
    const what = url === undefined ? '' : `; '${url.protocol}//' is neither`;
    throw new UsageError(`--queue takes ${example}${what}`);
  }
  const password = env[queueVariables.password];
  if (url.password === '' && password) url.password = encodeURIComponent(password);
  return { kind, url: url.href, shown: withoutSecrets(url.href) };
}
