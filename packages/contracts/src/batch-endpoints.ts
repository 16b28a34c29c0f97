/** The doors whose requests a batch may hold. */
export const BATCH_ENDPOINTS = ['/v1/chat/completions', '/v1/responses', '/v1/embeddings'] as const;
export type BatchEndpoint = (typeof BATCH_ENDPOINTS)[number];

export function isBatchEndpoint(text: string): text is BatchEndpoint {
  return (BATCH_ENDPOINTS as readonly string[]).includes(text);
}
