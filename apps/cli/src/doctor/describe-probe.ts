import type { CertificateFacts, RouteProbe } from '@moltbot/network';
import type { Evidence } from './check.js';
import type { MeasuredRoute } from './measure/measurements.js';

/** `tcp proxy:3128 127.0.0.1 (2 ms) → proxy-connect auth:443 HTTP 403 (1 ms) FAILED` */
export function describeStages({ stages }: RouteProbe): string {
  return stages
    .map(({ name, target, detail, ms, ok }) => `${name} ${target} ${detail} (${ms} ms)${ok ? '' : ' FAILED'}`)
    .join(' → ');
}

/** Which way was taken, each stage with its time, and how far one gets past the proxy. */
export function routeEvidence({ probe, direct }: Pick<MeasuredRoute, 'probe' | 'direct'>): readonly Evidence[] {
  return [
    { label: 'url', value: probe.url },
    ...(probe.proxy === undefined ? [] : [{ label: 'proxy' as const, value: probe.proxy }]),
    { label: 'route', value: describeStages(probe) },
    ...(direct === undefined ? [] : [{ label: 'directly' as const, value: describeStages(direct) }]),
  ];
}

export function certificateEvidence(certificate: CertificateFacts | undefined): readonly Evidence[] {
  if (certificate === undefined) return [];
  const { subject, issuer, chain, names, trust, validFrom, validTo } = certificate;
  return [
    { label: 'certificate', value: `${subject} (${names.join(' ')}), ${isoDay(validFrom)} – ${isoDay(validTo)}` },
    { label: 'issuer', value: `${issuer}; chain: ${chain.join(' ← ')}; trust: ${trust}` },
  ];
}

export function isoDay(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(0, 16).replace('T', ' ') : '?';
}

/** `+10 min 0.2 s` */
export function signedSpan(ms: number): string {
  return `${ms < 0 ? '-' : '+'}${span(Math.abs(ms))}`;
}

/** `3 d 4 h`, `10 min 12 s`, `0.4 s`: two units at most. */
export function span(exactMs: number): string {
  if (!Number.isFinite(exactMs)) return '∞';
  if (exactMs < 59_950) return `${Math.round(exactMs / 100) / 10} s`;
  const ms = Math.round(exactMs / 1_000) * 1_000;
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ] as const;
  const index = units.findIndex(([, size]) => ms >= size);
  const [name, size] = units[index] ?? ['s', 1_000];
  const whole = Math.floor(ms / size);
  const next = units[index + 1];
  const rest = next === undefined ? 0 : Math.floor((ms - whole * size) / next[1]);
  return rest === 0 || next === undefined ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next[0]}`;
}
