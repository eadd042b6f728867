import { fileSize, grouped, milliseconds } from '../../base/format.ts';
import type { ReportLatency } from '../../report/data.ts';
import type { ResultModel } from '../../runs/record.ts';
import type { ScoreKind } from '../../tasks/score.ts';
import { scoreColumns } from './scores.ts';
import { type Column, Table, tableOf } from './table.tsx';

/** What a table shows of a model. */
export interface TableModel
  extends Omit<ResultModel, 'file' | 'name' | 'bytes' | 'multiplyAdds'>,
    Partial<Pick<ResultModel, 'bytes' | 'multiplyAdds'>> {
  readonly latencies?: readonly ReportLatency[];
}

/** A model in a table. */
export interface NamedModel {
  readonly label: string;
  readonly model: TableModel;
}

interface ModelTableProps<Row extends NamedModel> {
  readonly models: readonly Row[];
  readonly scores: readonly ScoreKind[];
  /** What the table shows. */
  readonly label: string;
  /** Further columns, behind the names. */
  readonly about?: readonly Column<Row>[];
}

/** Models side by side. */
export function ModelTable<Row extends NamedModel>({ models, scores, label, about = [] }: ModelTableProps<Row>) {
  const columns: Column<Row>[] = [
    { head: 'model', read: (row) => row.label },
    ...about,
    ...[...scoreColumns(scores), ...COLUMNS, ...latencyColumns(models)].map(
      ({ head, read }): Column<Row> => ({ head, read: ({ model }) => read(model) }),
    ),
  ];
  return <Table {...tableOf(models, columns)} label={label} />;
}

const COLUMNS: readonly Column<TableModel>[] = [
  { head: 'units', read: (m) => m.hidden.join(' + ') },
  { head: 'parameters', read: (m) => grouped(m.parameters) },
  { head: 'embedding', read: (m) => m.split && grouped(m.split.embedding.stored) },
  { head: 'recurrent', read: (m) => m.split && grouped(m.split.recurrent.stored) },
  { head: 'output', read: (m) => m.split && grouped(m.split.output.stored) },
  { head: 'not zero', read: (m) => m.split && grouped(nonzero(m.split)) },
  { head: 'multiply-adds', read: (m) => (m.multiplyAdds === undefined ? undefined : grouped(m.multiplyAdds)) },
  { head: 'file', read: (m) => (m.bytes === undefined ? undefined : fileSize(m.bytes)) },
];

function nonzero(split: NonNullable<TableModel['split']>): number {
  return Object.values(split).reduce((sum, part) => sum + part.nonzero, 0);
}

function latencyColumns(models: readonly NamedModel[]): Column<TableModel>[] {
  const textOf = ({ runtime, batch }: ReportLatency) => `${runtime}, batch ${batch}`;
  const heads = new Set(models.flatMap(({ model }) => model.latencies ?? []).map(textOf));
  return [...heads].map((head) => ({
    head,
    read: ({ latencies }) => {
      const found = latencies?.find((latency) => textOf(latency) === head);
      return found && milliseconds(found.median);
    },
  }));
}
