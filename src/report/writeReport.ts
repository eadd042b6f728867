import { writeAtomically } from '../base/files.ts';
import { collectReport, type ReportRequest } from './collect.ts';
import type { ReportData } from './data.ts';
import { reportHtml } from './html.tsx';

/** A report that was written. */
export interface WrittenReport {
  readonly file: string;
  readonly bytes: number;
  readonly data: ReportData;
}

/** Collects and writes a report; see `collectReport` and `reportHtml`. An earlier file is replaced. */
export async function writeReport(file: string, request: ReportRequest): Promise<WrittenReport> {
  const data = await collectReport(request);
  const html = await reportHtml(data);
  await writeAtomically(file, html);
  return { file, bytes: Buffer.byteLength(html), data };
}
