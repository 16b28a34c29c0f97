import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A model service on loopback that takes a call only with a token that its authorization server (or a test) calls good. */
export interface GuardedUpstream {
  /** As far as the version. */
  readonly baseUrl: string;
  /** Tokens that came, in order, with what was answered. */
  readonly calls: readonly { readonly path: string; readonly token: string; readonly status: number }[];
  /** Answers chats with this status from now on; `undefined`: as the token deserves. */
  refuseChats(status: number | undefined): void;
  close(): Promise<void>;
}

export async function startGuardedUpstream(options: {
  readonly isGood: (token: string) => boolean | Promise<boolean>;
}): Promise<GuardedUpstream> {
  const calls: { path: string; token: string; status: number }[] = [];
  let refusal: number | undefined;
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      for await (const _ of request);
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      const path = request.url ?? '';
      const isChat = path.endsWith('/chat/completions');
      const isGood = token !== '' && (await options.isGood(token));
      const status = !isGood ? 401 : isChat && refusal !== undefined ? refusal : 200;
      calls.push({ path, token, status });
      const error = { error: { message: 'no', type: 'x', code: status === 402 ? 'insufficient_quota' : 'x' } };
      const body = status !== 200 ? error : isChat ? CHAT : { object: 'list', data: [{ id: 'm', object: 'model' }] };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    answer().catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    refuseChats(status) {
      refusal = status;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const CHAT = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello from the upstream' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 4, total_tokens: 5 },
};
