import { MoltbotError } from '@moltbot/contracts';
import type { EmbeddedPostgres, EmbeddedPostgresEvent } from './embedded-postgres.js';

export interface EmbeddedPostgresOptions {
  /** Made where it is missing. */
  readonly dataDirectory: string;
  readonly onEvent?: (event: EmbeddedPostgresEvent) => void;
}

/** Starts the server, or joins the one that runs on this folder. @throws MoltbotError `storage_unavailable` */
export async function startEmbeddedPostgres(_options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  throw new MoltbotError(
    'storage_unavailable',
    'The embedded database is not available in this build: set `storage.url`.',
  );
}
