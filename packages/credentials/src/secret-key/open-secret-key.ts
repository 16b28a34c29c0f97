import { randomBytes } from 'node:crypto';
import { secretKeyId } from '@moltbot/auth';
import { MoltbotError, Secret } from '@moltbot/contracts';
import { keyFile, readKeyFile, writeKeyFile } from './key-file.js';
import { type KeyMarker, markerFile, readMarker, type SecretKeySource, writeMarker } from './key-marker.js';
import type { Keyring } from './keyring.js';
import { systemKeyring } from './system-keyring.js';

export interface OpenSecretKeyOptions {
  readonly paths: { readonly home: string };
  /** What config's `readSecretKey` found: one key or, the newest first, several. */
  readonly fromEnvironment: Secret | undefined;
  /** Make a key where there is none yet; default true. A command that only looks says false. */
  readonly create?: boolean;
  /** Default: the system's. */
  readonly keyring?: Keyring | 'none';
  /** For one call; default 3 s, and 15 s where the key is known to be there (a person may be asked to unlock it). */
  readonly keyringTimeoutMs?: number;
  readonly platform?: NodeJS.Platform;
}

/** For `createSealer`. */
export interface OpenedSecretKey {
  readonly key: Secret;
  /** Of before a rotation: they only open. */
  readonly olderKeys: readonly Secret[];
  readonly source: SecretKeySource;
  readonly keyId: string;
}

const KEY_BYTES = 32;
const FIRST_LOOK_MS = 3_000;
const KNOWN_THERE_MS = 15_000;

/**
 * The key that seals tokens: what the environment says, as several machines may have to share one; else the one that this home
 * folder began with, in the keyring or in `secret.key`; else a new one. `secret-key.json` remembers which, so that a server
 * that can't reach it (no desktop session, a lost file) says so, instead of making a second one that opens nothing.
 * @throws MoltbotError `secret_key_unavailable` that says what to do, `config_invalid` for a wrong MOLTBOT_SECRET_KEY
 */
export async function openSecretKey(options: OpenSecretKeyOptions): Promise<OpenedSecretKey> {
  try {
    return await open(options);
  } catch (error) {
    if (error instanceof MoltbotError) throw error;
    const code = (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown';
    const message = `The key that seals tokens can’t be kept in ${options.paths.home}: ${REASONS[code] ?? code}.`;
    throw new MoltbotError('secret_key_unavailable', message, { cause: error });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'a folder stands where the file should be',
  ENOTDIR: 'a file stands where a folder should be',
  EROFS: 'the file system is read-only; set MOLTBOT_SECRET_KEY',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
};

async function open(options: OpenSecretKeyOptions): Promise<OpenedSecretKey> {
  const { home } = options.paths;
  if (options.fromEnvironment !== undefined) return openGiven(options, options.fromEnvironment);
  const marker = await readMarker(home);
  if (marker !== undefined) return openMarked(options, marker);
  const found = await findOrMake(options);
  if (options.create === false || (await writeMarker(home, found))) return found;
  // Another process was faster: its key counts.
  const first = await readMarker(home);
  if (first === undefined) throw gone(options, `${markerFile(home)} was removed just now`);
  if (first.keyId !== found.keyId && found.source === 'keyring') {
    await withinTime(options, FIRST_LOOK_MS, (keyring, signal) => keyring.remove(accountOf(found.keyId), signal)).catch(
      () => undefined,
    );
  }
  return openMarked(options, first);
}

async function openGiven(options: OpenSecretKeyOptions, given: Secret): Promise<OpenedSecretKey> {
  const [key = new Secret(''), ...older] = given
    .reveal()
    .split(/[\s,]+/)
    .filter((text) => text !== '')
    .map((text) => new Secret(text));
  let ids: readonly string[];
  try {
    ids = [key, ...older].map(secretKeyId);
  } catch (error) {
    throw new MoltbotError('config_invalid', `MOLTBOT_SECRET_KEY: ${(error as Error).message}`);
  }
  const keyId = ids[0] ?? '';
  // The home folder may be read-only here, and nothing in it is needed.
  const marker = await readMarker(options.paths.home).catch(() => undefined);
  if (marker === undefined) {
    if (options.create !== false)
      await writeMarker(options.paths.home, { source: 'environment', keyId }).catch(() => false);
  } else if (marker.source !== 'environment' && !ids.includes(marker.keyId)) {
    // Tokens of before the variable was set still open.
    const before = await openMarked(options, marker).catch(() => undefined);
    if (before !== undefined) older.push(before.key);
  }
  return { key, olderKeys: older, source: 'environment', keyId };
}

async function openMarked(options: OpenSecretKeyOptions, { source, keyId }: KeyMarker): Promise<OpenedSecretKey> {
  const { home } = options.paths;
  if (source === 'environment')
    throw gone(options, `they were sealed with key ${keyId} of MOLTBOT_SECRET_KEY, which is not set`);
  if (source === 'file') {
    const key = await readKeyFile(home, options.platform ?? process.platform);
    if (key === undefined)
      throw gone(options, `they were sealed with key ${keyId} of ${keyFile(home)}, which is not there`);
    return checked({ key, source, keyId, place: keyFile(home), options });
  }
  const read = (keyring: Keyring, signal: AbortSignal) => keyring.read(accountOf(keyId), signal);
  const key = await withinTime(options, KNOWN_THERE_MS, read).catch((error: unknown) => {
    throw gone(options, `key ${keyId} is in the keyring of a desktop session, which can’t be reached`, error);
  });
  if (key === undefined) throw gone(options, `key ${keyId} is no longer in the keyring`);
  return checked({ key, source, keyId, place: 'the keyring', options });
}

interface Check {
  readonly key: Secret;
  readonly source: SecretKeySource;
  readonly keyId: string;
  readonly place: string;
  readonly options: OpenSecretKeyOptions;
}

function checked({ key, source, keyId, place, options }: Check): OpenedSecretKey {
  const found = idOf(key);
  if (found === keyId) return { key, olderKeys: [], source, keyId };
  throw gone(options, `they were sealed with key ${keyId}, but ${place} holds ${found ?? 'none'}`);
}

/** What becomes the key of this home folder only when the marker names it. */
async function findOrMake(options: OpenSecretKeyOptions): Promise<OpenedSecretKey> {
  const { home } = options.paths;
  const platform = options.platform ?? process.platform;
  const there = await readKeyFile(home, platform);
  if (there !== undefined) return ofFile(home, there);
  if (options.create === false) {
    throw new MoltbotError('secret_key_unavailable', 'There is no key yet: the first sign-in makes one.');
  }
  const key = new Secret(randomBytes(KEY_BYTES).toString('base64'));
  const keyId = secretKeyId(key);
  if (await keepInKeyring(options, key, keyId)) return { key, olderKeys: [], source: 'keyring', keyId };
  if (await writeKeyFile(home, key)) return { key, olderKeys: [], source: 'file', keyId };
  const first = await readKeyFile(home, platform);
  if (first === undefined) throw gone(options, `${keyFile(home)} was removed just now`);
  return ofFile(home, first);
}

function ofFile(home: string, key: Secret): OpenedSecretKey {
  const keyId = idOf(key);
  if (keyId !== undefined) return { key, olderKeys: [], source: 'file', keyId };
  throw new MoltbotError('secret_key_unavailable', `${keyFile(home)} holds no key. Bring it back, or remove the file.`);
}

/** Only one that gives the key back is used: some take it and keep nothing. */
async function keepInKeyring(options: OpenSecretKeyOptions, key: Secret, keyId: string): Promise<boolean> {
  try {
    const kept = await withinTime(options, FIRST_LOOK_MS, async (keyring, signal) => {
      await keyring.write(accountOf(keyId), key, signal);
      return keyring.read(accountOf(keyId), signal);
    });
    return kept?.reveal() === key.reveal();
  } catch {
    return false;
  }
}

/** An account for each key: two processes that make one at the same time don't overwrite each other's. */
function accountOf(keyId: string): string {
  return `secret-key ${keyId}`;
}

function idOf(key: Secret): string | undefined {
  try {
    return secretKeyId(key);
  } catch {
    return undefined;
  }
}

/** Asks the keyring; it may hang, and may not heed the signal. */
async function withinTime<Value>(
  options: OpenSecretKeyOptions,
  defaultMs: number,
  question: (keyring: Keyring, signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const keyring = options.keyring ?? systemKeyring();
  if (keyring === 'none') throw new Error('there is no keyring');
  const stop = new AbortController();
  const ms = options.keyringTimeoutMs ?? defaultMs;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      stop.abort();
      reject(new Error(`the keyring did not answer within ${ms} ms`));
    }, ms);
  });
  try {
    return await Promise.race([question(keyring, stop.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

function gone(options: OpenSecretKeyOptions, why: string, cause?: unknown): MoltbotError {
  return new MoltbotError(
    'secret_key_unavailable',
    `The stored tokens can’t be opened: ${why}. Bring that key back, or set MOLTBOT_SECRET_KEY to it; or remove ${markerFile(options.paths.home)}, start the server again and sign in again.`,
    cause === undefined ? {} : { cause },
  );
}
