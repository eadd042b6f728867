import { hydrate } from 'preact';
import type { ReportData } from '../../report/data.ts';
import '../shared/engine.ts';
import { Report } from './report.tsx';

// Wakes the report up in a browser: headings, figures and tables stand in the document already.

const data = JSON.parse(document.getElementById('report-data')!.textContent) as ReportData;
hydrate(<Report data={data} />, document.getElementById('report')!);
