import Transport from 'winston-transport';
import { type LogInfo, RECORD } from '../log-transports.js';
import type { LogRecord } from '../log-line.js';
import type { SyslogMessage } from './syslog-message.js';
import type { SyslogSender } from './syslog-sender.js';

/** Hands records to a syslog server; never waits for it. */
export class SyslogTransport extends Transport {
  readonly #options: {
    readonly format: (record: LogRecord) => SyslogMessage;
    readonly sender: SyslogSender;
    readonly onTruncate: () => void;
  };

  constructor(options: {
    readonly format: (record: LogRecord) => SyslogMessage;
    readonly sender: SyslogSender;
    readonly onTruncate: () => void;
  }) {
    super();
    this.#options = options;
  }

  override log(info: LogInfo, next: () => void): void {
    const { format, sender, onTruncate } = this.#options;
    const message = format(info[RECORD]);
    if (message.truncated) onTruncate();
    sender.send(message);
    next();
  }
}
