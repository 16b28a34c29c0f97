export type { LogFields, LogLevel } from './log-line.js';
export { createLogger, type Logger, type LoggerOptions } from './logger.js';
export { type RedactOptions, redact } from './redact.js';
export { redactText } from './redact-text.js';
