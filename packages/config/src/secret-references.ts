import { isAbsolute, join, resolve as resolvePath } from 'node:path';
import { MoltbotError, Secret } from '@moltbot/contracts';
import type { ConfigWarning } from './auth-file.js';
import type { Environment } from './environment/environment.js';
import { readSmallFile } from './files/read-file.js';
import { runSecretCommand } from './secret-command.js';
import type { SecretReference, SecretSource } from './stored-credential.js';

export interface SecretResolverOptions {
  /** Looked at for each `env:`; handed on to commands. */
  readonly env: Environment;
  /** Relative paths are from here, and commands run here. */
  readonly paths: { readonly home: string };
  /** What `~` is. */
  readonly homeDirectory: string;
  /** Whether auth.json is trusted so far that commands in it are run: see `isWritableByOthers`. Asked before each run. */
  readonly execAllowed: () => boolean | Promise<boolean>;
  readonly onWarning?: (warning: ConfigWarning) => void;
  /** Milliseconds that only grow: a clock that is set back must not keep what failed, or what was replaced. */
  readonly now?: () => number;
  /** For a command, and for a file. */
  readonly timeoutMs?: number;
}

/** Turns what auth.json says of a secret into the secret. */
export interface SecretResolver {
  /**
   * `env:` at once; `file:` and `exec:` once in 5 minutes. The text is the first line, or the whole where it is PEM.
   * @throws MoltbotError `credential_missing` (thrown for `env:`, else rejected) that names the reference, never what it gave
   */
  resolve(source: SecretSource): Secret | Promise<Secret>;
  /** It was rejected: the next `resolve` looks again. */
  forget(source: SecretSource): void;
}

interface Remembered {
  readonly secret?: Secret;
  readonly readAt: number;
  readonly error?: unknown;
  readonly failedAt?: number;
  readonly pending?: Promise<Secret>;
}

const FRESH_MS = 300_000;
/** A command may ask a person, or a vault over the network: for as long again the old answer serves while it runs. */
const STALE_MS: Readonly<Record<'file' | 'exec', number>> = { file: 0, exec: 300_000 };
/** Many requests at once must not start what has just failed as many times. */
const FAILED_MS = 5_000;
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 65_536;
const MAX_REMEMBERED = 1_000;
/** Mounted by container runtimes, readable by all who are in the container. */
const CONTAINER_SECRETS = /^(\/var)?\/run\/secrets\//;

export function createSecretResolver(options: SecretResolverOptions): SecretResolver {
  const { env, execAllowed, onWarning = () => {}, now = () => performance.now(), timeoutMs = TIMEOUT_MS } = options;
  const remembered = new Map<string, Remembered>();
  const warned = new Set<string>();

  function lookUp(source: SecretReference, from: 'file' | 'exec'): Secret | Promise<Secret> {
    const key = keyOf(source);
    const known = remembered.get(key);
    const age = now() - (known?.readAt ?? Number.NEGATIVE_INFINITY);
    if (known?.secret !== undefined && age < FRESH_MS) return known.secret;
    const failed = known?.failedAt !== undefined && now() - known.failedAt < FAILED_MS;
    if (known?.secret !== undefined && age < FRESH_MS + STALE_MS[from]) {
      if (!failed) begin(source, from).catch(() => undefined);
      return known.secret;
    }
    return failed ? Promise.reject(known?.error) : begin(source, from);
  }

  /** Joins what is under way. */
  function begin(source: SecretReference, from: 'file' | 'exec'): Promise<Secret> {
    const key = keyOf(source);
    const known = remembered.get(key);
    if (known?.pending !== undefined) return known.pending;
    const pending = from === 'file' ? readSecretFile(source) : runCommand(source);
    const entry: Remembered = { ...(known ?? { readAt: Number.NEGATIVE_INFINITY }), pending };
    if (known === undefined && remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(key, entry);
    // What was forgotten in the meantime stays forgotten.
    const settle = (next: Remembered) => {
      if (remembered.get(key) === entry) remembered.set(key, next);
    };
    pending.then(
      (secret) => settle({ secret, readAt: now() }),
      (error: unknown) => settle({ ...(known ?? { readAt: Number.NEGATIVE_INFINITY }), error, failedAt: now() }),
    );
    return pending;
  }

  async function readSecretFile(source: SecretReference): Promise<Secret> {
    const file = pathOf(source.name);
    const read = await withinTime(readSmallFile(file), timeoutMs);
    if (read === 'late') throw missing(source, `it could not be read within ${timeoutMs} ms`);
    if (read === undefined) throw missing(source, 'there is no such file');
    if ('kind' in read) throw missing(source, `it ${read.detail}`);
    if (Buffer.byteLength(read.text) > MAX_BYTES) throw missing(source, `it is larger than ${MAX_BYTES} bytes`);
    warnOfMode(file, read.mode);
    return toSecret(source, read.text);
  }

  function warnOfMode(file: string, mode: number): void {
    const tooWide = (mode & 0o027) !== 0 && process.platform !== 'win32' && !CONTAINER_SECRETS.test(file);
    if (!tooWide || warned.has(file)) return;
    warned.add(file);
    const shown = `0${(mode & 0o777).toString(8)}`;
    const message = `${file} has mode ${shown}: other users of this machine can get at the secret in it`;
    onWarning({ kind: 'secret_file_mode', message, command: `chmod 600 '${file.replaceAll("'", String.raw`'\''`)}'` });
  }

  async function runCommand(source: SecretReference): Promise<Secret> {
    if (!(await execAllowed())) {
      throw missing(
        source,
        'another user can change auth.json, and commands in it are not run; it and its folder must be yours, and `chmod go-w`',
      );
    }
    const command = { command: source.name, env, folder: options.paths.home, timeoutMs, maxBytes: MAX_BYTES };
    const result = await runSecretCommand(command);
    if ('failure' in result) throw missing(source, result.failure);
    return toSecret(source, result.output);
  }

  function pathOf(name: string): string {
    if (/^~(?=[/\\]|$)/.test(name)) return join(options.homeDirectory, name.slice(1));
    return isAbsolute(name) ? name : resolvePath(options.paths.home, name);
  }

  return {
    resolve(source) {
      if (source instanceof Secret) return source;
      if (source.from !== 'env') return lookUp(source, source.from);
      const text = env[source.name];
      if (text === undefined) throw missing(source, 'the variable is not set');
      return toSecret(source, text);
    },
    forget(source) {
      if (!(source instanceof Secret)) remembered.delete(keyOf(source));
    },
  };
}

function keyOf({ from, name }: SecretReference): string {
  return `${from}:${name}`;
}

function toSecret(source: SecretReference, text: string): Secret {
  const whole = text.replace(/^\uFEFF/, '').trim();
  if (whole.startsWith('-----BEGIN ')) return new Secret(whole);
  const line = (whole.split(/\r?\n/, 1)[0] ?? '').trim();
  if (line === '') throw missing(source, 'it is empty');
  // A header can't hold them; often the text is in UTF-16.
  if (/\p{Cc}|\uFFFD/u.test(line)) throw missing(source, 'it holds characters that are no text');
  return new Secret(line);
}

function missing(source: SecretReference, why: string): MoltbotError {
  return new MoltbotError('credential_missing', `There is no secret at \`${shown(source)}\`: ${why}.`);
}

/** A command line may hold a secret itself: its program only. */
function shown({ from, name }: SecretReference): string {
  if (from !== 'exec') return `${from}:${name}`;
  const program = /^[\w./~-]+(?=\s|$)/.exec(name)?.[0];
  return program === undefined || program === name ? `exec:${program ?? '…'}` : `exec:${program} …`;
}

/** A file may be on a disk that hangs. */
async function withinTime<Value>(work: Promise<Value>, ms: number): Promise<Value | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
