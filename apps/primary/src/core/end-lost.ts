/** What is looked at of a request that runs. */
export interface Losable {
  readonly requestId: string;
  /** For how long its connection has been gone without it having ended. */
  readonly goneForMs: number;
  end(outcome: { readonly outcome: 'failed'; readonly errorCode: 'internal_error' }): void;
}

/** How often to look. */
export const LOOK_FOR_LOST_MS = 10_000;
/** By then even the upstream of a caller that left has been cancelled. */
const LOST_AFTER_MS = 30_000;

/** Requests whose connection is gone and that nobody ended get the end that they were owed, and are told of as our fault. */
export function endLost(requests: readonly Losable[], onLost: (requestId: string) => void): void {
  for (const request of requests) {
    if (request.goneForMs < LOST_AFTER_MS) continue;
    onLost(request.requestId);
    request.end({ outcome: 'failed', errorCode: 'internal_error' });
  }
}
