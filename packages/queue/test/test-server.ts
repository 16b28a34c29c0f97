import type { QueueConnection } from '../src/index.js';

/** A real server under the queue that a test can take away and bring back. */
export interface TestServer {
  readonly connection: QueueConnection;
  down(): Promise<void>;
  up(): Promise<void>;
  remove(): Promise<void>;
}
