import { homedir } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { readLocale } from '@moltbot/config';
import { interruptible } from '../auth/interruptible.js';
import { commandName } from '../command-name.js';
import type { Command, CommandContext, CommandOptions } from '../context.js';
import { type Check, CHECK_IDS } from '../doctor/check.js';
import { CHECKS } from '../doctor/check-table.js';
import { credentialAccess } from '../doctor/credential-access.js';
import { explainableCodes, explainCode } from '../doctor/explain/explain-code.js';
import { applyFixes, type AppliedFix, type Fixable, fixableOf } from '../doctor/fix-findings.js';
import { createProgressLine } from '../doctor/progress-line.js';
import type { DoctorReport, ReportedFix } from '../doctor/report.js';
import { type Diagnosis, type DoctorOptions, runDoctor } from '../doctor/run-doctor.js';
import { showReport } from '../doctor/show-report.js';
import { type DoctorTexts, doctorTexts } from '../doctor/texts/texts.js';
import { CommandError } from '../exit-codes.js';

/** Named in the help of this command: 2 is a wrong command line elsewhere. */
const EXITS = { healthy: 0, error: 1, warning: 2 } as const;

const LEAVE_MS = 1_000;

/** Looks at everything that MoltBot stands on, measures what it can, and names one cause with its evidence. */
export const doctor: Command = async ({ options, context }) => {
  const locale = readLocale(context.env);
  const command = commandName({ folder: process.cwd() });
  const texts = doctorTexts({ locale, command });
  const { output } = context;
  if (typeof options['explain'] === 'string') return explain(context, texts, { code: options['explain'], command });
  const lint = options['lint'] === true;
  const fix = options['fix'] === true;
  if (lint && fix) throw new CommandError('usage', texts.fixWithLint);
  const mayAsk = context.stdin.isTTY && !output.json;
  if (fix && options['yes'] !== true && !mayAsk) throw new CommandError('usage', texts.fixNeedsTerminal);
  const checks = chosen(options, texts);
  return interruptible(async ({ signal }) => {
    const progress = createProgressLine({ stream: process.stderr, silent: output.json || lint, texts });
    const look = async (): Promise<Diagnosis> => {
      const common = { paths: context.paths, env: context.env, locale, command, signal };
      const run: DoctorOptions = {
        ...common,
        checks,
        access: credentialAccess({ env: context.env, paths: context.paths, homeDirectory: homedir() }),
        readOnly: lint,
        onProgress: progress.show,
      };
      try {
        return await runDoctor(run);
      } finally {
        progress.clear();
      }
    };
    let diagnosis = await look();
    let fixes: readonly ReportedFix[] | undefined;
    if (fix) {
      const applied = await mend({ diagnosis, context, texts, agreed: options['yes'] === true, signal });
      if (applied.some(({ outcome }) => outcome === 'applied')) diagnosis = await look();
      fixes = applied.map((one) => judgeFix(one, diagnosis));
      if (applied.length === 0) output.note(texts.nothingToFix);
    }
    const report = diagnosis.report(fixes);
    output.result(report);
    if (!output.json) showReport({ report, output, texts, command });
    const code = exitOf(report, lint);
    // A name server that hangs can't be called off; nothing of it is waited for any more.
    setTimeout(() => process.exit(code), LEAVE_MS).unref();
    return code;
  });
};

/** Warnings alone are a failure only for `--lint`. */
function exitOf({ verdict }: DoctorReport, lint: boolean): number {
  if (verdict.status === 'warning' && !lint) return EXITS.healthy;
  return EXITS[verdict.status];
}

function explain(
  context: CommandContext,
  texts: DoctorTexts,
  { code, command }: { readonly code: string; readonly command: string },
): 'ok' {
  const { output, messages, env } = context;
  const explained = explainCode({ code, command, messages, locale: readLocale(env) });
  if (explained === undefined) {
    throw new CommandError('usage', `${texts.unknownCode(code)}\n${explainableCodes().join(' ')}`);
  }
  output.result(explained);
  const http = explained.http === null ? '' : `  HTTP ${explained.http}`;
  output.line(`${output.style('bold', code)}${http}`);
  const { what, why, remedy, check, kind } = explained;
  for (const [title, text] of [
    [texts.meaning, what],
    [texts.causes, why],
    [texts.remedy, remedy],
  ]) {
    output.line(`${output.style('bold', `${title}:`)} ${text}`);
  }
  if (kind === 'finding' && check !== null) output.line(output.style('dim', `${texts.toldBy}: ${check}`));
  return 'ok';
}

/** `--only a,b`: ids, or the part before the dot (`provider`). */
function chosen(options: CommandOptions, texts: DoctorTexts): readonly Check[] {
  const { only } = options;
  if (typeof only !== 'string') return CHECKS;
  const names = only.split(/[\s,]+/).filter((name) => name !== '');
  const matches = (id: string, name: string): boolean => id === name || id.startsWith(`${name}.`);
  const unknown = names.find((name) => !CHECK_IDS.some((id) => matches(id, name)));
  if (unknown !== undefined || names.length === 0) {
    throw new CommandError('usage', `${texts.unknownCheck(unknown ?? only)}\n${CHECK_IDS.join(' ')}`);
  }
  return CHECKS.filter(({ id }) => names.some((name) => matches(id, name)));
}

async function mend(options: {
  readonly diagnosis: Diagnosis;
  readonly context: CommandContext;
  readonly texts: DoctorTexts;
  readonly agreed: boolean;
  readonly signal: AbortSignal;
}): Promise<readonly AppliedFix[]> {
  const { diagnosis, context, texts, agreed, signal } = options;
  const fixable = fixableOf(diagnosis.runs);
  const { stdin } = context;
  const terminal =
    agreed || fixable.length === 0 ? undefined : createInterface({ input: stdin, output: process.stderr });
  const ask = async ({ fix }: Fixable): Promise<boolean> =>
    terminal === undefined ||
    /^(y|yes|是)$/i.test((await terminal.question(texts.askFix(fix.command), { signal })).trim());
  try {
    return await applyFixes({ fixable, ask, now: Date.now });
  } finally {
    terminal?.close();
  }
}

/** What was done is believed when the check no longer says it. */
function judgeFix({ outcome, ...rest }: AppliedFix, { runs }: Diagnosis): ReportedFix {
  if (outcome !== 'applied') return { ...rest, outcome };
  const again = runs.find(({ id }) => id === rest.id)?.observed ?? [];
  const still = again.some(
    (one) => (one.status === 'error' || one.status === 'warning') && (one.subject ?? null) === rest.subject,
  );
  return { ...rest, outcome: still ? 'still-there' : 'mended' };
}
