import { fileSize, grouped, milliseconds } from '../../base/format.ts';
import type { ReportLatency } from '../../report/data.ts';
import type { ResultModel } from '../../runs/record.ts';
import type { ScoreKind } from '../../tasks/score.ts';
import { scoreColumns } from './scores.ts';
import { type Column, Table, tableOf } from './table.tsx';

/** What a table shows of a model. */
export interface TableModel extends Omit<ResultModel, 'file' | 'name'> {
  readonly latencies?: readonly ReportLatency[];
}

interface Named {
  readonly label: string;
  readonly model: TableModel;
}

/** Models side by side. */
export function ModelTable({ models, scores }: { models: readonly Named[]; scores: readonly ScoreKind[] }) {
  const columns: Column<Named>[] = [
    { head: 'model', read: ({ label }) => label },
    ...[...scoreColumns(scores), ...COLUMNS, ...latencyColumns(models)].map(
      ({ head, read }): Column<Named> => ({ head, read: ({ model }) => read(model) }),
    ),
  ];
  return <Table {...tableOf(models, columns)} />;
}

const COLUMNS: readonly Column<TableModel>[] = [
  { head: 'hidden', read: (m) => m.hidden.join(', ') },
  { head: 'parameters', read: (m) => grouped(m.parameters) },
  { head: 'embedding', read: (m) => m.split && grouped(m.split.embedding.stored) },
  { head: 'recurrent', read: (m) => m.split && grouped(m.split.recurrent.stored) },
  { head: 'output', read: (m) => m.split && grouped(m.split.output.stored) },
  { head: 'not zero', read: (m) => m.split && grouped(nonzero(m.split)) },
  { head: 'multiply-adds', read: (m) => grouped(m.multiplyAdds) },
  { head: 'file', read: (m) => fileSize(m.bytes) },
];

function nonzero(split: NonNullable<TableModel['split']>): number {
  return Object.values(split).reduce((sum, part) => sum + part.nonzero, 0);
}

function latencyColumns(models: readonly Named[]): Column<TableModel>[] {
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
