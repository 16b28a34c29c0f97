import {
  type Environment,
  homeTag,
  loadConfig,
  type LoadedConfig,
  type Locale,
  type MoltbotPaths,
} from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { readRunning } from '../roles/run-lock.js';
import { VERSION } from '../version.js';
import type { Check, CheckContext } from './check.js';
import type { CredentialAccess } from './credential-access.js';
import { createMeasurements } from './measure/measurements.js';
import { openSignInSource } from './open-sign-in-source.js';
import type { DoctorReport, ReportedFix } from './report.js';
import { type CheckRun, type Progress, runChecks } from './run-checks.js';
import { createScrubber } from './scrubber.js';
import { doctorTexts } from './texts/texts.js';
import { toReport } from './to-report.js';

export interface DoctorOptions {
  readonly checks: readonly Check[];
  readonly paths: MoltbotPaths;
  readonly env: Environment;
  readonly locale: Locale;
  /** How to call this command. */
  readonly command: string;
  readonly access: CredentialAccess;
  /** Only look: no POST, no command of a reference. */
  readonly readOnly: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly platform?: NodeJS.Platform | undefined;
  readonly nodeVersion?: string | undefined;
  readonly now?: (() => number) | undefined;
  /** For one look at one host. */
  readonly probeMs?: number | undefined;
}

export interface Diagnosis {
  readonly runs: readonly CheckRun[];
  /** Without any secret of the configuration. */
  report(fixes?: readonly ReportedFix[]): DoctorReport;
}

/** One look at everything; opens what it needs and closes it again. Rejects only where `signal` is aborted. */
export async function runDoctor(options: DoctorOptions): Promise<Diagnosis> {
  const { paths, env, access, signal, locale, command, now = Date.now } = options;
  const startedAt = now();
  const began = performance.now();
  const loaded = await load(options);
  const { config } = loaded;
  const running = readRunning(paths.runDirectory);
  const measured = createMeasurements({ env, signal, running, home: homeTag(paths), probeMs: options.probeMs });
  const signIns = openSignInSource({ config, paths, ...access });
  const context: CheckContext = {
    ...loaded,
    paths,
    env,
    platform: options.platform ?? process.platform,
    nodeVersion: options.nodeVersion ?? process.versions.node,
    version: VERSION,
    command,
    now,
    readOnly: options.readOnly,
    running,
    measured,
    signIns,
  };
  try {
    const runs = await runChecks({ checks: options.checks, context, signal, onProgress: options.onProgress });
    const durationMs = Math.round(performance.now() - began);
    const texts = doctorTexts({ locale, command });
    const scrub = createScrubber({ config, env });
    return {
      runs,
      report: (fixes) => scrub(toReport({ runs, texts, version: VERSION, startedAt, durationMs, fixes })),
    };
  } finally {
    await Promise.all([signIns.close(), measured.close()]);
  }
}

async function load({ paths, env }: DoctorOptions): Promise<{
  readonly config: LoadedConfig | undefined;
  readonly configError: unknown;
}> {
  try {
    return { config: await loadConfig({ paths, env }), configError: undefined };
  } catch (error) {
    if (!(error instanceof MoltbotError)) throw error;
    return { config: undefined, configError: error };
  }
}
