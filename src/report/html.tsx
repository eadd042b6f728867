import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { renderToString } from 'preact-render-to-string';
import { SlimError } from '../base/errors.ts';
import { writeAtomically } from '../base/files.ts';
import { packageFile } from '../base/packageFile.ts';
import { Report } from '../pages/report/report.tsx';
import { collectReport, type ReportRequest } from './collect.ts';
import type { ReportData } from './data.ts';

/** Collects and writes a report; see `collectReport` and `reportHtml`. An earlier file is replaced. */
export async function writeReport(file: string, request: ReportRequest): Promise<{ bytes: number; data: ReportData }> {
  const data = await collectReport(request);
  const html = await reportHtml(data);
  await writeAtomically(file, html);
  return { bytes: Buffer.byteLength(html), data };
}

/**
 * A report as one HTML document that needs no network; a policy allows the script that draws its charts and no other.
 * Throws SlimError when the pages of this installation are not built.
 */
export async function reportHtml(data: ReportData): Promise<string> {
  const script = (await builtFile('report.js')).replaceAll('</script', '<\\/script');
  const style = await builtFile('report.css');
  const policy = [
    "default-src 'none'",
    'img-src data:',
    "style-src 'unsafe-inline'",
    `script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
  ].join('; ');
  // Within a script element only "<" could end the data.
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  const body = renderToString(<Report data={data} />);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
${renderToString(<title>{data.title}</title>)}
<style>${style}</style>
</head>
<body>
<div id="report">${body}</div>
<script type="application/json" id="report-data">${json}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** A file that `npm run build:pages` makes of src/pages/report. */
async function builtFile(name: string): Promise<string> {
  try {
    return await readFile(packageFile(`dist/web/${name}`), 'utf8');
  } catch (cause) {
    throw new SlimError(`the report's ${name} is not built; run npm run build`, { cause });
  }
}
