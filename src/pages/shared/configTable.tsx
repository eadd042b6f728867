import { Table } from './table.tsx';

/** The configuration of a run, folded away. */
export function ConfigTable({ config }: { config: Readonly<Record<string, unknown>> }) {
  return (
    <details class="part">
      <summary>Configuration</summary>
      <div class="scroll">
        <Table head={['field', 'value']} rows={Object.entries(config).map(([key, value]) => [key, said(value)])} />
      </div>
    </details>
  );
}

/** A setting as text. */
export function said(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
