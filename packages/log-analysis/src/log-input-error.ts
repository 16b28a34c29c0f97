/** Why an input can't be analysed. Stable: the worker and the command map them to their own errors. */
export const LOG_INPUT_ERRORS = {
  binary: 'The input is binary data, not a log.',
  bomb: 'The compressed input unpacks to more than is allowed.',
  damaged: 'The compressed input is damaged.',
  too_large: 'The input is larger than is allowed.',
  unreadable: 'The input could not be read.',
  unsupported: 'The input is compressed in a way that is not supported here.',
} as const;

export type LogInputErrorCode = keyof typeof LOG_INPUT_ERRORS;

/** What is wrong with an input, as a value of its own: `code` for programs, `message` safe to show. */
export class LogInputError extends Error {
  override readonly name = 'LogInputError';
  readonly code: LogInputErrorCode;
  /** What the message says beyond its code. */
  readonly detail: string;

  constructor(code: LogInputErrorCode, detail = '', options: { readonly cause?: unknown } = {}) {
    super(detail === '' ? LOG_INPUT_ERRORS[code] : `${LOG_INPUT_ERRORS[code]} ${detail}`, options);
    this.code = code;
    this.detail = detail;
  }
}
