import { createLogger, type Logger } from './logger.js';
import type { LogLevel } from './log-line.js';
import type { Metrics } from './metrics.js';
import type { SyslogFacility } from './syslog/syslog-message.js';

/** `logs` of the configuration: bytes and ms. */
export interface LogSettings {
  readonly level: LogLevel;
  readonly format: 'auto' | 'json' | 'pretty';
  readonly console: boolean;
  readonly content: boolean;
  readonly file?: string | undefined;
  readonly max_size: number;
  readonly rotate: 'size' | 'hourly' | 'daily';
  readonly max_files: number;
  readonly max_age: number;
  readonly syslog: {
    readonly url?: string | undefined;
    readonly facility: SyslogFacility;
    readonly format: 'json' | 'text';
    readonly app_name: string;
    readonly hostname?: string | undefined;
    readonly structured_data_id: string;
    readonly max_message: number;
    readonly max_datagram: number;
    readonly buffer: number;
    readonly ca_file?: string | undefined;
    readonly cert_file?: string | undefined;
    readonly key_file?: string | undefined;
    readonly server_name?: string | undefined;
  };
}

/** The logger of a process as its configuration says; what it drops and shortens is counted. */
export function openConfiguredLogger(options: {
  readonly role: string;
  readonly logs: LogSettings;
  readonly metrics: Pick<Metrics, 'logLinesDropped' | 'logLinesShortened'>;
}): Logger {
  const { role, logs, metrics } = options;
  return createLogger({
    role,
    level: logs.level,
    format: logs.format,
    console: logs.console ? 'stdout' : 'none',
    content: logs.content,
    file: logs.file,
    maxSize: logs.max_size,
    maxFiles: logs.max_files,
    rotate: logs.rotate,
    maxAge: logs.max_age === 0 ? undefined : logs.max_age,
    syslog: syslogOf(logs.syslog),
    onDrop: (count, sink) => {
      metrics.logLinesDropped.inc({ sink }, count);
    },
    onTruncate: () => {
      metrics.logLinesShortened.inc();
    },
  });
}

function syslogOf(syslog: LogSettings['syslog']): Parameters<typeof createLogger>[0]['syslog'] {
  const { url } = syslog;
  if (url === undefined) return undefined;
  return {
    url,
    facility: syslog.facility,
    format: syslog.format,
    appName: syslog.app_name,
    hostname: syslog.hostname,
    structuredDataId: syslog.structured_data_id,
    maxMessage: url.startsWith('udp:') ? syslog.max_datagram : syslog.max_message,
    buffer: syslog.buffer,
    tls: {
      caFile: syslog.ca_file,
      certFile: syslog.cert_file,
      keyFile: syslog.key_file,
      serverName: syslog.server_name,
    },
  };
}
