import { ERRORS, type ErrorCode } from '@moltbot/contracts';

/** What happened to a job, kept with it in order. Its number in that order, from 1, is its id. Times are Unix ms. */
export type JobEventRow =
  | { readonly type: 'progress'; readonly at: number; readonly progress: object }
  | {
      readonly type: 'attempt-failed';
      readonly at: number;
      readonly attempt: number;
      readonly error: { readonly code: ErrorCode; readonly message: string };
    }
  | { readonly type: 'retried'; readonly at: number };

/** A job that reports more often is shown with its last progress only. */
export const MAX_EVENT_ROWS = 2_000;

export function writeJobEventRow(row: JobEventRow): string {
  return JSON.stringify(row);
}

/** @returns `undefined` for what another version wrote */
export function readJobEventRow(text: string): JobEventRow | undefined {
  let row: Partial<Record<string, unknown>> | null;
  try {
    row = JSON.parse(text) as Partial<Record<string, unknown>> | null;
  } catch {
    return undefined;
  }
  if (typeof row !== 'object' || row === null || typeof row['at'] !== 'number') return undefined;
  switch (row['type']) {
    case 'progress':
      return typeof row['progress'] === 'object' ? (row as unknown as JobEventRow) : undefined;
    case 'attempt-failed': {
      const { code } = (row['error'] ?? {}) as { readonly code?: string };
      return code !== undefined && Object.hasOwn(ERRORS, code) ? (row as unknown as JobEventRow) : undefined;
    }
    case 'retried':
      return row as unknown as JobEventRow;
    default:
      return undefined;
  }
}
