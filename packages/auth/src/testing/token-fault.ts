import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What goes wrong at the token endpoint.
 * - `delay`: the request waits before it is processed
 * - `late-answer`: processed at once, the answer waits
 * - `answer`: this answer instead of processing the request (HTML of a proxy, 503, JSON without a token)
 * - `processed-answer`: processed, then this answer instead of the real one
 * - `drop`: the connection is closed before the request is processed
 * - `processed-drop`: processed, then closed without an answer: the client can't know
 */
export type TokenFault =
  | { readonly kind: 'delay' | 'late-answer'; readonly ms: number }
  | {
      readonly kind: 'answer' | 'processed-answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | { readonly kind: 'drop' | 'processed-drop' };

export const HTML_OF_A_PROXY = {
  kind: 'answer',
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: '<!DOCTYPE html><html><body><h1>Company network: please accept the terms</h1></body></html>',
} as const satisfies TokenFault;

/** @returns whether the request still has to be processed */
export async function applyFault(fault: TokenFault, response: ServerResponse, stopped: AbortSignal): Promise<boolean> {
  switch (fault.kind) {
    case 'delay':
      await wait(fault.ms, stopped);
      return true;
    case 'answer':
      response.writeHead(fault.status, fault.headers ?? { 'content-type': 'application/json' });
      response.end(fault.body);
      return false;
    case 'drop':
      response.socket?.destroy();
      return false;
    case 'late-answer':
      replaceEnd(response, (send) => void wait(fault.ms, stopped).then(send));
      return true;
    case 'processed-drop':
      replaceEnd(response, () => response.socket?.destroy());
      return true;
    case 'processed-answer':
      replaceEnd(response, (_send, end) => {
        for (const name of response.getHeaderNames()) if (name !== 'date') response.removeHeader(name);
        response.writeHead(fault.status, fault.headers ?? { 'content-type': 'application/json' });
        end(fault.body);
      });
      return true;
  }
}

async function wait(ms: number, stopped: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: stopped }).catch(() => undefined);
}

/** Calls `instead` when the answer is handed over; Koa does so in one `end`. */
function replaceEnd(response: ServerResponse, instead: (send: () => void, end: (body: string) => void) => void): void {
  const end = response.end.bind(response);
  response.end = (...given: unknown[]) => {
    instead(
      () => void end(given[0]),
      (body) => void end(body),
    );
    return response;
  };
}
