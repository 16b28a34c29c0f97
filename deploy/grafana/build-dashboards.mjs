// Writes dashboards/*.json from panels.mjs, so that all look alike. `node deploy/grafana/build-dashboards.mjs [--check]`
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DASHBOARDS } from './panels.mjs';

const FOLDER = join(import.meta.dirname, 'dashboards');
const SOURCE = { type: 'prometheus', uid: 'prometheus' };
const COLUMNS = 24;
const SIZES = { stat: [4, 4], gauge: [8, 4], table: [12, 8], 'state-timeline': [12, 8], timeseries: [12, 8] };
const FILTER = 'instance=~"$instance"';

const refId = (index) => String.fromCodePoint('A'.codePointAt(0) + index);

function thresholds(red) {
  const steps = [{ color: 'green', value: null }];
  if (red !== undefined) steps.push({ color: 'red', value: red });
  return { mode: 'absolute', steps };
}

function mappings(words) {
  if (words === undefined) return [];
  const options = Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }]);
  return [{ type: 'value', options: Object.fromEntries(options) }];
}

const LEGEND = { displayMode: 'list', placement: 'bottom', showLegend: true };
const REDUCED = { calcs: ['lastNotNull'], fields: '', values: false };
const OPTIONS = {
  timeseries: { legend: LEGEND, tooltip: { mode: 'multi', sort: 'desc' } },
  stat: { reduceOptions: REDUCED, colorMode: 'value', graphMode: 'area', justifyMode: 'auto', textMode: 'auto' },
  gauge: { reduceOptions: REDUCED, showThresholdLabels: false, showThresholdMarkers: true },
  table: { showHeader: true },
  'state-timeline': { mergeValues: true, showValue: 'auto', legend: LEGEND, tooltip: { mode: 'single' } },
};

function custom(panel, type) {
  if (type === 'timeseries') {
    const stacking = { mode: panel.stack === true ? 'normal' : 'none', group: 'A' };
    return {
      drawStyle: 'line',
      lineWidth: 1,
      fillOpacity: panel.stack === true ? 20 : 5,
      showPoints: 'never',
      stacking,
    };
  }
  return type === 'state-timeline' ? { fillOpacity: 70, lineWidth: 0 } : {};
}

function toPanel(panel, id, gridPos) {
  const type = panel.type ?? 'timeseries';
  return {
    id,
    title: panel.title,
    type,
    datasource: SOURCE,
    gridPos,
    fieldConfig: {
      defaults: {
        unit: panel.unit,
        min: panel.max === undefined ? undefined : 0,
        max: panel.max,
        thresholds: thresholds(panel.red),
        mappings: mappings(panel.mappings),
        color: { mode: type === 'timeseries' ? 'palette-classic' : 'thresholds' },
        custom: custom(panel, type),
      },
      overrides: [],
    },
    options: OPTIONS[type],
    targets: panel.targets.map(({ expr, legend }, index) => ({
      refId: refId(index),
      datasource: SOURCE,
      expr: expr.replaceAll(/\{@|,@/g, (found) => found.replace('@', FILTER)),
      legendFormat: legend === '' ? '__auto' : legend,
      ...(panel.instant === true ? { instant: true, range: false, format: 'table' } : { range: true }),
    })),
  };
}

function layOut(panels) {
  let x = 0;
  let y = 0;
  let rowHeight = 0;
  return panels.map((panel, index) => {
    const [w, h] = SIZES[panel.type ?? 'timeseries'];
    if (x + w > COLUMNS || (rowHeight !== 0 && h !== rowHeight)) {
      x = 0;
      y += rowHeight;
    }
    const gridPos = { x, y, w, h };
    x += w;
    rowHeight = h;
    return toPanel(panel, index + 1, gridPos);
  });
}

function toDashboard(name, { title, description, panels }) {
  return {
    uid: `moltbot-${name}`,
    title,
    description: description ?? '',
    tags: ['moltbot'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    timezone: 'browser',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        {
          name: 'instance',
          label: 'Process',
          type: 'query',
          datasource: SOURCE,
          definition: 'label_values(moltbot_build_info, instance)',
          query: { query: 'label_values(moltbot_build_info, instance)', refId: 'instance' },
          includeAll: true,
          multi: true,
          allValue: '.*',
          current: { selected: true, text: ['All'], value: ['$__all'] },
          refresh: 2,
          sort: 1,
        },
      ],
    },
    annotations: { list: [] },
    links: [
      { type: 'dashboards', title: 'MoltBot', tags: ['moltbot'], asDropdown: true, includeVars: true, keepTime: true },
    ],
    panels: layOut(panels),
  };
}

const check = process.argv.includes('--check');
let different = 0;
mkdirSync(FOLDER, { recursive: true });
for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
  const path = join(FOLDER, `${name}.json`);
  const text = `${JSON.stringify(toDashboard(name, dashboard), undefined, 2)}\n`;
  let before = '';
  try {
    before = readFileSync(path, 'utf8');
  } catch {
    // The first time there is none.
  }
  if (before === text) continue;
  different += 1;
  if (check) console.error(`${name}.json is not what panels.mjs says: node deploy/grafana/build-dashboards.mjs`);
  else writeFileSync(path, text);
}
process.exit(check && different > 0 ? 1 : 0);
