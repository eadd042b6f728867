import { mkdtempSync, rmSync } from 'node:fs';
import { get, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeRun } from '../../test/support/runFolder.ts';
import { type RunningServer, type ServeOptions, startServer } from './server.ts';

let root: string;
const running: RunningServer[] = [];
const start = async (options: Partial<ServeOptions> = {}) => {
  const server = await startServer({ root, host: '127.0.0.1', port: 0, ...options });
  running.push(server);
  return server;
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slimrnn-server-'));
  makeRun(join(root, 'a'));
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
  rmSync(root, { recursive: true, force: true });
});

/** Status of an answer to a request that calls the server by a name. */
function statusFor(server: RunningServer, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(`${server.url}api/runs.json`, { headers: { host }, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sent.on('error', reject).end();
  });
}

function opened(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, resolve).on('error', reject);
  });
}

it('answers by the names of this machine alone', async () => {
  const server = await start();
  for (const host of ['127.0.0.1', `LOCALHOST:${server.port}`, `[::1]:${server.port}`]) {
    expect(await statusFor(server, host), host).toBe(200);
  }
  for (const host of ['evil.example', '10.0.0.1', '127.0.0.1.evil.example', 'localhost.evil.example:80']) {
    expect(await statusFor(server, host), host).toBe(403);
  }
});

it('takes the next port when the usual one is in use, and never another one than asked for', async () => {
  const [first, second] = [await start({ port: undefined }), await start({ port: undefined })];
  expect(second.port).toBeGreaterThan(first.port);
  await expect(start({ port: second.port })).rejects.toThrow(`port ${second.port}: it is in use`);
});

it('says what cannot be listened on', async () => {
  await expect(start({ host: '203.0.113.7' })).rejects.toThrow('this machine has no such address');
});

it('names an address that works when it listens everywhere', async () => {
  const server = await start({ host: '0.0.0.0' });
  expect(server.url).toBe(`http://localhost:${server.port}/`);
  expect((await fetch(`http://127.0.0.1:${server.port}/api/runs.json`)).status).toBe(200);
  expect(await statusFor({ ...server, url: `http://127.0.0.1:${server.port}/` }, 'evil.example')).toBe(403);
});

it('ends without waiting for clients that listen', async () => {
  const server = await start();
  const answers = await Promise.all([opened(`${server.url}api/events`), opened(`${server.url}api/events?run=a`)]);
  const ended = answers.map((answer) => new Promise((resolve) => answer.on('error', resolve).on('close', resolve)));
  await server.close();
  await Promise.all(ended);
});

it('has room for others after clients have gone, in order or not', async () => {
  const server = await start({ maxClients: 2 });
  const url = `${server.url}api/events?run=a`;
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all([opened(url), opened(url)]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    for (const answer of answers) answer.destroy();
    await expect.poll(() => followable(url)).toBe(200);
  }
  // These go before they are answered.
  for (let i = 0; i < 5; i++) {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET /api/events?run=a HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, i));
    socket.destroy();
  }
  await expect.poll(() => followable(url)).toBe(200);
});

/** Status of an answer to one who listens and leaves again. */
async function followable(url: string): Promise<number | undefined> {
  const answer = await opened(url);
  answer.destroy();
  return answer.statusCode;
}

it.each(['..%2f..%2fetc%2fpasswd', '../../etc/passwd', '%2e%2e/%2e%2e/etc/passwd', '..\\..\\etc'])(
  '%s as it stands in a request: nothing is there',
  async (path) => {
    const server = await start();
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1');
      let text = '';
      socket.setEncoding('utf8').on('data', (piece) => {
        text += piece;
      });
      socket.on('close', () => resolve(text)).on('error', reject);
      socket.write(`GET /files/${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    });
    expect(answer).toMatch(/^HTTP\/1.1 (404|400) /);
    expect(answer).not.toContain('root:');
  },
);
