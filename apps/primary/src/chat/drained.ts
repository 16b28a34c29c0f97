import type { ServerResponse } from 'node:http';

/**
 * Waits until a slow caller has read enough to be written to again.
 * @returns false where it left, or read nothing for `timeoutMs`: the connection is then closed
 */
export function drained(response: ServerResponse, timeoutMs: number): Promise<boolean> {
  if (response.destroyed || response.closed) return Promise.resolve(false);
  return new Promise((resolve) => {
    const end = (ok: boolean): void => {
      clearTimeout(timer);
      response.off('drain', onDrain);
      response.off('close', onClose);
      resolve(ok);
    };
    const onDrain = (): void => end(true);
    const onClose = (): void => end(false);
    const timer = setTimeout(() => {
      response.destroy();
      end(false);
    }, timeoutMs);
    response.once('drain', onDrain);
    response.once('close', onClose);
  });
}

/**
 * After the last byte was handed over: a caller that fetches nothing of it for `timeoutMs` is cut off (after twice that at the
 * latest: the socket's own timer sees progress once a period).
 */
export function cutOffIfUnread(response: ServerResponse, timeoutMs: number): void {
  if (response.writableFinished || response.writableLength === 0) return;
  response.setTimeout(timeoutMs, () => response.destroy());
}
