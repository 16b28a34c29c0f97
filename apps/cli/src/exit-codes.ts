import type { ErrorCode } from '@moltbot/contracts';

/** What the command's exit code says. Stable: scripts rely on it. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'It worked.' },
  failed: {
    code: 1,
    meaning:
      'It failed; the message says why. Also where a model that `models test` asked failed, or a credential that `auth status` or `auth test` asked about is not usable.',
  },
  usage: { code: 2, meaning: 'The command line is wrong. For `auth status`: a credential will not be usable soon.' },
  unreachable: { code: 3, meaning: 'No server answers.' },
  refused: {
    code: 4,
    meaning: 'Refused: a mistake in the configuration, a port that is taken, an unsafe address, or a second start.',
  },
  model: { code: 5, meaning: 'The models failed, or an answer broke off.' },
  interrupted: { code: 130, meaning: 'Interrupted by Ctrl-C.' },
} as const;

export type ExitName = keyof typeof EXIT_CODES;

/** Ends a command with a message for people and a code for scripts. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exit: ExitName;
  /** For programs; a code of the error table, where there is one. */
  readonly code: ErrorCode | ExitName | (string & {});

  constructor(exit: ExitName, message: string, options: { readonly code?: string; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exit = exit;
    this.code = options.code ?? exit;
  }
}
