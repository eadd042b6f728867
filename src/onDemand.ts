/*
 * What the library offers besides models and their training. It needs packages that take as long to load as all the rest
 * (a web server, a renderer, an encoder of pictures), so that each of these is loaded when it is first called.
 */

/** An asynchronous function of a module that is loaded with the first call. */
function onDemand<Args extends readonly unknown[], Result>(
  load: () => Promise<(...args: Args) => Result | Promise<Result>>,
): (...args: Args) => Promise<Result> {
  return async (...args) => (await load())(...args);
}

/** Collects what a report shows from run directories. Throws UsageError for a path without runs. */
export const collectReport = onDemand(async () => (await import('./report/collect.ts')).collectReport);

/** A report as one HTML document that needs no network. Throws SlimError in an installation without its pages. */
export const reportHtml = onDemand(async () => (await import('./report/html.tsx')).reportHtml);

/** Serves a folder of runs as `slimrnn serve` does. Throws UsageError when the address cannot be had. */
export const startServer = onDemand(async () => (await import('./serve/server.ts')).startServer);

/** Writes the page of `slimrnn serve` with all finished runs of a folder as plain files. Throws SlimError where it cannot. */
export const writeSite = onDemand(async () => (await import('./site/writeSite.ts')).writeSite);

/** Makes the event file of a run hold the epochs of its metrics.jsonl. Throws SlimError when it cannot be written. */
export const updateTensorBoard = onDemand(async () => (await import('./tensorboard/writer.ts')).updateTensorBoard);
