import { MoltbotError } from '@moltbot/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { READS_BODY } from '../access/json-body.js';
import { type Caller, sourceOf } from '../access/caller.js';
import type { Core } from '../core/core.js';
import { toMoltbotError } from '../core/http-errors.js';
import type { AdminSessions } from '../sign-in/admin-sessions.js';
import { requireSameOrigin } from '../sign-in/same-origin.js';
import { SignInProblem } from '../sign-in/sign-in-problem.js';
import type { BoardServer } from './board-server.js';

const PATH = '/admin/queues';
const SIGN_IN_PATH = '/auth';
const READS = new Set(['GET', 'HEAD']);
const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  // Its page asks a font of another host: nothing is fetched from elsewhere.
  'content-security-policy':
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
} as const;

/**
 * Bull Board, for administrators who signed in with a browser (or this machine's user where access is open). What they do by it
 * is in the audit log. It is loaded, and the queues are opened, for the first of them: both are a good part of the memory.
 */
export async function registerQueueBoard(
  fastify: FastifyInstance,
  { core, sessions }: { readonly core: Core; readonly sessions: AdminSessions },
): Promise<void> {
  let opening: Promise<BoardServer> | undefined;

  async function open(): Promise<BoardServer> {
    const queues = await core.queues.open();
    const [{ openBoardServer }, shown] = await Promise.all([import('./board-server.js'), queues.bullQueues()]);
    return openBoardServer({ path: PATH, queues: shown });
  }

  async function admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const caller: Caller = { identity: undefined, requestId: core.requestIds.next(), source: sourceOf(request) };
    request.caller = caller;
    void reply.headers({ ...HEADERS, 'x-request-id': caller.requestId });
    const admin = await sessions.require(request.headers);
    if (!READS.has(request.method)) requireSameOrigin(request.headers);
    if (admin.renewal !== undefined) void reply.header('set-cookie', admin.renewal);
    request.caller = { ...caller, identity: admin.identity };
  }

  /** To the page for signing in, where a person came; an error in JSON for programs. */
  function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const known = error instanceof SignInProblem ? new MoltbotError('forbidden_origin') : toMoltbotError(error);
    const { caller } = request;
    if (caller !== undefined) core.audit.denied({ error: known, caller, path: request.url, method: request.method });
    const page = request.method === 'GET' && request.headers.accept?.includes('text/html') === true;
    if (known.code === 'authentication_required' && page) return reply.redirect(SIGN_IN_PATH, 303);
    const { code, message, http } = known;
    return reply.code(http).send({ error: { code, type: code, message, param: null } });
  }

  function noteChange({ caller, url, method }: FastifyRequest, status: number): void {
    if (caller === undefined || READS.has(method) || status >= 400) return;
    const target = url.replace(/\?.*$/s, '').slice(0, 200);
    void core.audit.act({ caller, action: 'queue.change', target, detail: { method } });
  }

  await fastify.register(async (scope) => {
    for (const url of [PATH, `${PATH}/*`]) {
      scope.route({
        method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
        url,
        config: READS_BODY,
        handler: async (request, reply) => {
          try {
            await admit(request, reply);
            opening ??= open().catch((error: unknown) => {
              opening = undefined;
              throw error;
            });
            const board = await opening;
            reply.raw.once('finish', () => noteChange(request, reply.raw.statusCode));
            for (const [name, value] of Object.entries(reply.getHeaders())) {
              if (value !== undefined) reply.raw.setHeader(name, value);
            }
            reply.hijack();
            board.answer(request.raw, reply.raw);
            return reply;
          } catch (error) {
            return refuse(error, request, reply);
          }
        },
      });
    }
    scope.addHook('onClose', async () => {
      await (await opening?.catch(() => undefined))?.close();
    });
  });
}
