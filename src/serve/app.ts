import { basename, posix, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { type Context, Hono } from 'hono';
import { UsageError } from '../base/errors.ts';
import { openRunFile, readRun } from '../runs/readRun.ts';
import { runFiles } from '../runs/runDirectory.ts';
import { eventStream } from './eventStream.ts';
import { createHub } from './hub.ts';
import { loadPages } from './pages.ts';
import { createSummaries } from './summaries.ts';

/** What is served, and to whom. */
export interface AppOptions {
  /** Folder with runs. */
  readonly root: string;
  /** Names that requests may address the server by, without port; others are refused, against DNS rebinding. */
  readonly hosts: readonly string[];
  /** Most listeners at a time. */
  readonly maxClients?: number;
}

/** What Node's server tells of the connection that a request came by. */
export interface Connection {
  readonly outgoing?: { destroy(): unknown };
}

/** The server as a function from requests to responses, and how to end what it keeps watching. */
export interface App {
  fetch(request: Request, connection?: Connection): Response | Promise<Response>;
  close(): void;
}

/** Only the page's own scripts, its workers and WebAssembly; nothing from elsewhere, in no frame. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' data:; style-src 'self' " +
  "'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/** A report has its script inside. It comes from the folder, so it may do nothing but draw itself. */
const REPORT_POLICY =
  "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; " +
  "frame-ancestors 'none'";

/** Headers of every answer. Threads of WebAssembly need the first two. */
const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

/** A read-only view of a folder of runs: page, JSON, files, events. A path leads to a run that is there, or nowhere. */
export async function createApp({ root, hosts, maxClients = 1000 }: AppOptions): Promise<App> {
  const pages = await loadPages();
  const listRuns = createSummaries(root);
  const hub = createHub(root, listRuns);
  const app = new Hono<{ Bindings: Connection }>();
  app.use(async (c, next) => {
    await next();
    const isSet = (name: string) => c.res.headers.has(name);
    for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
    if (!isSet('Cache-Control')) c.header('Cache-Control', 'no-store');
    if (!isSet('Content-Security-Policy')) c.header('Content-Security-Policy', PAGE_POLICY);
  });
  app.use(async (c, next) => {
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
      return c.text('only GET and HEAD are answered here\n', 405, { Allow: 'GET, HEAD' });
    }
    const host = c.req.header('host')?.replace(/:\d+$/, '').toLowerCase() ?? '';
    if (!hosts.includes(host)) return c.text('this server has another name\n', 403);
    return next();
  });
  app.get('/api/runs.json', async (c) => c.json({ ...(await listRuns()), live: true }));
  app.get('/api/runs/*', async (c) => {
    const [, part] = /^\/api\/runs\/(.*)\.json$/.exec(pathOf(c)) ?? [];
    const id = part === undefined ? undefined : idOf(part);
    return id === undefined ? c.notFound() : c.json(await readRun(root, id));
  });
  app.get('/api/events', async (c) => {
    if (hub.clients >= maxClients) return c.text('too many listeners\n', 503, { 'Retry-After': '30' });
    const headers = { 'Content-Type': 'text/event-stream' };
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    const cutOff = () => c.env?.outgoing?.destroy();
    const stream = await eventStream((client) => hub.follow(c.req.query('run'), client), cutOff);
    return c.body(stream, 200, headers);
  });
  app.get('/files/*', (c) => sendFile(c, root));
  app.get('*', (c) => {
    const page = pages.get(pathOf(c) === '/' ? 'index.html' : pathOf(c).slice(1));
    if (page === undefined) return c.notFound();
    return c.body(page.bytes, 200, { 'Content-Type': page.type, 'Cache-Control': 'no-cache' });
  });
  app.notFound((c) => c.text('there is nothing here\n', 404));
  app.onError((error, c) => {
    // An id that is no run of this folder.
    if (error instanceof UsageError) return c.text('there is no such run\n', 404);
    process.stderr.write(`${c.req.method} ${c.req.path}: ${error.stack ?? error.message}\n`);
    return c.text('the server failed at this; its terminal says why\n', 500);
  });
  return { fetch: (request, connection) => app.fetch(request, connection), close: hub.close };
}

/** A file of a run: a report to be looked at, anything else to be saved. */
async function sendFile(c: Context, root: string): Promise<Response> {
  const [, part = '', name = ''] = /^\/files\/(?:(.*)\/)?(.*)$/.exec(pathOf(c)) ?? [];
  const id = idOf(part);
  const file = id === undefined ? undefined : await openRunFile(root, id, name);
  const isReport = name === runFiles.report;
  if (id === undefined || file === undefined) {
    return isReport ? c.text('there is no report; slimrnn report makes one\n', 404) : c.notFound();
  }
  const headers: Record<string, string> = isReport
    ? { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': REPORT_POLICY }
    : {
        'Content-Type': 'application/octet-stream',
        'Content-Security-Policy': "default-src 'none'; sandbox",
        'Content-Disposition': attachment(`${posix.basename(id || basename(resolve(root)))}-${name}`),
      };
  headers['Content-Length'] = String(file.size);
  if (c.req.method === 'HEAD' || file.size === 0) {
    await file.handle.close();
    return c.body(null, 200, headers);
  }
  const bytes = file.handle.createReadStream({ start: 0, end: file.size - 1 });
  return c.body(Readable.toWeb(bytes) as ReadableStream, 200, headers);
}

/** Tells a browser to save a file under a name of any characters (RFC 8187). */
function attachment(name: string): string {
  const encoded = encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename*=UTF-8''${encoded}`;
}

/** The path as it was sent, percent-encoding and all; dot segments are gone. */
function pathOf(c: Context): string {
  return new URL(c.req.url).pathname;
}

/** A run's id from its part of an address; '~' is the root itself. Undefined for what no address of a run has. */
function idOf(part: string): string | undefined {
  if (part === '~') return '';
  try {
    return part.split('/').map(decodeURIComponent).join('/');
  } catch {
    return undefined;
  }
}
