import { sendHttpRequest } from './http-request.js';

const ASK_WITHIN_MS = 2_000;
const MAX_ANSWER = 8 * 1_048_576;

export interface RoleStatus {
  readonly url: string;
  readonly reachable: boolean;
  readonly ready: boolean;
  readonly version: string | null;
  /** A process of ours answers there, and serves another home. */
  readonly otherHome: boolean;
  /** A process of ours answers there, and has the other role: this one is not on this machine. */
  readonly otherRole: boolean;
  /** Requests of a primary, jobs of a worker. */
  readonly inFlight: number | null;
  /** What `/ready` said. */
  readonly report: unknown;
}

export type RoleName = 'primary' | 'worker';

/**
 * Asks a role at its metrics address. Only a process of ours counts: something else may answer at the port, or one of another home
 * (`home`: see `homeTag`).
 */
export async function askRole(role: RoleName, url: string, home?: string): Promise<RoleStatus> {
  const down: RoleStatus = {
    url,
    reachable: false,
    ready: false,
    version: null,
    otherHome: false,
    otherRole: false,
    inFlight: null,
    report: null,
  };
  try {
    const signal = AbortSignal.timeout(ASK_WITHIN_MS);
    const get = async (path: string) => {
      const answer = await sendHttpRequest({ url: url + path, signal });
      return { status: answer.status, text: await answer.text(MAX_ANSWER) };
    };
    const [ready, metrics] = await Promise.all([get('/ready'), get('/metrics')]);
    const build = /^moltbot_build_info\{(.*)\} 1$/m.exec(metrics.text)?.[1];
    if (build === undefined) return down;
    if (label(build, 'role') !== role) return { ...down, otherRole: true };
    const report = JSON.parse(ready.text) as { readonly home?: unknown } | null;
    // Before 0.2 nobody said.
    if (home !== undefined && typeof report?.home === 'string' && report.home !== home)
      return { ...down, otherHome: true };
    return {
      url,
      reachable: true,
      ready: ready.status === 200,
      version: label(build, 'version') ?? null,
      otherHome: false,
      otherRole: false,
      inFlight: role === 'primary' ? sample(metrics.text, 'moltbot_requests_in_flight') : activeJobs(report),
      report,
    };
  } catch {
    return down;
  }
}

function label(labels: string, name: string): string | undefined {
  return new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1];
}

/** A metric without labels; `null` where there is none. */
function sample(text: string, name: string): number | null {
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  return value === undefined ? null : Number(value);
}

function activeJobs(report: unknown): number | null {
  const { activeJobs } = (report ?? {}) as { readonly activeJobs?: unknown };
  return typeof activeJobs === 'number' ? activeJobs : null;
}
