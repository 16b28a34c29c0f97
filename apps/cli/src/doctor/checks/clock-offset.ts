import { readFileSync } from 'node:fs';
import { type HostOffset, judgeClock } from '@moltbot/network';
import {
  type Check,
  configuredCheck,
  type ConfiguredContext,
  type Evidence,
  finding,
  type Observation,
} from '../check.js';
import { signedSpan, span } from '../describe-probe.js';

/** ID tokens and client assertions of a sign-in are taken with this much, see auth/outbound/oauth/id-token.ts. */
const SIGN_IN_TOLERANCE_MS = 30_000;
const TIMEOUT_MS = 18_000;

export const clockCheck: Check = {
  ...configuredCheck('clock.offset', async (context) => {
    const hosts = await context.measured.clocks(context.config);
    const toleranceMs = Math.min(
      SIGN_IN_TOLERANCE_MS,
      context.config.settings.server.oidc?.clock_tolerance ?? Number.POSITIVE_INFINITY,
    );
    const evidence: readonly Evidence[] = [
      ...hosts.map((host) => ({ label: 'clock' as const, value: describeOffset(host) })),
      { label: 'tolerance', value: span(toleranceMs) },
    ];
    const judged = judgeClock({ hosts, toleranceMs });
    switch (judged.verdict) {
      case 'unknown':
        return [{ status: 'skipped', reason: 'no-time-told' }];
      case 'right':
        return [{ status: 'ok', evidence }];
      case 'theirs': {
        const signInHosts = await signInHostsOf(context);
        return judged.hosts.map(
          (host): Observation =>
            finding({
              // Its tokens say when they were issued: a sign-in there fails by them.
              status: signInHosts.has(host.host) ? 'error' : 'warning',
              subject: host.host,
              code: 'clock-theirs',
              facts: {
                offset: signedSpan(host.offsetMs),
                host: host.host,
                others: hosts.length - judged.hosts.length,
              },
              evidence,
            }),
        );
      }
      case 'unclear':
        return [finding({ status: 'warning', code: 'clock-unclear', facts: { hosts: hosts.length }, evidence })];
      default: {
        const offset = signedSpan(-judged.offsetMs);
        const common = {
          status: 'error' as const,
          evidence: [...evidence, ...(await lifetimes(context))],
          command: clockCommand(context.platform),
        };
        return judged.verdict === 'ours'
          ? [finding({ ...common, code: 'clock-off', facts: { offset, hosts: hosts.length } })]
          : [finding({ ...common, code: 'clock-off-one', facts: { offset, host: hosts[0]?.host ?? '' } })];
      }
    }
  }),
  timeoutMs: TIMEOUT_MS,
};

function describeOffset({ host, offsetMs, uncertaintyMs, roundTripMs, samples }: HostOffset): string {
  return `${host} ${signedSpan(offsetMs)} ± ${span(uncertaintyMs)} (round trip ${roundTripMs} ms, ${samples} samples)`;
}

/** A token that lives shorter than the offset is dead when it comes, or never refreshed in time. */
async function lifetimes({ signIns }: ConfiguredContext): Promise<readonly Evidence[]> {
  const statuses = await signIns.statuses().catch(() => undefined);
  return (statuses ?? []).flatMap(({ id, issuedAt, expiresAt }) =>
    issuedAt === undefined || expiresAt === undefined
      ? []
      : [{ label: 'lifetime' as const, value: `${id}: ${span(expiresAt - issuedAt)}` }],
  );
}

async function signInHostsOf({ measured, config }: ConfiguredContext): Promise<ReadonlySet<string>> {
  const providers = await measured.providers(config);
  const routes = providers.flatMap((provider) => provider.routes);
  return new Set(routes.filter(({ purpose }) => purpose === 'sign-in').map(({ host }) => host));
}

/** What sets this machine's clock right. */
function clockCommand(platform: NodeJS.Platform): string {
  if (platform === 'darwin') return 'sudo sntp -sS time.apple.com';
  if (platform === 'win32') return 'w32tm /resync';
  return isWsl() ? 'sudo hwclock --hctosys' : 'sudo timedatectl set-ntp true';
}

/** WSL 2 loses time while Windows sleeps; its clock is set from the hardware's. */
function isWsl(): boolean {
  try {
    return /microsoft/i.test(readFileSync('/proc/version', 'latin1'));
  } catch {
    return false;
  }
}
