import type { Secret } from '@moltbot/contracts';

export type EmbeddedPostgresEvent =
  /** Once per installation: "preparing the database, once, a few seconds". */
  | { readonly type: 'database-preparing'; readonly directory: string }
  | { readonly type: 'database-ready'; readonly pid: number; readonly owned: boolean; readonly durationMs: number }
  /** It ended though nobody stopped it; it is started again. */
  | { readonly type: 'database-lost'; readonly pid: number }
  /** Starting it again failed; it is tried again. */
  | { readonly type: 'database-restart-failed'; readonly error: unknown }
  /** Root's database runs as `nobody`, who can't reach the wanted folder: its data is in `directory`. */
  | { readonly type: 'database-elsewhere'; readonly directory: string }
  | { readonly type: 'database-stopped'; readonly pid: number }
  /** It runs on; the next start joins it. */
  | { readonly type: 'database-stop-failed'; readonly error: unknown };

/** Where the server listens. On Windows `host` is 127.0.0.1, else the folder of its socket. */
export interface EmbeddedConnection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: Secret | undefined;
}

/** One use of the embedded server by this process. */
export interface EmbeddedPostgres {
  readonly connection: EmbeddedConnection;
  /** Whether this process started it (else it was running already). */
  readonly owned: boolean;
  /** Of the server's main process. */
  readonly pid: number;
  /** Ends this use; the last use of all processes stops the server. Never rejects. */
  stop(): Promise<void>;
}
