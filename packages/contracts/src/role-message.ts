import { type ErrorCode, MoltbotError } from './errors.js';

/** Exit codes of a role's process (primary, worker) that did not start. */
export const ROLE_EXIT = { failed: 1, refused: 4 } as const;

/** What a role tells the process that started it, over its IPC channel. */
export type RoleMessage =
  | { readonly type: 'ready'; readonly port?: number; readonly metricsPort?: number }
  | { readonly type: 'not-started'; readonly code: ErrorCode; readonly message: string };

/** Mistakes that no restart mends: somebody has to change a setting, a flag or the machine. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'config_invalid',
  'unsafe_bind',
  'port_in_use',
  'storage_too_new',
]);

/** Whether the start, or a change, was refused rather than failed. */
export function isRefusal(error: unknown): error is MoltbotError {
  return error instanceof MoltbotError && REFUSALS.has(error.code);
}

/** How a role that could not start ends: a refusal is one message that says what to do; a fault shows where it came from. */
export function roleFailure(error: unknown): {
  readonly exitCode: number;
  readonly text: string;
  readonly message: Extract<RoleMessage, { readonly type: 'not-started' }>;
} {
  const exitCode = isRefusal(error) ? ROLE_EXIT.refused : ROLE_EXIT.failed;
  if (error instanceof MoltbotError) {
    const { code, message } = error;
    return { exitCode, text: `${code}: ${message}`, message: { type: 'not-started', code, message } };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const message = error instanceof Error ? error.message : text;
  return { exitCode, text, message: { type: 'not-started', code: 'internal_error', message } };
}
