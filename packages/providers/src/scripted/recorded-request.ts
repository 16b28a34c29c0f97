import type { IncomingHttpHeaders } from 'node:http';
import type { Dialect } from '@moltbot/contracts';
import type { JsonObject } from '../caller-request.js';
import type { Turn } from '../demo/emitter.js';
import type { UpstreamOperation } from './upstream-route.js';

/** One request as a scripted upstream saw it. Times are monotonic milliseconds (`performance.now()`). */
export interface RecordedRequest {
  /** When its headers were there. */
  readonly at: number;
  readonly method: string;
  /** With the query string. */
  readonly path: string;
  readonly dialect: Dialect;
  readonly operation: UpstreamOperation;
  readonly headers: IncomingHttpHeaders;
  /** The body, `{}` where it is no JSON object. */
  readonly body: JsonObject;
  readonly raw: Buffer;
  readonly model: string;
  readonly stream: boolean;
  readonly turns: readonly Turn[];
  /** When the client closed the connection before the answer was whole. */
  readonly closedByClientAt: number | undefined;
  /** When the response was over on this side: sent whole, or broken on purpose. */
  readonly endedAt: number | undefined;
  /** Of the response, headers included; final when it is over. */
  readonly bytesWritten: number;
}
