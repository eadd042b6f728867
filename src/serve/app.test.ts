import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { epochLines, liveDocument, makeRun } from '../../test/support/runFolder.ts';
import type { RunRecord, RunSummary } from '../runs/record.ts';
import { type App, createApp } from './app.ts';

let outside: string;
let root: string;
let app: App;
const at = (...path: string[]) => join(root, ...path);
const get = (path: string, init: RequestInit & { host?: string } = {}) => {
  const { host = 'localhost:8270', ...rest } = init;
  return Promise.resolve(app.fetch(new Request(`http://localhost:8270${path}`, { ...rest, headers: { host } })));
};

beforeEach(async () => {
  outside = mkdtempSync(join(tmpdir(), 'slimrnn-serve-'));
  root = join(outside, 'root');
  mkdirSync(root);
  makeRun(at('sweep', 'a'), { finished: true });
  app = await createApp({ root, hosts: ['localhost'], maxClients: 3 });
});
afterEach(() => {
  app.close();
  rmSync(outside, { recursive: true, force: true });
});

describe('what is there', () => {
  it('the page with its script, style and engine', async () => {
    const page = await get('/');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await page.text()).toContain('assets/main.js');
    for (const file of ['main.js', 'app.css', 'training.worker.js', 'ort-wasm-simd-threaded.wasm', 'sample.txt']) {
      expect((await get(`/assets/${file}`, { method: 'HEAD' })).status, file).toBe(200);
    }
  });

  it('the list of runs, each run and its files', async () => {
    const { runs, live } = (await (await get('/api/runs.json')).json()) as { runs: RunSummary[]; live: boolean };
    expect([runs.map(({ id }) => id), live]).toEqual([['sweep/a'], true]);
    const run = (await (await get('/api/runs/sweep/a.json')).json()) as RunRecord;
    expect(run.epochs).toHaveLength(2);
    const file = await get('/files/sweep/a/slim.onnx');
    expect(await file.text()).toBe('onnx');
    expect(Object.fromEntries(file.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '4',
      'content-disposition': "attachment; filename*=UTF-8''a-slim.onnx",
      'x-content-type-options': 'nosniff',
    });
    const head = await get('/files/sweep/a/slim.onnx', { method: 'HEAD' });
    expect([head.headers.get('content-length'), await head.text()]).toEqual(['4', '']);
  });

  it('a folder that is itself a run, under ~', async () => {
    app.close();
    app = await createApp({ root: at('sweep', 'a'), hosts: ['localhost'] });
    expect((await get('/api/runs/~.json')).status).toBe(200);
    expect(await (await get('/files/~/slim.onnx')).text()).toBe('onnx');
  });

  it('a report, in a sandbox', async () => {
    writeFileSync(at('sweep', 'a', 'report.html'), '<script>fetch("/api/runs.json")</script>');
    const report = await get('/files/sweep/a/report.html');
    expect(report.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = report.headers.get('content-security-policy');
    expect(policy).toContain('sandbox allow-scripts;');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/allow-same-origin|connect-src/);
  });

  it('runs whose names are HTML or need encoding', async () => {
    const name = '<img src=x onerror=alert(1)> 100% ä#?';
    makeRun(at(name), { finished: true });
    const { runs } = (await (await get('/api/runs.json')).json()) as { runs: RunSummary[] };
    expect(runs.map(({ id }) => id)).toContain(name);
    const run = (await (await get(`/api/runs/${encodeURIComponent(name)}.json`)).json()) as RunRecord;
    expect(run.summary.name).toBe(name);
    const file = await get(`/files/${encodeURIComponent(name)}/slim.onnx`);
    expect(file.headers.get('content-disposition')).toBe(
      "attachment; filename*=UTF-8''%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E%20100%25%20%C3%A4%23%3F-slim.onnx",
    );
  });

  it('a file that grows meanwhile as it was in the beginning', async () => {
    writeFileSync(at('sweep', 'a', 'metrics.jsonl'), 'x'.repeat(1_000_000));
    const answer = await get('/files/sweep/a/metrics.jsonl');
    appendFileSync(at('sweep', 'a', 'metrics.jsonl'), 'y'.repeat(1_000_000));
    expect(answer.headers.get('content-length')).toBe('1000000');
    expect(await answer.text()).toBe('x'.repeat(1_000_000));
  });

  it('the report of a folder of runs, and nothing else of it', async () => {
    writeFileSync(at('sweep', 'report.html'), 'of both');
    writeFileSync(at('sweep', 'metrics.jsonl'), '');
    expect(await (await get('/files/sweep/report.html')).text()).toBe('of both');
    expect((await get('/files/sweep/metrics.jsonl')).status).toBe(404);
    expect((await get('/files/..%2fsecret/report.html')).status).toBe(404);
  });

  it('no report yet, but how to make one', async () => {
    const answer = await get('/files/sweep/a/report.html');
    expect([answer.status, await answer.text()]).toEqual([404, 'there is no report; slimrnn report makes one\n']);
  });
});

test.each([
  '/files/sweep/a/../../../secret/config.json',
  '/files/%2e%2e/secret/config.json',
  '/files/..%2fsecret/config.json',
  '/files/%2e%2e%2fsecret/config.json',
  '/files/sweep%2fa%2f..%2f..%2f..%2fsecret/config.json',
  '/files/sweep/a/checkpoint.onnx',
  '/files/sweep/a/..%2f..%2f..%2fsecret%2fconfig.json',
  '/files//etc/passwd',
  '/files/%00/config.json',
  '/files/%ff/config.json',
  '/files/link/config.json',
  '/files/sweep/config.json',
  '/files/config.json',
  '/files/',
  '/api/runs/..%2fsecret.json',
  '/api/runs/link.json',
  '/api/runs/nothing.json',
  '/api/runs/%E0%A4%A.json',
  '/api/runs/sweep/a',
  '/assets/../index.html/x',
  '/assets/..%2f..%2fpackage.json',
  '/package.json',
  '/nothing',
])('%s: nothing is there', async (path) => {
  makeRun(join(outside, 'secret'));
  symlinkSync(join(outside, 'secret'), at('link'));
  writeFileSync(at('sweep', 'a', 'checkpoint.onnx'), 'x');
  const answer = await get(path);
  expect(answer.status).toBe(404);
  expect(await answer.text()).not.toContain('hidden');
});

describe('what is refused', () => {
  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s', async (method) => {
    const answer = await get('/api/runs.json', { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it.each(['evil.example', 'localhost.evil.example:8270', '', '127.0.0.1.evil'])('a host called %j', async (host) => {
    expect((await get('/api/runs.json', { host })).status).toBe(403);
  });
});

test('every answer keeps browsers from guessing, framing, caching and loading from elsewhere', async () => {
  const answers = {
    page: await get('/'),
    list: await get('/api/runs.json'),
    nothing: await get('/nothing'),
    file: await get('/files/sweep/a/config.json'),
    method: await get('/', { method: 'POST' }),
    host: await get('/', { host: 'evil.example' }),
  };
  for (const [path, { headers }] of Object.entries(answers)) {
    expect(headers.get('x-content-type-options'), path).toBe('nosniff');
    expect(headers.get('content-security-policy'), path).toContain("default-src 'none'");
    expect(headers.get('cross-origin-opener-policy'), path).toBe('same-origin');
    expect(headers.get('cache-control'), path).toMatch(/no-store|no-cache/);
    expect(headers.get('access-control-allow-origin'), path).toBeNull();
  }
});

/** Reads events from an answer until it has so many. */
async function events(answer: Response, count: number): Promise<{ event: string; data: unknown }[]> {
  const reader = answer.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const read: { event: string; data: unknown }[] = [];
  while (read.length < count) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    const parts = text.split('\n\n');
    text = parts.pop()!;
    for (const part of parts) {
      const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
      if (event !== undefined) read.push({ event, data: JSON.parse(data!) });
    }
  }
  await reader.cancel();
  return read;
}

describe('events', () => {
  it('tell all clients of a run what it had and what comes', async () => {
    makeRun(at('b'), { epochs: 1 });
    const answers = await Promise.all([get('/api/events?run=b'), get('/api/events?run=b')]);
    expect(answers[0].headers.get('content-type')).toBe('text/event-stream');
    const heard = Promise.all(answers.map((answer) => events(answer, 6)));
    // Both at once for a look, which comes once a second.
    writeFileSync(at('b', 'live.json'), liveDocument());
    writeFileSync(at('b', 'metrics.jsonl'), epochLines(2));
    for (const told of await heard) {
      expect(told.slice(0, 3)).toMatchObject([
        { event: 'epochs', data: { from: 0, rows: [{ epoch: 1 }] } },
        { event: 'live', data: null },
        { event: 'state', data: 'stopped' },
      ]);
      expect(told.slice(3)).toMatchObject([
        { event: 'epochs', data: { from: 1, rows: [{ epoch: 2 }] } },
        { event: 'live', data: { share: 0.25 } },
        { event: 'state', data: 'running' },
      ]);
    }
  });

  it('tell of new runs', async () => {
    const answer = await get('/api/events');
    const heard = events(answer, 2);
    makeRun(at('new'));
    const [first, second] = await heard;
    const ids = (told: typeof first) => (told!.data as { runs: RunSummary[] }).runs.map(({ id }) => id);
    expect([ids(first), ids(second)]).toEqual([['sweep/a'], ['new', 'sweep/a']]);
  });

  it('are for so many clients and no more, and gone clients do not count', async () => {
    const all = await Promise.all([1, 2, 3, 4].map(() => get('/api/events?run=sweep%2Fa')));
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 503]);
    const open = all.slice(0, 3);
    await open[0]!.body!.cancel();
    const again = await get('/api/events?run=sweep%2Fa');
    expect(again.status).toBe(200);
    for (const answer of [...open.slice(1), again]) await answer.body!.cancel();
  });

  it('are no matter of HEAD, which would never end', async () => {
    for (let i = 0; i < 4; i++) {
      const answer = await get('/api/events', { method: 'HEAD' });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    }
  });

  it('are not to be had of what is no run', async () => {
    expect((await get('/api/events?run=../secret')).status).toBe(404);
  });
});
