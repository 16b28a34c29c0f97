import { StringDecoder } from 'node:string_decoder';
import { Secret } from '@moltbot/contracts';

const MAX_LENGTH = 16_384;

export interface ReadSecretOptions {
  readonly stdin: NodeJS.ReadStream;
  /** Where the question goes. */
  readonly ask: (question: string) => void;
  readonly question: string;
  readonly signal: AbortSignal;
}

/**
 * A secret that a person types or pastes on a terminal, without echo; or the first line of a pipe. Blanks around it go.
 * @returns `undefined` where nothing was given
 * @throws the signal's reason; also on Ctrl-C, by which `interrupt` is called
 */
export async function readSecret(
  options: ReadSecretOptions & { readonly interrupt: () => void },
): Promise<Secret | undefined> {
  const { stdin, ask, question, signal, interrupt } = options;
  const isTerminal = stdin.isTTY;
  if (isTerminal) {
    ask(question);
    stdin.setRawMode(true);
  }
  const decoder = new StringDecoder('utf8');
  let typed = '';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const onData = (bytes: Buffer): void => {
    for (const character of decoder.write(bytes)) {
      if (character === '\r' || character === '\n') return resolve(typed);
      if (isTerminal && character === '\u0003') return interrupt();
      if (isTerminal && character === '\u0004') return resolve(typed);
      if (isTerminal && (character === '\u007f' || character === '\b')) typed = typed.slice(0, -1);
      else if (isTerminal && character === '\u0015') typed = '';
      else if (typed.length < MAX_LENGTH) typed += character;
    }
  };
  const onEnd = (): void => resolve(typed);
  const onAbort = (): void => reject(signal.reason as Error);
  stdin.on('data', onData);
  stdin.once('end', onEnd);
  stdin.once('error', onEnd);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const text = (await promise).trim();
    return text === '' ? undefined : new Secret(text);
  } finally {
    stdin.off('data', onData);
    stdin.off('end', onEnd);
    stdin.off('error', onEnd);
    signal.removeEventListener('abort', onAbort);
    stdin.pause();
    if (isTerminal) {
      stdin.setRawMode(false);
      ask('\n');
    }
  }
}
