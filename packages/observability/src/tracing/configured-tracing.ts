import type { Logger } from '../logger.js';
import type { Metrics } from '../metrics.js';
import { openTracing, type Tracing } from './tracing.js';

/** `tracing` of the configuration. */
export interface TracingSettings {
  readonly otlp_endpoint?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly sample_ratio: number;
  readonly service_name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The traces of a process as its configuration says; `undefined`, and nothing loaded, where nobody wants them. */
export async function openConfiguredTracing(options: {
  readonly role: string;
  readonly version: string;
  readonly tracing: TracingSettings;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'spansDropped'>;
}): Promise<Tracing | undefined> {
  const { role, version, tracing, logger, metrics } = options;
  const { otlp_endpoint: endpoint } = tracing;
  if (endpoint === undefined) return undefined;
  return openTracing({
    endpoint,
    headers: tracing.headers,
    sampleRatio: tracing.sample_ratio,
    serviceName: tracing.service_name,
    resource: {
      'service.version': version,
      'service.instance.id': `${role}-${process.pid}`,
      'moltbot.role': role,
      ...tracing.attributes,
    },
    onDrop: (count, reason) => {
      metrics.spansDropped.inc({ reason }, count);
    },
    onLost: (error) => {
      logger.warn('collector of traces lost', { endpoint, error: error.message });
    },
    onBack: () => {
      logger.info('collector of traces is back', { endpoint });
    },
  });
}
