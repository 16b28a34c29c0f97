import type { TokenRow, TokenStore } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import type { CredentialTokens } from '@moltbot/storage';
import { checkId, checkWrite } from './check-row.js';
import { createRowWatch, type RowPush } from './row-watch.js';
import { createTimeLimit } from './time-limit.js';

export interface PostgresTokenStoreOptions {
  /** `credentialTokens` of an open storage, which goes on belonging to it. */
  readonly tokens: CredentialTokens;
  readonly limitMs?: number;
}

const LIMIT_MS = 2_000;
/** While writes are told by NOTIFY. */
const POLL_TOLD_MS = 2_000;
const POLL_UNTOLD_MS = 1_000;
/** As many as there are connections: what waits for one of those hangs as well. */
const MAX_ABANDONED = 4;

/** Rows of the table `credential_tokens`, for processes of any number of machines; a write is one statement. */
export function openPostgresTokenStore(options: PostgresTokenStoreOptions): TokenStore {
  const { tokens } = options;
  const limit = createTimeLimit({
    limitMs: options.limitMs ?? LIMIT_MS,
    maxAbandoned: MAX_ABANDONED,
    toError: (error) => new MoltbotError('token_store_unavailable', 'The tokens’ table failed.', { cause: error }),
  });
  let told = false;
  const watch = createRowWatch({
    snapshot: () => limit.run(() => tokens.versions()),
    pollMs: () => (told ? POLL_TOLD_MS : POLL_UNTOLD_MS),
    connect: listen,
  });

  function listen(push: RowPush): () => void {
    const stop = tokens.listen({
      changed: (id, version) => push.changed(id, version),
      begun: () => {
        told = true;
        push.rescan();
      },
      lost: () => {
        told = false;
        push.rescan();
      },
    });
    return () => {
      told = false;
      stop();
    };
  }

  async function run<Value>(work: () => Promise<Value>): Promise<Value> {
    try {
      return await limit.run(work);
    } catch (error) {
      if (!(error instanceof MoltbotError) || error.code === 'token_store_unavailable') throw error;
      throw new MoltbotError('token_store_unavailable', error.message, { cause: error });
    }
  }

  return {
    async read(id) {
      checkId(id);
      const row = await run(() => tokens.read(id));
      return row === undefined ? undefined : { version: row.version, value: row.value };
    },
    async list() {
      const rows = await run(() => tokens.list());
      return new Map<string, TokenRow>(rows.map(({ id, version, value }) => [id, { version, value }]));
    },
    async compareAndSwap(id, version, value) {
      checkWrite({ id, version, value });
      const written = await run(() => tokens.compareAndSwap({ id, version, value }));
      return written ? { version: version + 1, value } : undefined;
    },
    watch: (listener) => watch.watch(listener),
    async close() {
      watch.close();
    },
  };
}
