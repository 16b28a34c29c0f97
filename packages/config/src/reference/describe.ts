import { needsRestart } from '../settings/restart-settings.js';
import { type LeafShape, leaves, type WrittenValue } from '../settings/setting-shape.js';
import { variableOf } from '../settings/setting-variables.js';

/** One setting, as documentation shows it. */
export interface SettingDescription {
  /** `server.port`, `providers.<name>.base_url` */
  readonly key: string;
  /** `a whole number from 0 to 65535` */
  readonly type: string;
  /** As it is written in the file: `30s`, `32mb`, `[]`; `undefined` where the setting has none. */
  readonly default: WrittenValue | undefined;
  /** An entry that is there must have it. */
  readonly required: boolean;
  readonly description: string;
  readonly environmentVariable: string | undefined;
  /** Whether a change waits for the next start. */
  readonly restart: boolean;
}

/** Every setting of config.yml in the schema's order; `<name>` stands for what the user names. */
export function describeSettings(): readonly SettingDescription[] {
  return [...leaves()].map(({ path, leaf }) => ({
    key: path.join('.'),
    type: typeOf(leaf),
    default: leaf.default,
    required: leaf.required,
    description: leaf.description,
    environmentVariable: variableOf(path),
    restart: needsRestart(path),
  }));
}

function typeOf(leaf: LeafShape): string {
  return leaf.expected
    .replace(/^expected /, '')
    .replace(' like 30s, 500ms or 2m,', '')
    .replace(' like 512kb or 32mb,', '');
}

/** The settings as Markdown tables, one per group, for `docs/configuration.md`. */
export function settingsReferenceMarkdown(): string {
  const groups = Map.groupBy(describeSettings(), ({ key }) => (key.includes('.') ? (key.split('.', 1)[0] ?? '') : ''));
  return [...groups].map(([group, rows]) => groupTable(group, rows)).join('\n\n');
}

function groupTable(group: string, rows: readonly SettingDescription[]): string {
  return [
    group === '' ? '### At the top level' : `### \`${group}\``,
    '',
    '| Key | Value | Default | What it is for |',
    '| --- | --- | --- | --- |',
    ...rows.map(tableRow),
  ].join('\n');
}

function tableRow(row: SettingDescription): string {
  const fallback = row.default === undefined ? (row.required ? 'required' : '–') : code(formatDefault(row.default));
  const variable = row.environmentVariable === undefined ? '' : ` Variable: \`${row.environmentVariable}\`.`;
  const restart = row.restart ? ' Takes effect at the next start.' : '';
  return `| ${[code(row.key), row.type, fallback, row.description + variable + restart].map(cell).join(' | ')} |`;
}

function formatDefault(value: WrittenValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`);
}
