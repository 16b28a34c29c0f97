import { MoltbotError } from '@moltbot/contracts';
import { ByteRope } from '@moltbot/providers';
import type { FastifyContentTypeParser } from 'fastify';

/**
 * Collects a body in the pieces in which it comes. Fastify's own `parseAs: 'buffer'` copies them into one: memory outside the
 * heap, of which each allocation brings the next full collection nearer.
 */
export function collectBody(limit: number): FastifyContentTypeParser {
  return (request, payload, done) => {
    const announced = Number(request.headers['content-length']);
    if (announced > limit) {
      done(new MoltbotError('payload_too_large'));
      return;
    }
    const pieces: Buffer[] = [];
    let length = 0;
    const onData = (piece: Buffer): void => {
      length += piece.length;
      if (length > limit) end(new MoltbotError('payload_too_large'));
      else pieces.push(piece);
    };
    // Whether the caller left is seen where the error is answered.
    const onError = (cause: Error): void => end(new MoltbotError('invalid_request', undefined, { cause }));
    const onEnd = (): void => end(null);
    const end = (error: MoltbotError | null): void => {
      payload.off('data', onData);
      payload.off('end', onEnd);
      payload.off('error', onError);
      done(error, error === null ? new ByteRope(pieces) : undefined);
    };
    payload.on('data', onData);
    payload.on('end', onEnd);
    payload.on('error', onError);
  };
}
