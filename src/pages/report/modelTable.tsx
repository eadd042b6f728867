import { fileSize, grouped } from '../../base/format.ts';
import type { ReportModel } from '../../report/data.ts';
import { type DataTable, Table } from '../shared/table.tsx';
import { milliseconds } from './figures.ts';

/** A model with the name that its row has. */
export interface NamedModel {
  readonly label: string;
  readonly model: ReportModel;
}

/** Models side by side; columns that no model has a figure for are left out. */
export function ModelTable({ models, caption }: { models: readonly NamedModel[]; caption?: string }) {
  return (
    <div class="scroll">
      <Table {...modelTable(models)} caption={caption} />
    </div>
  );
}

interface Column {
  readonly name: string;
  readonly read: (model: ReportModel) => string | undefined;
}

/** The rows and columns of the table. */
export function modelTable(models: readonly NamedModel[]): DataTable {
  const columns = [...COLUMNS, ...latencyColumns(models)].filter(({ read }) =>
    models.some(({ model }) => read(model) !== undefined),
  );
  return {
    head: ['model', ...columns.map(({ name }) => name)],
    rows: models.map(({ label, model }) => [label, ...columns.map(({ read }) => read(model) ?? '–')]),
  };
}

const COLUMNS: readonly Column[] = [
  { name: 'valid ppl', read: (m) => m.validPerplexity?.toFixed(2) },
  { name: 'test ppl', read: (m) => m.testPerplexity?.toFixed(2) },
  { name: 'valid accuracy', read: (m) => m.validAccuracy?.toFixed(4) },
  { name: 'valid loss', read: (m) => m.validLoss?.toFixed(4) },
  { name: 'hidden', read: (m) => m.hidden.join(', ') },
  { name: 'parameters', read: (m) => grouped(m.parameters) },
  { name: 'embedding', read: (m) => m.split && grouped(m.split.embedding.stored) },
  { name: 'recurrent', read: (m) => m.split && grouped(m.split.recurrent.stored) },
  { name: 'output', read: (m) => m.split && grouped(m.split.output.stored) },
  { name: 'not zero', read: (m) => m.split && grouped(nonzero(m.split)) },
  { name: 'multiply-adds', read: (m) => grouped(m.multiplyAdds) },
  { name: 'file', read: (m) => fileSize(m.bytes) },
];

function nonzero(split: NonNullable<ReportModel['split']>): number {
  return Object.values(split).reduce((sum, part) => sum + part.nonzero, 0);
}

function latencyColumns(models: readonly NamedModel[]): Column[] {
  const timed = models.flatMap(({ model }) => model.latencies);
  const keys = [...new Map(timed.map((l) => [`${l.runtime}, batch ${l.batch}`, l])).entries()];
  return keys.map(([name, { runtime, batch }]) => ({
    name,
    read: ({ latencies }) => {
      const found = latencies.find((l) => l.runtime === runtime && l.batch === batch);
      return found && milliseconds(found.median);
    },
  }));
}
