import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SlimError, UsageError } from '../base/errors.ts';
import { type DownloadOptions, downloadDataset, type RemoteFile } from './download.ts';

const content = 'some words '.repeat(50_000);
const sha256 = createHash('sha256').update(content).digest('hex');

const requests: string[] = [];
const server = createServer((request, response) => {
  requests.push(request.url ?? '');
  if (request.url === '/missing') {
    response.writeHead(404).end('not here');
  } else if (request.url === '/endless') {
    const more = () => {
      while (response.write(content) && !response.destroyed);
    };
    response.on('drain', more);
    more();
  } else if (request.url === '/packed') {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(content.repeat(20)));
  } else if (request.url === '/silent') {
    response.write(content.slice(0, 1000));
  } else if (request.url === '/mute') {
    // Never answered.
  } else if (request.url === '/cut') {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.slice(0, 1000), () => response.destroy());
  } else {
    response.end(content);
  }
});

let address = '';
let directory = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('the server has no port');
  address = `http://127.0.0.1:${at.port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  requests.length = 0;
  directory = await mkdtemp(join(tmpdir(), 'download-'));
});
afterEach(() => rm(directory, { recursive: true }));

const entry = (...files: Partial<RemoteFile>[]) => ({
  files: files.map((file) => ({ url: `${address}/text`, sha256, path: 'text.txt', ...file })),
});

async function failure(promise: Promise<unknown>): Promise<SlimError> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  if (!(error instanceof SlimError)) throw new Error(`expected a SlimError, got ${String(error)}`);
  return error;
}

describe('downloadDataset', () => {
  it('fetches into a new folder and reports the progress', async () => {
    const progress: Parameters<NonNullable<DownloadOptions['onProgress']>>[0][] = [];
    const target = join(directory, 'new', 'sub', 'text.txt');
    const done = await downloadDataset(
      entry({ path: join('sub', 'text.txt'), bytes: content.length }),
      join(directory, 'new'),
      { onProgress: (step) => progress.push(step) },
    );
    expect(done).toEqual([{ path: target, status: 'downloaded' }]);
    expect(await readFile(target, 'utf8')).toBe(content);
    expect(await readdir(join(directory, 'new', 'sub'))).toEqual(['text.txt']);
    expect(progress.at(-1)).toEqual({ path: target, received: content.length, total: content.length });
    const received = progress.map((step) => step.received);
    expect(received).toEqual([...received].sort((a, b) => a - b));
  });

  it('keeps files that are there and match', async () => {
    await writeFile(join(directory, 'text.txt'), content);
    const done = await downloadDataset(entry({}, { path: 'second.txt' }), directory);
    expect(done.map((file) => file.status)).toEqual(['present', 'downloaded']);
    expect(requests).toEqual(['/text']);
  });

  it('leaves a file with other content alone, and asks for nothing', async () => {
    await writeFile(join(directory, 'text.txt'), 'mine');
    const error = await failure(downloadDataset(entry({ path: 'first.txt' }, {}), directory));
    expect(error).toBeInstanceOf(UsageError);
    const mine = createHash('sha256').update('mine').digest('hex');
    expect(error.message).toMatch(`expected SHA-256 ${sha256}, got ${mine}`);
    expect(await readFile(join(directory, 'text.txt'), 'utf8')).toBe('mine');
    expect(requests).toEqual([]);
  });

  it('keeps nothing when the checksum is wrong', async () => {
    const wrong = '0'.repeat(64);
    const error = await failure(downloadDataset(entry({ sha256: wrong }), directory));
    expect(error).not.toBeInstanceOf(UsageError);
    expect(error.message).toMatch(`expected SHA-256 ${wrong}, got ${sha256}`);
    expect(await readdir(directory)).toEqual([]);
  });

  it.each(['/endless', '/packed'])('takes no more bytes than there should be: %s', async (path) => {
    const seen: number[] = [];
    const options = { onProgress: ({ received }: { received: number }) => seen.push(received) };
    const file = { url: `${address}${path}`, bytes: content.length };
    const error = await failure(downloadDataset(entry(file), directory, options));
    expect(error.message).toMatch(`more than the expected ${content.length} bytes came; nothing was kept`);
    expect(Math.max(...seen)).toBeLessThanOrEqual(content.length);
    expect(await readdir(directory)).toEqual([]);
  });

  it.each(['/silent', '/mute'])('gives up a server that says nothing: %s', async (path) => {
    const error = await failure(downloadDataset(entry({ url: `${address}${path}` }), directory, { silence: 100 }));
    expect(error.message).toMatch(/cannot download .*: nothing came for 0\.1 seconds; check the network connection/);
    expect(await readdir(directory)).toEqual([]);
  });

  it('removes what a killed process left of the same file, and nothing else', async () => {
    for (const file of ['.text.txt.0123456789ab.tmp', '.other.txt.0123456789ab.tmp', '.text.txt.tmp']) {
      await writeFile(join(directory, file), 'half');
    }
    await downloadDataset(entry({}), directory);
    expect((await readdir(directory)).sort()).toEqual(['.other.txt.0123456789ab.tmp', '.text.txt.tmp', 'text.txt']);
  });

  it('asks for bytes as they are', async () => {
    const headers: unknown[] = [];
    const asked: typeof fetch = (url, init) => {
      headers.push(init?.headers);
      return fetch(url, init);
    };
    await downloadDataset(entry({}), directory, { fetch: asked });
    expect(headers).toEqual([{ 'Accept-Encoding': 'identity' }]);
  });

  it('keeps nothing when the connection breaks', async () => {
    const error = await failure(downloadDataset(entry({ url: `${address}/cut` }), directory));
    expect(error.message).toMatch(/cannot download .*\/cut: .*check the network connection/);
    expect(await readdir(directory)).toEqual([]);
  });

  it('passes on what the server answered', async () => {
    const error = await failure(downloadDataset(entry({ url: `${address}/missing` }), directory));
    expect(error.message).toMatch(/the server answered 404 Not Found/);
    expect(await readdir(directory)).toEqual([]);
  });

  it('says why an address cannot be reached', async () => {
    // The global fetch hides the reason in the cause.
    const refused = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }));
    const error = await failure(downloadDataset(entry({}), directory, { fetch: refused }));
    expect(error.message).toMatch(/connect ECONNREFUSED; check the network connection.*save it as .*text\.txt/);
    expect(await readdir(directory)).toEqual([]);
  });

  it('refuses a folder that cannot be written, and a folder in place of a file', async () => {
    await writeFile(join(directory, 'file'), '');
    const below = await failure(downloadDataset(entry({}), join(directory, 'file')));
    expect(below).toBeInstanceOf(UsageError);
    expect(below.message).toMatch(/choose another folder/);
    // Too long a name once the temporary ending is added: opening fails for every user, the superuser too.
    const long = await failure(downloadDataset(entry({ path: 'x'.repeat(240) }), directory));
    expect(long.message).toMatch(/cannot write .*xxx: .*name too long/);
    expect(await readdir(directory)).toEqual(['file']);
    await mkdir(join(directory, 'text.txt'));
    expect((await failure(downloadDataset(entry({}), directory))).message).toMatch(/text\.txt is in the way/);
    expect(requests).toEqual([]);
  });
});
