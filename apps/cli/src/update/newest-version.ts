import { CommandError } from '../exit-codes.js';
import type { Messages } from '../messages/messages.js';

const WITHIN_MS = 20_000;

export interface NewestVersionOptions {
  /** Base URL of an npm registry. */
  readonly registry: string;
  readonly name: string;
  readonly messages: Messages;
  /** Through the system's proxies. */
  readonly fetch: (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>;
}

/** The registry's `latest`. @throws CommandError `unreachable` */
export async function newestVersion({ registry, name, messages, fetch }: NewestVersionOptions): Promise<string> {
  const url = `${registry.replace(/\/+$/, '')}/${name.replace('/', '%2f')}/latest`;
  let why: string;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(WITHIN_MS) });
    const found = answer.ok ? ((await answer.json()) as { readonly version?: unknown }).version : undefined;
    if (typeof found === 'string') return found;
    why = `HTTP ${answer.status}`;
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  throw new CommandError('unreachable', messages.updateNoRegistryAnswer(url, why), { code: 'registry_unreachable' });
}
