import type { CredentialStatus } from '@moltbot/auth';
import { MoltbotError } from '@moltbot/contracts';
import { askAbout } from '../auth/ask-about.js';
import { type CliCredentials, storedCredential } from '../auth/cli-credentials.js';
import { type CredentialReport, reportOf, worstOf } from '../auth/credential-report.js';
import { interruptible } from '../auth/interruptible.js';
import { askServer, type ServerView } from '../auth/server-view.js';
import { showReports, toJsonReport } from '../auth/show-report.js';
import { withCredentials } from '../auth/with-credentials.js';
import type { Command, CommandContext } from '../context.js';

/** These codes mean something else at other commands: they are named in the help of this one. */
const EXITS = { fine: 0, bad: 1, soon: 2 } as const;
const MOST_AT_ONCE = 8;

/** What auth.json, the token store, the running server and the providers say of the credentials, and what follows. */
export const authStatus: Command = async ({ args, options, context }) => {
  const { output, messages } = context;
  const [name] = args;
  const offline = options['offline'] === true;
  return interruptible(async ({ signal }) =>
    withCredentials(context, async (credentials) => {
      const { config } = credentials;
      const list = name === undefined ? config.credentials : [storedCredential(context, config, name)];
      const view: ServerView = offline ? { state: 'not-asked' } : await askServer(context, options);
      const before = await statusOf(credentials);
      const answers = offline
        ? []
        : await eachAtMost(MOST_AT_ONCE, list, async (stored) => {
            const status = before.list.get(stored.id);
            const { state } = status ?? {};
            if (state === 'signed-out' || state === 'revoked' || state === 'unresolved') return undefined;
            if (status !== undefined && isDue(status, config.settings.credentials.refresh_margin)) {
              // A server would do it now too; without one nobody else finds out whether it works.
              await credentials.vault.refreshNow(stored.id).catch(ignoreOwn);
            }
            return askAbout({ context, credentials, stored, signal, introspect: true });
          });
      // Asking may have renewed a token, or found that there is none any more.
      const after = offline ? before : await statusOf(credentials);
      const reports = list.map((stored, index) =>
        reportOf({
          stored,
          status: after.list.get(stored.id),
          answer: answers[index],
          coolDowns: view.state === 'answered' ? (view.coolDowns.get(stored.id) ?? []) : [],
          requiredScopes: config.settings.providers[stored.provider]?.oauth?.required_scopes ?? [],
        }),
      );
      show({ context, reports, view, storeError: after.error });
      const worst = after.error === undefined ? worstOf(reports) : 'bad';
      output.result({
        verdict: worst,
        server: serverJson(view),
        storeError: after.error === undefined ? null : { code: after.error.code, message: after.error.message },
        credentials: reports.map((report) => toJsonReport(report, messages)),
      });
      return EXITS[worst];
    }),
  );
};

/** What is known without asking anybody. */
export const authList: Command = async ({ context }) =>
  withCredentials(context, async (credentials) => {
    const { output, messages } = context;
    const { list, error } = await statusOf(credentials);
    const reports = credentials.config.credentials.map((stored) =>
      reportOf({ stored, status: list.get(stored.id), answer: undefined, coolDowns: [], requiredScopes: [] }),
    );
    output.result({
      storeError: error === undefined ? null : { code: error.code, message: error.message },
      credentials: reports.map((report) => toJsonReport(report, messages)),
    });
    if (reports.length === 0) output.line(messages.authNone);
    else
      showReports(
        context,
        reports.map((report) => ({ ...report, problems: [] })),
        false,
      );
    if (error !== undefined) output.note(messages.authStoreDown(error.message));
    return 'ok';
  });

/** Whether the time to renew it has come: `credentials.refresh_margin` before its end, at most half of its life. */
function isDue({ refreshable, issuedAt, expiresAt }: CredentialStatus, marginMs: number): boolean {
  if (!refreshable || issuedAt === undefined || expiresAt === undefined) return false;
  return Date.now() >= expiresAt - Math.min(marginMs, (expiresAt - issuedAt) / 2);
}

/** What came of it is told by the status after it. */
function ignoreOwn(error: unknown): void {
  if (!(error instanceof MoltbotError)) throw error;
}

interface StatusOfAll {
  readonly list: ReadonlyMap<string, CredentialStatus>;
  /** The token store does not answer; what it would say is not known. */
  readonly error: MoltbotError | undefined;
}

async function statusOf({ vault }: CliCredentials): Promise<StatusOfAll> {
  try {
    return { list: new Map((await vault.status()).map((status) => [status.id, status])), error: undefined };
  } catch (error) {
    if (error instanceof MoltbotError) return { list: new Map(), error };
    throw error;
  }
}

function show(options: {
  readonly context: CommandContext;
  readonly reports: readonly CredentialReport[];
  readonly view: ServerView;
  readonly storeError: MoltbotError | undefined;
}): void {
  const { context, reports, view, storeError } = options;
  const { output, messages } = context;
  if (reports.length === 0) {
    output.line(messages.authNone);
    return;
  }
  showReports(context, reports, view.state !== 'not-asked');
  if (reports.every(({ problems }) => problems.length === 0) && storeError === undefined) {
    output.line(output.style('green', messages.authAllFine));
  }
  if (storeError !== undefined) output.note(output.errorStyle('red', messages.authStoreDown(storeError.message)));
  output.note(output.errorStyle('dim', viewText(context, view)));
}

function viewText({ messages }: CommandContext, view: ServerView): string {
  switch (view.state) {
    case 'answered':
      return messages.authServerView(view.url);
    case 'down':
      return messages.authServerDown;
    case 'refused':
      return messages.authServerRefused(view.code);
    case 'not-asked':
      return messages.authOffline;
  }
}

function serverJson(view: ServerView) {
  switch (view.state) {
    case 'answered':
      return { state: view.state, url: view.url };
    case 'refused':
      return { state: view.state, code: view.code };
    case 'down':
    case 'not-asked':
      return { state: view.state };
  }
}

/** In order, so many at the same time. */
async function eachAtMost<Item, Result>(
  most: number,
  items: readonly Item[],
  run: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await run(items[index] as Item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, work));
  return results;
}
