import type { CommandOptions } from './context.js';

/** Options of the command line by role, as the settings that they give. */
const KEYS = {
  primary: { port: 'server.port', host: 'server.host', metricsPort: 'server.metrics_port', logLevel: 'logs.level' },
  worker: { metricsPort: 'worker.metrics_port', logLevel: 'logs.level' },
} as const;

/** The settings that the command line gives, by dotted key. */
export function serverFlags(role: 'primary' | 'worker', options: CommandOptions): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  for (const [option, key] of Object.entries(KEYS[role])) {
    const value = options[option];
    if (value !== undefined) flags[key] = value;
  }
  return flags;
}
