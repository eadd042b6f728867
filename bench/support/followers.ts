import { get, type IncomingMessage } from 'node:http';

/** Listeners to a server's events. */
export interface Followers {
  /** Messages that all of them together have received. */
  received(): number;
  close(): void;
}

/** Opens so many connections to an address of server-sent events; resolves when all are answered. */
export async function openFollowers(url: string, count: number): Promise<Followers> {
  let messages = 0;
  const answers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<IncomingMessage>((resolve, reject) => {
          get(url, { agent: false }, (answer) => {
            if (answer.statusCode !== 200) reject(new Error(`${url} answered ${answer.statusCode}`));
            answer.on('data', () => {
              messages++;
            });
            answer.on('error', () => undefined);
            resolve(answer);
          }).on('error', reject);
        }),
    ),
  );
  return {
    received: () => messages,
    close() {
      for (const answer of answers) answer.destroy();
    },
  };
}
