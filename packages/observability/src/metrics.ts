import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, type Gauge as PromGauge, Registry } from 'prom-client';
import {
  type Cell,
  type Counter,
  CounterCell,
  type FamilyLimits,
  type Gauge,
  GaugeCell,
  type Histogram,
  HistogramCell,
  type Labels,
  MetricFamily,
} from './metric-family.js';
import { readContainerMemory } from './container-memory.js';
import type { MetricRow } from './metric-row.js';
import { METRICS, type MetricTable } from './metric-table.js';

type LabelsOf<Row extends MetricRow> = Readonly<Record<Row['labels'][number], string>>;

interface Removable<L> {
  /** Forgets one series: a target or credential that is no longer configured. */
  remove(labels: L): void;
  /** Forgets all series of this metric. */
  reset(): void;
}

export interface CounterFamily<L> extends Removable<L> {
  inc(labels: L, amount?: number): void;
  /** The series itself, looked up once. */
  with(labels: L): Counter;
}

export interface GaugeFamily<L> extends Removable<L> {
  set(labels: L, value: number): void;
  inc(labels: L, amount?: number): void;
  dec(labels: L, amount?: number): void;
  with(labels: L): Gauge;
}

export interface HistogramFamily<L> extends Removable<L> {
  observe(labels: L, value: number): void;
  with(labels: L): Histogram;
}

/** Without labels: the series itself. With labels: a family of them. */
type MetricOf<Row extends MetricRow> = Row['labels'] extends readonly []
  ? { counter: Counter; gauge: Gauge; histogram: Histogram }[Row['type']]
  : {
      counter: CounterFamily<LabelsOf<Row>>;
      gauge: GaugeFamily<LabelsOf<Row>>;
      histogram: HistogramFamily<LabelsOf<Row>>;
    }[Row['type']];

export interface MetricsOutput {
  readonly contentType: string;
  /** The text of `/metrics`. Calls that overlap share one answer. */
  render(): Promise<string>;
  /** Called before each rendering to set gauges; waited for up to a second, failures are ignored. @returns unsubscribe */
  onRender(refresh: () => void | Promise<void>): () => void;
  /** Stops what measures the process. */
  close(): void;
}

/** One property per row of the table, and the output. */
export type Metrics = { readonly [K in keyof MetricTable]: MetricOf<MetricTable[K]> } & MetricsOutput;

export interface MetricsOptions {
  readonly role: string;
  readonly version: string;
  readonly limits?: Partial<FamilyLimits> | undefined;
}

const LIMITS: FamilyLimits = { maxValues: 200, maxSeries: 2_000 };
const REFRESH_WITHIN_MS = 1_000;
/** How often the delay of the event loop is sampled; part of what is sampled. */
const SAMPLE_MS = 20;
const LAG_QUANTILES = { '0.5': 50, '0.99': 99, '1': 100 } as const;

/** Every metric of the table at zero, and those of the process from the first rendering on. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const limits: FamilyLimits = { ...LIMITS, ...options.limits };
  const metrics: Record<string, unknown> = {};
  for (const [key, row] of Object.entries<MetricRow>(METRICS)) metrics[key] = register(registry, row, limits);

  const refreshers = new Set<() => void | Promise<void>>();
  let lag: IntervalHistogram | undefined;
  let running: Promise<string> | undefined;

  const startMeasuring = (): void => {
    // Only where somebody scrapes: the monitors cost wake-ups.
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: SAMPLE_MS });
    lag = monitorEventLoopDelay({ resolution: SAMPLE_MS });
    lag.enable();
  };

  const render = async (): Promise<string> => {
    if (lag === undefined) startMeasuring();
    else reportLag(lag, metrics as unknown as Metrics);
    const { limitBytes, usedBytes } = await readContainerMemory();
    all.memoryLimit.set(limitBytes);
    all.memoryUsed.set(usedBytes);
    await Promise.all([...refreshers].map(async (refresh) => bounded(refresh)));
    return registry.metrics();
  };

  const output: MetricsOutput = {
    contentType: registry.contentType,
    render: async () => {
      running ??= render().finally(() => {
        running = undefined;
      });
      return running;
    },
    onRender: (refresh) => {
      refreshers.add(refresh);
      return () => {
        refreshers.delete(refresh);
      };
    },
    close: () => {
      lag?.disable();
      refreshers.clear();
    },
  };
  const all = { ...metrics, ...output } as Metrics;
  all.buildInfo.set({ version: options.version, node: process.versions.node, role: options.role }, 1);
  return all;
}

/** One metric of the table as its users see it; the registry reads the family behind it. */
function register(registry: Registry, row: MetricRow, limits: FamilyLimits): unknown {
  switch (row.type) {
    case 'counter': {
      const family = addFamily(registry, new MetricFamily(row, () => new CounterCell(), limits));
      if (row.labels.length === 0) return family.unlabelled;
      return {
        ...removable(family),
        inc: (labels: Labels, amount?: number) => {
          family.cell(labels).inc(amount);
        },
      };
    }
    case 'gauge': {
      const family = addFamily(registry, new MetricFamily(row, () => new GaugeCell(row), limits));
      if (row.labels.length === 0) return family.unlabelled;
      return {
        ...removable(family),
        set: (labels: Labels, value: number) => {
          family.cell(labels).set(value);
        },
        inc: (labels: Labels, amount?: number) => {
          family.cell(labels).inc(amount);
        },
        dec: (labels: Labels, amount?: number) => {
          family.cell(labels).dec(amount);
        },
      };
    }
    case 'histogram': {
      const bounds = row.buckets ?? [];
      const family = addFamily(registry, new MetricFamily(row, () => new HistogramCell(bounds), limits));
      if (row.labels.length === 0) return family.unlabelled;
      return {
        ...removable(family),
        observe: (labels: Labels, value: number) => {
          family.cell(labels).observe(value);
        },
      };
    }
    default:
      throw new TypeError(`no such type of metric: ${String(row.type)}`);
  }
}

function addFamily<C extends Cell>(registry: Registry, family: MetricFamily<C>): MetricFamily<C> {
  // The registry needs a name and `get`; its types ask for one of prom-client's own classes.
  registry.registerMetric(family as unknown as PromGauge);
  return family;
}

function removable<C extends Cell>(family: MetricFamily<C>): Removable<Labels> & { with(labels: Labels): C } {
  return {
    with: (labels) => family.cell(labels),
    remove: (labels) => {
      family.remove(labels);
    },
    reset: () => {
      family.reset();
    },
  };
}

function reportLag(lag: IntervalHistogram, metrics: Metrics): void {
  if (lag.count === 0) return;
  for (const [quantile, percentile] of Object.entries(LAG_QUANTILES)) {
    const late = lag.percentile(percentile) / 1e9 - SAMPLE_MS / 1e3;
    metrics.eventLoopLag.set({ quantile }, Math.max(0, late));
  }
  lag.reset();
}

async function bounded(refresh: () => void | Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, REFRESH_WITHIN_MS);
  });
  try {
    await Promise.race([refresh(), late]);
  } catch {
    // A gauge that can't be refreshed keeps its last value; the others are still worth having.
  } finally {
    clearTimeout(timer);
  }
}
