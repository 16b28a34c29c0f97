import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { MoltbotError, Secret } from '@moltbot/contracts';
import type { Keyring } from './keyring.js';

const SERVICE = 'MoltBot';
const LIBRARY = '@napi-rs/keyring';
const MAX_ANSWER_LENGTH = 65_536;

/**
 * Only the Secret Service on Linux: the library's other choice, the kernel's keyring, forgets everything at a restart of the
 * machine. Answers one line of JSON.
 */
const PROGRAM = `
const [library, service, action, account] = process.argv.slice(1);
let text = '';
process.stdin.setEncoding('utf8').on('data', (piece) => { text += piece; }).on('end', async () => {
  let answer;
  try {
    const { AsyncEntry } = require(library);
    const entry = new AsyncEntry(service, account, { linux: { store: 'secret-service' } });
    if (action === 'read') answer = { text: await entry.getPassword() };
    else if (action === 'write') answer = { done: await entry.setPassword(text) };
    else answer = { done: await entry.deleteCredential() };
  } catch (error) {
    answer = { failure: String(error && error.message || error) };
  }
  process.stdout.write(JSON.stringify(answer), () => process.exit(0));
});`;

/**
 * The keyring of macOS, Windows or a Linux desktop. It is asked by a process of its own: a keyring that hangs holds a thread
 * for ever, and with it the end of the process that asked; this one is killed.
 */
export function systemKeyring(): Keyring {
  return {
    async read(account, signal) {
      const { text } = await ask({ action: 'read', account, input: '', signal });
      return typeof text === 'string' ? new Secret(text) : undefined;
    },
    async write(account, secret, signal) {
      await ask({ action: 'write', account, input: secret.reveal(), signal });
    },
    async remove(account, signal) {
      await ask({ action: 'remove', account, input: '', signal });
    },
  };
}

interface Question {
  readonly action: 'read' | 'write' | 'remove';
  readonly account: string;
  readonly input: string;
  readonly signal: AbortSignal;
}

async function ask({ action, account, input, signal }: Question): Promise<{ readonly text?: unknown }> {
  const output = await run(['-e', PROGRAM, libraryPath(), SERVICE, action, account], input, signal);
  let answer: { readonly text?: unknown; readonly failure?: unknown } | null;
  try {
    answer = JSON.parse(output);
  } catch {
    throw unreachable('the program that asks it ended without an answer');
  }
  if (typeof answer?.failure === 'string') throw unreachable(answer.failure);
  return answer ?? {};
}

function run(argv: readonly string[], input: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, {
      stdio: ['pipe', 'pipe', 'ignore'],
      signal,
      killSignal: 'SIGKILL',
      windowsHide: true,
    });
    let output = '';
    child.on('error', (error) => reject(unreachable(signal.aborted ? 'it did not answer in time' : error.message)));
    child.stdout.setEncoding('utf8').on('data', (piece: string) => {
      if (output.length < MAX_ANSWER_LENGTH) output += piece;
    });
    child.on('close', () => resolve(output));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

function libraryPath(): string {
  try {
    return createRequire(import.meta.url).resolve(LIBRARY);
  } catch {
    throw unreachable(`${LIBRARY} is not installed for this system`);
  }
}

function unreachable(why: string): MoltbotError {
  return new MoltbotError('secret_key_unavailable', `The keyring can’t be reached: ${why}.`);
}
