import type { SavedConfig } from '../../runs/record.ts';
import { Table } from './table.tsx';

/** The configuration of a run, folded away. */
export function ConfigTable({ config }: { config: SavedConfig }) {
  return (
    <details class="part">
      <summary>Configuration</summary>
      <Table
        head={['field', 'value']}
        rows={[...settingsOf(config)].map(([name, value]) => [name, said(value)])}
        label="Configuration"
      />
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

/** Fields of which not all configurations say the same. */
export function differing(configs: readonly (SavedConfig | undefined)[]): string[] {
  const settings = configs.map((config) => (config ? settingsOf(config) : new Map<string, unknown>()));
  const names = [...new Set(settings.flatMap((of) => [...of.keys()]))];
  return names.filter((name) => new Set(settings.map((of) => said(of.get(name)))).size > 1);
}

/** A setting as text. */
export function said(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
