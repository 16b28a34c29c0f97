import type { Environment } from './environment.js';

export type Locale = 'en' | 'zh';

/** The first that is set decides, as POSIX orders them (XBD 8.2), ours before them. */
const VARIABLES = ['MOLTBOT_LANG', 'LC_ALL', 'LC_MESSAGES', 'LANG'] as const;

/** The language of what the command prints: Chinese for `zh…`, else English. */
export function readLocale(env: Environment): Locale {
  const value = VARIABLES.map((name) => (env[name] ?? '').trim()).find((text) => text !== '') ?? '';
  return /^zh($|[-_.@])/i.test(value) ? 'zh' : 'en';
}
