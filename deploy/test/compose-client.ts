import type { ComposeStack } from './compose-stack.js';

/** What became of one request, as its caller saw it. */
export interface Seen {
  /** Whole, told by an error, or cut off in a way that no client takes for an end. */
  readonly end: 'whole' | 'told' | 'cut';
  readonly status: number;
  readonly text: string;
  readonly requestId: string | undefined;
  /** Of a stream: from the request to its first content, and to its end. */
  readonly firstMs: number;
  readonly totalMs: number;
}

export interface Job {
  readonly id: string;
  readonly state: string;
}

export interface ComposeClient {
  readonly key: string;
  /** GET, or POST where there is a body. */
  job(path: string, body?: unknown): Promise<{ readonly status: number; readonly body: Job }>;
  chat(options?: { readonly model?: string; readonly stream?: boolean }): Promise<Seen>;
}

export function createComposeClient(stack: ComposeStack, key: string): ComposeClient {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return {
    key,
    async job(path, body) {
      const response = await fetch(stack.url + path, {
        headers,
        ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      });
      return { status: response.status, body: (await response.json()) as Job };
    },
    async chat({ model, stream = false } = {}) {
      const began = performance.now();
      const body = JSON.stringify({ ...(model && { model }), stream, messages: [{ role: 'user', content: 'Hello' }] });
      const seen = { status: 0, text: '', requestId: undefined as string | undefined, firstMs: Number.NaN };
      const result = (end: Seen['end']): Seen => ({ ...seen, end, totalMs: performance.now() - began });
      try {
        const response = await fetch(`${stack.url}/v1/chat/completions`, { method: 'POST', headers, body });
        seen.status = response.status;
        seen.requestId = response.headers.get('x-request-id') ?? undefined;
        const decoder = new TextDecoder();
        for await (const chunk of response.body ?? []) {
          seen.text += decoder.decode(chunk, { stream: true });
          if (Number.isNaN(seen.firstMs) && seen.text.includes('"content":"')) seen.firstMs = performance.now() - began;
        }
      } catch {
        return result('cut');
      }
      if (seen.status !== 200 || seen.text.includes('"error":')) return result('told');
      const whole = stream
        ? seen.text.trimEnd().endsWith('data: [DONE]')
        : seen.text.includes('"finish_reason":"stop"');
      return result(whole ? 'whole' : 'cut');
    },
  };
}
