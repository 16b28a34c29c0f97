import type { SettingPath } from './setting-key.js';

/** What is fixed when a process starts: sockets, files and connections that it opens once. All else follows the file. */
const FIXED_AT_START: readonly string[] = [
  'server',
  'worker',
  'storage',
  'queue',
  'objects',
  'state',
  // Not all of `credentials`: entries of auth.json are named so too.
  'credentials.store',
  'discovery',
  'drill.schedule',
  'logs.format',
  'logs.console',
  'logs.content',
  'logs.file',
  'logs.max_size',
  'logs.rotate',
  'logs.max_files',
  'logs.max_age',
  'logs.syslog',
  'tracing',
];

/** Whether a change of this setting waits for the next start. */
export function needsRestart(key: string | SettingPath): boolean {
  const dotted = typeof key === 'string' ? key : key.join('.');
  return FIXED_AT_START.some((fixed) => dotted === fixed || dotted.startsWith(`${fixed}.`));
}
