import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleepFor } from 'node:timers/promises';

export interface Flood {
  /** Bytes handed to the socket so far. */
  readonly sent: number;
  /** When its client closed before the end, on `performance.now()`. */
  readonly closedAt: number | undefined;
  readonly complete: boolean;
}

export interface FloodUpstream {
  readonly baseUrl: string;
  readonly floods: readonly Flood[];
  /** Resolves when the flood's client has closed. @throws after 5 s */
  closed(index: number): Promise<Flood>;
  close(): Promise<void>;
}

/**
 * An OpenAI server on a loopback socket that sends as many megabytes as the model's name says (`flood-100`), as fast as its
 * client reads, in longer pieces for `flood-20-wide`. `silent` sends headers and first token, then nothing; `never` not even headers.
 */
export async function startFloodUpstream(): Promise<FloodUpstream> {
  const floods: { -readonly [Key in keyof Flood]: Flood[Key] }[] = [];
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    if (request.method === 'GET') {
      response.setHeader('content-type', 'application/json').end('{"object":"list","data":[]}');
      return;
    }
    const { model, stream } = JSON.parse(Buffer.concat(pieces).toString()) as { model: string; stream?: boolean };
    const flood: (typeof floods)[number] = { sent: 0, closedAt: undefined, complete: false };
    floods.push(flood);
    response.once('close', () => {
      if (response.writableFinished) flood.complete = true;
      else flood.closedAt = performance.now();
    });
    if (model === 'never') return;
    const [, megabytes = 0, wide] = /^flood-(\d+)(-wide)?$/.exec(model) ?? [];
    const total = Number(megabytes) * 1_048_576;
    const send = async (text: string): Promise<void> => {
      flood.sent += text.length;
      if (!response.write(text)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    };
    if (stream === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const event = (delta: object, finish: string | null = null) =>
        `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
      await send(event({ role: 'assistant', content: 'first' }));
      if (model === 'silent') return;
      const token = event({ content: ' token'.repeat(wide === undefined ? 1 : 2_000) });
      const batch = token.repeat(wide === undefined ? 64 : 1);
      while (flood.sent < total && !response.destroyed) await send(batch);
      await send(event({}, 'stop'));
      response.end('data: [DONE]\n\n');
    } else {
      response.writeHead(200, { 'content-type': 'application/json' });
      const message = { role: 'assistant', content: 'x'.repeat(total) };
      const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
      const body = { id: 'c', object: 'chat.completion', created: 1, model, usage };
      await send(JSON.stringify({ ...body, choices: [{ index: 0, message, finish_reason: 'stop' }] }));
      response.end();
    }
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    floods,
    async closed(index) {
      for (let tries = 0; tries < 500; tries += 1) {
        const flood = floods[index];
        if (flood?.closedAt !== undefined) return flood;
        await sleepFor(10);
      }
      throw new Error(`the flood's client is still there: ${JSON.stringify(floods[index])}`);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
