import { parseDuration } from '@moltbot/config';
import type { BaselineWindow } from '@moltbot/log-analysis';
import type { CommandContext } from '../context.js';
import { CommandError } from '../exit-codes.js';

/** A time without a zone is UTC, as in the report; `2h` is so long ago. @throws CommandError `usage` */
export function readTime(value: string | boolean | undefined, { messages }: CommandContext): number | undefined {
  if (typeof value !== 'string') return undefined;
  const ago = parseDuration(value);
  const at = ago === undefined ? parseTime(value) : Date.now() - ago;
  if (Number.isNaN(at)) throw new CommandError('usage', messages.logsTime(value));
  return at;
}

/** `24h`: the first so long of the log; or FROM/TO as ISO 8601 has intervals. @throws CommandError `usage` */
export function readBaselineWindow(
  value: string | boolean | undefined,
  { messages }: CommandContext,
): BaselineWindow | undefined {
  if (typeof value !== 'string') return undefined;
  const firstMs = parseDuration(value);
  if (firstMs !== undefined && firstMs > 0) return { firstMs };
  const [from = '', to = '', ...more] = value.split('/');
  const [fromMs, toMs] = [parseTime(from), parseTime(to)];
  if (more.length > 0 || !(fromMs < toMs)) throw new CommandError('usage', messages.logsWindow(value));
  return { fromMs, toMs };
}

function parseTime(value: string): number {
  const zoned =
    /(?:Z|[+-]\d\d:?\d\d)$/i.test(value) || /^\d{4}-\d\d-\d\d$/.test(value) ? value : `${value.replace(' ', 'T')}Z`;
  return Date.parse(zoned);
}
