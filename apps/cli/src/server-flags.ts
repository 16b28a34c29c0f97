import type { CommandOptions } from './context.js';

const KEYS = {
  port: 'server.port',
  host: 'server.host',
  metricsPort: 'server.metrics_port',
  logLevel: 'logs.level',
} as const;

/** The settings that the command line gives, by dotted key. */
export function serverFlags(options: CommandOptions): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  for (const [option, key] of Object.entries(KEYS)) {
    const value = options[option];
    if (value !== undefined) flags[key] = value;
  }
  return flags;
}
