import type { SecretResolver } from '@moltbot/auth';
import {
  createSecretResolver,
  type Environment,
  isWritableByOthers,
  type MoltbotPaths,
  readSecretKey,
} from '@moltbot/config';
import { openSecretKey, type SealingKeys } from '@moltbot/credentials';

/** How credentials are opened: what auth.json refers to, and the key that seals tokens. */
export interface CredentialAccess {
  readonly secrets: SecretResolver;
  /** The key where there is one: none is made. @throws MoltbotError `secret_key_unavailable` */
  readonly secretKey: () => Promise<SealingKeys>;
}

/** As every process of this home opens them. */
export function credentialAccess(options: {
  readonly env: Environment;
  readonly paths: MoltbotPaths;
  readonly homeDirectory: string;
}): CredentialAccess {
  const { env, paths, homeDirectory } = options;
  return {
    secrets: createSecretResolver({
      env,
      paths,
      homeDirectory,
      execAllowed: async () => !(await isWritableByOthers({ file: paths.authFile })),
      timeoutMs: RESOLVE_MS,
    }),
    secretKey: async () =>
      openSecretKey({
        paths,
        fromEnvironment: await readSecretKey(env),
        create: false,
        keyringTimeoutMs: KEYRING_MS,
      }),
  };
}

/** A check ends in time, also where a command or a keyring waits for a person. */
const RESOLVE_MS = 4_000;
const KEYRING_MS = 3_000;
