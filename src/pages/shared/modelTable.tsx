import { fileSize, grouped, milliseconds } from '../../base/format.ts';
import type { ReportLatency } from '../../report/data.ts';
import type { ResultModel } from '../../runs/record.ts';
import type { ScoreKind } from '../../tasks/score.ts';
import { scoreColumns } from './scores.ts';
import { type DataTable, Table } from './table.tsx';

/** What a table shows of a model. */
export interface TableModel extends Omit<ResultModel, 'file' | 'name'> {
  readonly latencies?: readonly ReportLatency[];
}

/** A model with the name that its row has. */
export interface NamedModel {
  readonly label: string;
  readonly model: TableModel;
}

interface ModelTableProps {
  readonly models: readonly NamedModel[];
  readonly scores: readonly ScoreKind[];
}

/** Models side by side; columns that no model has a figure for are left out. */
export function ModelTable({ models, scores }: ModelTableProps) {
  return (
    <div class="scroll">
      <Table {...modelTable(models, scores)} />
    </div>
  );
}

interface Column {
  readonly name: string;
  readonly read: (model: TableModel) => string | undefined;
}

/** The rows and columns of the table. */
export function modelTable(models: readonly NamedModel[], scores: readonly ScoreKind[]): DataTable {
  const quality = scoreColumns(scores).map(({ head, read }): Column => ({ name: head, read: (m) => read(m.scores) }));
  const columns = [...quality, ...COLUMNS, ...latencyColumns(models)].filter(({ read }) =>
    models.some(({ model }) => read(model) !== undefined),
  );
  return {
    head: ['model', ...columns.map(({ name }) => name)],
    rows: models.map(({ label, model }) => [label, ...columns.map(({ read }) => read(model) ?? '–')]),
  };
}

const COLUMNS: readonly Column[] = [
  { name: 'hidden', read: (m) => m.hidden.join(', ') },
  { name: 'parameters', read: (m) => grouped(m.parameters) },
  { name: 'embedding', read: (m) => m.split && grouped(m.split.embedding.stored) },
  { name: 'recurrent', read: (m) => m.split && grouped(m.split.recurrent.stored) },
  { name: 'output', read: (m) => m.split && grouped(m.split.output.stored) },
  { name: 'not zero', read: (m) => m.split && grouped(nonzero(m.split)) },
  { name: 'multiply-adds', read: (m) => grouped(m.multiplyAdds) },
  { name: 'file', read: (m) => fileSize(m.bytes) },
];

function nonzero(split: NonNullable<TableModel['split']>): number {
  return Object.values(split).reduce((sum, part) => sum + part.nonzero, 0);
}

function latencyColumns(models: readonly NamedModel[]): Column[] {
  const timed = models.flatMap(({ model }) => model.latencies ?? []);
  const keys = [...new Map(timed.map((l) => [`${l.runtime}, batch ${l.batch}`, l])).entries()];
  return keys.map(([name, { runtime, batch }]) => ({
    name,
    read: ({ latencies }) => {
      const found = latencies?.find((l) => l.runtime === runtime && l.batch === batch);
      return found && milliseconds(found.median);
    },
  }));
}
