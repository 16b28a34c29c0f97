import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Asked {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

export interface Report {
  readonly changes: { readonly new: readonly unknown[]; readonly vanished: readonly unknown[] } | null;
  readonly coverage: Readonly<Record<string, number>>;
  readonly templates: readonly { readonly id: string; readonly template: string; readonly count: number }[];
  readonly summary: {
    readonly model: string | null;
    readonly claims: readonly { readonly text: string; readonly templateIds: readonly string[] }[];
    readonly removed: { readonly uncited: number; readonly unknown: number };
    readonly error: { readonly code: string } | null;
  } | null;
}

/** A model that answers as the test says, behind OpenAI's API. */
export interface Writer {
  /** As far as the version. */
  readonly url: string;
  readonly asked: Asked[];
  answer: (prompt: string) => string;
  close(): void;
}

export async function startWriter(): Promise<Writer> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      if (body === '') {
        response.writeHead(404).end();
        return;
      }
      const call = JSON.parse(body) as Asked;
      writer.asked.push(call);
      const content = writer.answer(call.messages.at(-1)?.content ?? '');
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          id: 'c1',
          object: 'chat.completion',
          created: 1,
          model: call.model,
          choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
          usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
        }),
      );
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const writer: Writer = {
    url: `http://127.0.0.1:${port}/v1`,
    asked: [],
    answer: () => '',
    close: () => {
      server.close();
    },
  };
  return writer;
}

/** A line each second from an hour on. */
export const lines = (hour: number, text: (index: number) => string, count = 60): string =>
  Array.from(
    { length: count },
    (_, index) =>
      `${new Date(Date.UTC(2026, 0, 1, hour, 0, index)).toISOString()} ${index % 4 === 0 ? 'ERROR' : 'INFO'} ${text(index)}\n`,
  ).join('');
