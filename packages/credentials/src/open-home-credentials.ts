import {
  createSecretResolver,
  type Environment,
  isWritableByOthers,
  type LoadedConfig,
  type MoltbotPaths,
  readProxyEnvironment,
  readSecretKey,
  type SecretResolverOptions,
  systemProxies,
} from '@moltbot/config';
import {
  type Credentials,
  type CredentialsEvent,
  type CredentialsStorage,
  openCredentials,
} from './open-credentials.js';
import { openSecretKey } from './secret-key/open-secret-key.js';

export interface HomeCredentialsOptions {
  /** As it is now: edits of both files are followed. */
  readonly config: () => LoadedConfig;
  readonly paths: MoltbotPaths;
  readonly env: Environment;
  /** What `~` in references of auth.json is. */
  readonly homeDirectory: string;
  /** The database; asked for only where it keeps the tokens. It has to be closed after the credentials. */
  readonly storage?: (() => Promise<CredentialsStorage>) | undefined;
  /** Refresh ahead of expiry without being asked; false for a command that ends soon. Default true. */
  readonly keepAlive?: boolean | undefined;
  readonly onEvent?: ((event: CredentialsEvent) => void) | undefined;
  readonly onWarning?: SecretResolverOptions['onWarning'];
}

/** The credentials of one home, as every process of it opens them: references, key and proxies by its files and variables. */
export function openHomeCredentials(options: HomeCredentialsOptions): Credentials {
  const { config, paths, env, homeDirectory, storage, keepAlive, onEvent, onWarning } = options;
  return openCredentials({
    config,
    paths,
    secrets: createSecretResolver({
      env,
      paths,
      homeDirectory,
      execAllowed: async () => !(await isWritableByOthers({ file: paths.authFile })),
      ...(onWarning === undefined ? {} : { onWarning }),
    }),
    secretKey: async () => openSecretKey({ paths, fromEnvironment: await readSecretKey(env) }),
    system: systemProxies(readProxyEnvironment(env)),
    environment: env,
    storage,
    keepAlive,
    onEvent,
  });
}
