/**
 * - `disconnected`: no connection to where the state is kept; nothing was sent
 * - `timeout`: no answer in time; the call may have been carried out
 * - `interrupted`: the connection broke before the answer; the call may have been carried out
 * - `refused`: the server answered with an error (`READONLY`, `OOM`, `NOAUTH`, `LOADING`, …); `reason` is its name
 */
export type StateErrorCode = 'disconnected' | 'timeout' | 'interrupted' | 'refused';

/** The shared state can't be had now. Whoever asked goes on with what it knows itself. */
export class StateError extends Error {
  override readonly name = 'StateError';
  readonly code: StateErrorCode;
  /** A code of the system or of the server; never a text with a login. */
  readonly reason: string | undefined;

  constructor(code: StateErrorCode, reason?: string, options: { readonly cause?: unknown } = {}) {
    super(
      `the shared state can not be used (${code}${reason === undefined ? '' : `: ${reason}`})`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.reason = reason;
  }

  /** Whether the call may have had its effect all the same. */
  get maybeApplied(): boolean {
    return this.code === 'timeout' || this.code === 'interrupted';
  }
}
