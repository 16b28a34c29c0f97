import { BUILTIN_PROVIDERS, isBuiltinProvider } from '@moltbot/contracts';
import type { ConfigWarning } from '../auth-file.js';
import type { Settings } from '../schema.js';
import type { StoredCredential } from '../stored-credential.js';
import { nearest } from './nearest.js';
import { showName } from './secret-like.js';

/** Entries of auth.json whose provider is neither known nor in `providers`: nobody will ever call with them. */
export function unknownProviderWarnings(options: {
  readonly credentials: readonly StoredCredential[];
  readonly providers: Settings['providers'];
  readonly file: string;
}): readonly ConfigWarning[] {
  const { credentials, providers, file } = options;
  return credentials
    .filter(({ provider }) => !isBuiltinProvider(provider) && !Object.hasOwn(providers, provider))
    .map(({ id, provider }) => {
      const near = nearest(provider, [...Object.keys(providers), ...Object.keys(BUILTIN_PROVIDERS)]);
      const meant = near === undefined ? '' : `; did you mean \`${near}\`?`;
      const message = `${file}: \`${showName(id)}\`: there is no provider \`${showName(provider)}\`${meant}`;
      return { kind: 'unknown_provider', message };
    });
}
