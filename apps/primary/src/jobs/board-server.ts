import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { MoltbotError } from '@moltbot/contracts';
import type { Queues } from '@moltbot/queue';
import { fastify } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** Bull Board behind whoever lets its callers in. */
export interface BoardServer {
  answer(request: IncomingMessage, response: ServerResponse): void;
  close(): Promise<void>;
}

const MAX_BODY = 65_536;

/** A server of its own without a socket: its routes, parsers and error texts stay apart from ours. */
export async function openBoardServer(options: {
  readonly path: string;
  readonly queues: Awaited<ReturnType<Queues['bullQueues']>>;
}): Promise<BoardServer> {
  const { path, queues } = options;
  const adapter = new FastifyAdapter();
  adapter.setBasePath(path);
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue)),
    serverAdapter: adapter,
    options: {
      // Next to the library it would be looked for where a strict package manager has none.
      uiBasePath: dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json')),
      uiConfig: { boardTitle: 'MoltBot', hideRedisDetails: true },
    },
  });
  const server = fastify({ bodyLimit: MAX_BODY, routerOptions: { ignoreTrailingSlash: true } });
  server.setErrorHandler((error, _request, reply) => {
    const { http, code, message } = error instanceof MoltbotError ? error : new MoltbotError('internal_error');
    return reply.code(http).send({ error: { code, type: code, message, param: null } });
  });
  await server.register(adapter.registerPlugin() as Parameters<typeof server.register>[0], { prefix: path });
  await server.ready();
  return {
    answer: (request, response) => server.routing(request, response),
    close: () => server.close(),
  };
}
