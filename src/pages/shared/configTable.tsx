import type { SavedConfig } from '../../runs/record.ts';
import { Table } from './table.tsx';

/** The configuration of a run, folded away. */
export function ConfigTable({ config }: { config: SavedConfig }) {
  return (
    <details class="part">
      <summary>Configuration</summary>
      <Table head={['field', 'value']} rows={[...settingsOf(config)].map(([name, value]) => [name, said(value)])} />
    </details>
  );
}

/** What every run of a kind has alike, and no one has set. */
const NO_SETTINGS: readonly string[] = ['format', 'items', 'scores'];

/** The fields of a configuration by name: `method` for the kind of a part, `method.iss` for a field of it. */
export function settingsOf(config: SavedConfig): Map<string, unknown> {
  const settings = new Map<string, unknown>();
  for (const [name, value] of Object.entries(config)) {
    if (NO_SETTINGS.includes(name)) continue;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) settings.set(name, value);
    else
      for (const [field, inner] of Object.entries(value))
        settings.set(field === 'kind' ? name : `${name}.${field}`, inner);
  }
  return settings;
}

/** A setting as text. */
export function said(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
