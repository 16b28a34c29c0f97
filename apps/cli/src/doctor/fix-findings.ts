import { chmod, constants, copyFile, lstat } from 'node:fs/promises';
import type { CheckId, Fix } from './check.js';
import { codeOf } from './measure/sign-in-endpoints.js';
import type { ReportedFix } from './report.js';
import type { CheckRun } from './run-checks.js';

export interface Fixable {
  readonly id: CheckId;
  readonly subject: string | null;
  readonly fix: Fix;
}

export interface AppliedFix extends Omit<ReportedFix, 'outcome'> {
  readonly outcome: 'applied' | 'declined' | 'failed';
}

export function fixableOf(runs: readonly CheckRun[]): readonly Fixable[] {
  return runs.flatMap(({ id, observed }) =>
    observed.flatMap((one) =>
      (one.status === 'error' || one.status === 'warning') && one.fix !== undefined
        ? [{ id, subject: one.subject ?? null, fix: one.fix }]
        : [],
    ),
  );
}

/** Asks about each, copies the file, makes the change. What came of it says the check, which is made again by the caller. */
export async function applyFixes(options: {
  readonly fixable: readonly Fixable[];
  readonly ask: (fixable: Fixable) => Promise<boolean>;
  readonly now: () => number;
}): Promise<readonly AppliedFix[]> {
  const done: AppliedFix[] = [];
  for (const one of options.fixable) {
    const { id, subject, fix } = one;
    const common = { id, subject, command: fix.command, file: fix.file, backup: null };
    if (!(await options.ask(one))) {
      done.push({ ...common, outcome: 'declined' });
      continue;
    }
    let backup: string | null = null;
    try {
      backup = await backUp(fix.file, options.now());
      await fix.apply();
      done.push({ ...common, backup, outcome: 'applied' });
    } catch (error) {
      const told = error instanceof Error ? error.message : codeOf(error);
      done.push({ ...common, backup, outcome: 'failed', error: told });
    }
  }
  return done;
}

/** A copy beside it with the same name and the moment, for its owner only. @returns `null` for what is no file, or not there */
async function backUp(file: string, now: number): Promise<string | null> {
  const found = await lstat(file).catch(() => undefined);
  if (found === undefined || found.isDirectory()) return null;
  const backup = `${file}.backup-${new Date(now).toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')}`;
  for (let count = 0; ; count += 1) {
    const name = count === 0 ? backup : `${backup}-${count}`;
    try {
      await copyFile(file, name, constants.COPYFILE_EXCL);
      await chmod(name, 0o600);
      return name;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
