import type { CredentialCheck } from '@moltbot/providers';
import type { CommandContext } from '../context.js';
import type { Messages } from '../messages/messages.js';
import { table } from '../table.js';
import type { Answer } from './ask-about.js';
import type { CredentialProblem, CredentialReport } from './credential-report.js';
import { timeLeft } from './time-left.js';

const MARKS = { bad: '✗', soon: '!', note: '·' } as const;
const STYLES = { bad: 'red', soon: 'yellow', note: 'dim' } as const;

/** A line for each credential, then each problem with one next command. */
export function showReports(context: CommandContext, reports: readonly CredentialReport[], asked: boolean): void {
  const { output, messages } = context;
  const head = [messages.columnName, messages.columnState, messages.columnAccount, messages.columnToken];
  const rows = reports.map((report) => [
    ...cellsOf(context, report),
    ...(asked ? [askedText(report.answer, messages)] : []),
  ]);
  const titles = [...head, ...(asked ? [messages.columnAsked] : [])].map((cell) => output.style('bold', cell));
  output.line(table([titles, ...rows]));
  for (const { stored, problems } of reports) {
    for (const problem of problems) {
      const mark = output.style(STYLES[problem.severity], MARKS[problem.severity]);
      output.line(`${mark} ${problemText(stored.id, problem, messages)}`);
      output.line(`  ${messages.authNext(messages.authCommand(problem.next))}`);
    }
  }
}

export function toJsonReport(
  { stored, status, answer, coolDowns, state, problems }: CredentialReport,
  messages: Messages,
) {
  return {
    id: stored.id,
    provider: stored.provider,
    type: stored.entry.type,
    state,
    store:
      status === undefined
        ? null
        : {
            state: status.state,
            account: status.account?.email ?? status.account?.subject ?? null,
            scopes: status.scopes,
            issuedAt: iso(status.issuedAt),
            expiresAt: iso(status.expiresAt),
            refreshable: status.refreshable,
            lastFailure:
              status.lastFailure === undefined
                ? null
                : { ...status.lastFailure, at: new Date(status.lastFailure.at).toISOString() },
          },
    server: coolDowns.map(({ model, reason, until }) => ({ model: model ?? null, reason, until: iso(until) })),
    asked: answer === undefined ? null : toJsonAnswer(answer),
    problems: problems.map((problem) => ({
      code: problem.code,
      severity: problem.severity,
      message: problemText(stored.id, problem, messages),
      next: messages.authCommand(problem.next),
    })),
  };
}

function cellsOf({ output, messages }: CommandContext, report: CredentialReport): readonly string[] {
  const { stored, status, state, problems } = report;
  const worst = problems.some(({ severity }) => severity === 'bad') ? 'red' : state === 'ok' ? 'green' : 'yellow';
  const who = status?.account?.email ?? status?.account?.subject ?? '';
  return [
    stored.id,
    output.style(worst, state === 'unknown' ? '?' : messages.authStates[state]),
    stored.entry.type === 'api_key' ? messages.authTypes.api_key : who,
    expiryText(status?.expiresAt, messages),
  ];
}

export function expiryText(expiresAt: number | undefined, messages: Messages): string {
  if (expiresAt === undefined) return '';
  const left = expiresAt - Date.now();
  return left >= 0 ? messages.authIn(timeLeft(left)) : messages.authAgo(timeLeft(left));
}

function askedText(answer: Answer | undefined, messages: Messages): string {
  const { authAsked } = messages;
  if (answer === undefined) return authAsked.none;
  switch (answer.by) {
    case 'none':
      return authAsked.unknown(authAsked.models, answer.code);
    case 'introspection':
      return (answer.active ? authAsked.accepted : authAsked.rejected)(authAsked.introspection);
    case 'models':
      if (answer.check.outcome === 'unknown') return authAsked.unknown(authAsked.models, answer.check.why);
      return (answer.check.outcome === 'rejected' ? authAsked.rejected : authAsked.accepted)(authAsked.models);
  }
}

function toJsonAnswer(answer: Answer) {
  switch (answer.by) {
    case 'none':
      return { by: null, outcome: 'unknown', code: answer.code, why: answer.why };
    case 'models':
      return { by: 'models', ...toJsonCheck(answer.check) };
    case 'introspection': {
      const { active, check, durationMs } = answer;
      const models = check === undefined ? null : toJsonCheck(check);
      return { by: 'introspection', outcome: active ? 'accepted' : 'rejected', durationMs, models };
    }
  }
}

export function toJsonCheck(check: CredentialCheck) {
  return { ...check };
}

/** What the provider said, for people. */
export function checkText(check: CredentialCheck, messages: Messages): string {
  switch (check.outcome) {
    case 'accepted':
      return messages.authTestOk(check.models, check.durationMs);
    case 'rejected':
      return messages.authTestRejected(statusText(check.status));
    case 'forbidden':
      return messages.authTestForbidden;
    case 'unknown':
      return messages.authTestUnknown(check.why);
  }
}

function problemText(id: string, problem: CredentialProblem, messages: Messages): string {
  const { authProblem: text, authAsked } = messages;
  switch (problem.code) {
    case 'expired':
      return text.expired(id);
    case 'revoked':
      return text.revoked(id);
    case 'lost_answer':
      return text.lostAnswer(id);
    case 'signed_out':
      return text.signedOut(id);
    case 'inactive':
      return text.inactive(id);
    case 'unresolved':
      return text.unresolved(id, problem.why);
    case 'unusable':
      return text.unusable(id, problem.why);
    case 'unasked':
      return text.unasked(id, problem.why);
    case 'rejected':
      return text.rejected(id, authAsked[problem.by], statusText(problem.status));
    case 'expiring':
      return text.expiring(id, expiryText(problem.at, messages));
    case 'failing':
      return text.failing(id, problem.why);
    case 'missing_scopes':
      return text.missingScopes(id, problem.scopes.join(' '));
    case 'cooling_down': {
      const { model, until, reason } = problem.coolDown;
      const left = timeLeft(Math.max(0, until - Date.now()));
      return model === undefined ? text.coolingDown(id, left, reason) : text.coolingDownModel(id, model, left, reason);
    }
  }
}

function statusText(status: number | undefined): string {
  return status === undefined ? '' : ` (${status})`;
}

function iso(at: number | undefined): string | null {
  return at === undefined ? null : new Date(at).toISOString();
}
