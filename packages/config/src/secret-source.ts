import { Secret } from '@moltbot/contracts';
import type { SecretReference, SecretSource } from './stored-credential.js';

const REFERENCE = /^(env|file|exec):(.+)$/s;

/** The text of auth.json, read as a reference where it begins like one. */
export function toSecretSource(text: string): SecretSource {
  const [, from, name] = REFERENCE.exec(text) ?? [];
  if (from === undefined || name === undefined) return new Secret(text);
  return { from: from as SecretReference['from'], name: name.trim() };
}

/** As auth.json has it: the one place where secrets stand in the clear. */
export function secretSourceText(source: SecretSource): string {
  return source instanceof Secret ? source.reveal() : `${source.from}:${source.name}`;
}
