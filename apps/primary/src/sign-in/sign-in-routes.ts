import { MoltbotError } from '@moltbot/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Caller, sourceOf } from '../access/caller.js';
import { toMoltbotError } from '../core/http-errors.js';
import type { Admin, AdminSessions } from './admin-sessions.js';
import { accountListPage, type ListedAccount } from './pages/account-list-page.js';
import { devicePage, leavingPage, problemPage, sessionPage, startPage } from './pages/sign-in-pages.js';
import type { Page } from './pages/page.js';
import { type PageTexts, textsFor } from './pages/page-texts.js';
import { PENDING_COOKIE } from './pending-sign-in.js';
import { CALLBACK_PATH } from './redirect-uri.js';
import { cameByHttps, requireSameOrigin } from './same-origin.js';
import { oauthAccount, type SignInCredentials } from './sign-in-credentials.js';
import type { SignInFlow } from './sign-in-flow.js';
import { type SignInProblem, toSignInProblem } from './sign-in-problem.js';

export interface SignInRoutesOptions {
  readonly flow: SignInFlow;
  readonly sessions: AdminSessions;
  readonly credentials: SignInCredentials;
  readonly newRequestId: () => string;
  /** A page could not do what it was asked for. */
  readonly onProblem?: (report: {
    readonly request: FastifyRequest;
    readonly caller: Caller;
    readonly problem: SignInProblem;
  }) => void;
}

/** What a form of ours holds at most: a token of the organisation may be long. */
const FORM_LIMIT = 32_768;
/** Problems of a sign-in that is over: a cookie of it would only be in the way. */
const NOT_OVER: ReadonlySet<string> = new Set(['other-browser', 'state-mismatch']);

type Handler = (call: PageCall) => Promise<void>;

/** The pages by which people sign in to the providers' accounts. Plain Fastify routes: forms are theirs alone to parse. */
export async function registerSignInRoutes(fastify: FastifyInstance, options: SignInRoutesOptions): Promise<void> {
  const { flow, sessions, credentials, newRequestId } = options;

  const answer = (handler: Handler) => {
    return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const texts = textsFor(request.headers['accept-language']);
      const stranger = { identity: undefined, requestId: newRequestId(), source: sourceOf(request) };
      const call: PageCall = { request, reply, texts, caller: stranger };
      reply.header('x-request-id', stranger.requestId);
      try {
        await handler(call);
      } catch (error) {
        const problem = report(call, error);
        if (needsSession(error) && sessions.areNeeded) sendPage(reply, sessionPage({ texts }));
        else sendPage(reply, problemPage({ texts, problem }));
      }
      return reply;
    };
  };
  const report = ({ request, caller }: PageCall, error: unknown): SignInProblem => {
    const problem = toSignInProblem(error);
    options.onProblem?.({ request, caller, problem });
    return problem;
  };
  /** Also sends the cookie anew by which the person is known. */
  const admit = async (call: PageCall): Promise<AdminCall> => {
    const admin = await sessions.require(call.request.headers);
    if (admin.renewal !== undefined) addCookie(call.reply, admin.renewal);
    call.caller = { ...call.caller, identity: admin.identity };
    return { ...call, admin };
  };
  /** Of people who may; forms besides only from pages of ours. */
  const forAdmins = (handler: (call: AdminCall & { readonly id: string }) => Promise<void>) =>
    answer(async (call) => {
      if (call.request.method !== 'GET') requireSameOrigin(call.request.headers);
      const { id = '' } = call.request.params as { readonly id?: string };
      await handler({ ...(await admit(call)), id });
    });

  await fastify.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: FORM_LIMIT },
      (_request, body, done) => done(null, new URLSearchParams(String(body))),
    );
    scope.setErrorHandler((error, request, reply) => {
      return answer(async () => {
        throw toMoltbotError(error);
      })(request, reply);
    });
    const get = (url: string, handler: ReturnType<typeof answer>): void => {
      // Programs that look at links ahead of people do so with HEAD.
      scope.route({ method: 'GET', url, exposeHeadRoute: false, handler });
    };
    const post = (url: string, handler: ReturnType<typeof answer>): void => {
      scope.route({ method: 'POST', url, handler });
    };

    get('/auth', forAdmins(showAccounts));
    get('/auth/login/:id', forAdmins(showStart));
    post('/auth/login/:id', forAdmins(begin));
    get('/auth/device/:reference', forAdmins(showDevice));
    // Whoever the browser belongs to: what was begun in it is finished in it.
    get(CALLBACK_PATH, answer(finish));
    post(
      '/auth/logout/:id',
      forAdmins(async ({ reply, id, caller }) => {
        await flow.signOut(id, caller);
        seeOther(reply, `/auth?out=${encodeURIComponent(id)}`);
      }),
    );
    post('/auth/session', answer(beginSession));
    post(
      '/auth/session/end',
      answer(async ({ request, reply }) => {
        requireSameOrigin(request.headers);
        reply.header('set-cookie', sessions.end());
        seeOther(reply, '/auth');
      }),
    );
  });

  async function showAccounts({ request, reply, texts, admin }: AdminCall): Promise<void> {
    const accounts = (await flow.accounts()).map(({ stored, status }): ListedAccount => {
      const { id, entry } = stored;
      const { account, expiresAt, scopes = [] } = status ?? {};
      const who = account?.email ?? account?.subject;
      return { id, type: entry.type, state: status?.state ?? 'signed-out', account: who, expiresAt, scopes };
    });
    // Only names that are in auth.json: a link from elsewhere puts no other text on this page.
    const { in: signedIn, out } = request.query as { readonly in?: unknown; readonly out?: unknown };
    const named = (id: unknown) => accounts.find((account) => account.id === id)?.id;
    const inId = named(signedIn);
    const outId = named(out);
    const done =
      inId !== undefined
        ? ({ what: 'signedIn', id: inId } as const)
        : outId !== undefined
          ? ({ what: 'signedOut', id: outId } as const)
          : undefined;
    sendPage(reply, accountListPage({ texts, accounts, done, session: admin.identity?.name }));
  }

  async function showStart({ reply, texts, id }: AdminCall & { readonly id: string }): Promise<void> {
    const { entry } = oauthAccount(credentials, id);
    const state = (await credentials.status()).find((status) => status.id === id)?.state ?? 'signed-out';
    const { client_id: clientId, scopes, grant = 'authorization_code' } = entry;
    const replaces = state !== 'signed-out' && state !== 'revoked' && state !== 'expired';
    sendPage(reply, startPage({ texts, id, clientId, grant, scopes, replaces }));
  }

  async function begin({ request, reply, texts, caller, id }: AdminCall & { readonly id: string }): Promise<void> {
    const { headers } = request;
    const begun = await flow.begin({ id, host: headers.host ?? '', secure: cameByHttps(headers), caller });
    switch (begun.next) {
      case 'provider':
        addCookie(reply, begun.cookie);
        sendPage(reply, leavingPage({ texts, url: begun.url }));
        return;
      case 'device':
        seeOther(reply, `/auth/device/${begun.reference}`);
        return;
      case 'done':
        seeOther(reply, `/auth?in=${encodeURIComponent(id)}`);
    }
  }

  async function showDevice({ request, reply, texts }: AdminCall): Promise<void> {
    const { reference = '' } = request.params as { readonly reference?: string };
    const signIn = flow.devices.of(reference);
    if (signIn.state === 'failed') throw signIn.problem;
    if (signIn.state === 'done') {
      seeOther(reply, `/auth?in=${encodeURIComponent(signIn.id)}`);
      return;
    }
    const { id, device } = signIn;
    const minutesLeft = Math.max(1, Math.ceil((device.expiresAt - Date.now()) / 60_000));
    const { userCode, verificationUri, verificationUriComplete } = device;
    sendPage(reply, devicePage({ texts, id, userCode, verificationUri, verificationUriComplete, minutesLeft }));
  }

  async function finish(call: PageCall): Promise<void> {
    const { request, reply } = call;
    const question = request.url.indexOf('?');
    const query = question < 0 ? '' : request.url.slice(question);
    try {
      const { caller } = await admit(call);
      const id = await flow.finish({ cookies: request.headers.cookie, query, caller });
      addCookie(reply, PENDING_COOKIE.clear());
      // The code leaves the address bar with this.
      seeOther(reply, `/auth?in=${encodeURIComponent(id)}`);
    } catch (error) {
      const isOver = !needsSession(error) && !NOT_OVER.has(toSignInProblem(error).reason);
      if (isOver) addCookie(reply, PENDING_COOKIE.clear());
      throw error;
    }
  }

  async function beginSession(call: PageCall): Promise<void> {
    const { request, reply, texts } = call;
    requireSameOrigin(request.headers);
    const presented = request.body instanceof URLSearchParams ? (request.body.get('key') ?? '').trim() : '';
    try {
      addCookie(
        reply,
        await sessions.begin({ presented, secure: cameByHttps(request.headers), headers: request.headers }),
      );
    } catch (error) {
      const isRefusal = error instanceof MoltbotError && error.http < 500;
      if (!isRefusal) throw error;
      report(call, error);
      sendPage(reply, sessionPage({ texts, problem: `${error.code}: ${error.message}` }));
      return;
    }
    seeOther(reply, '/auth');
  }
}

interface PageCall {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly texts: PageTexts;
  /** Who it is, as far as is known yet. */
  caller: Caller;
}

interface AdminCall extends PageCall {
  readonly admin: Admin;
}

function sendPage(reply: FastifyReply, { status, headers, body }: Page): void {
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  void reply.code(status).headers(headers).send(body);
}

/** After a form: what is shown next can be loaded again without sending the form again (RFC 9110 section 15.4.4). */
function seeOther(reply: FastifyReply, location: string): void {
  void reply.code(303).header('location', location).header('cache-control', 'no-store').send();
}

function addCookie(reply: FastifyReply, cookie: string): void {
  const before = reply.getHeader('set-cookie');
  reply.header('set-cookie', [
    ...(Array.isArray(before) ? before : before === undefined ? [] : [String(before)]),
    cookie,
  ]);
}

/** The session is missing, has ended, or its key is no longer good. */
function needsSession(error: unknown): boolean {
  if (!(error instanceof MoltbotError)) return false;
  return ['authentication_required', 'invalid_api_key', 'invalid_token'].includes(error.code);
}
