import { type Check, configuredCheck, finding } from '../check.js';
import { roleAddresses } from '../../server-address.js';

export const serverRunning: Check = configuredCheck(
  'server.running',
  async ({ config, running, measured, command }) => {
    const { primary, worker } = await measured.roles(config);
    const { chat } = roleAddresses(config.settings, running);
    const url = { label: 'url' as const, value: primary.url };
    if (!primary.reachable) {
      if (running === undefined) return [{ status: 'skipped', reason: 'no-server' }];
      const evidence = [
        url,
        { label: 'process' as const, value: String(running.pid) },
        { label: 'since' as const, value: running.startedAt },
      ];
      return [finding({ status: 'error', code: 'server-silent', facts: { url: chat, pid: running.pid }, evidence })];
    }
    const slow = [
      ...(primary.ready ? [] : [`primary: ${failedChecks(primary.report)}`]),
      ...(worker.reachable && !worker.ready ? [`worker: ${failedChecks(worker.report)}`] : []),
    ];
    if (slow.length === 0) return [{ status: 'ok', evidence: [{ label: 'url', value: chat }] }];
    return [
      finding({
        status: 'error',
        code: 'server-not-ready',
        facts: { url: chat, checks: slow.join('; ') },
        evidence: [url, ...slow.map((value) => ({ label: 'record' as const, value }))],
        command: `${command} status`,
      }),
    ];
  },
);

export const serverVersion: Check = configuredCheck('server.version', async ({ config, measured, version }) => {
  const { primary, worker } = await measured.roles(config);
  const running = [primary, worker].flatMap((role) => (role.reachable && role.version !== null ? [role.version] : []));
  if (running.length === 0) return [{ status: 'skipped', reason: 'no-server' }];
  const other = running.find((found) => found !== version);
  const evidence = running.map((value) => ({ label: 'version' as const, value }));
  if (other === undefined) return [{ status: 'ok', evidence }];
  const facts = { running: other, installed: version };
  return [finding({ status: 'warning', code: 'server-other-version', facts, evidence })];
});

/** The names of what is not well in a report of `/ready`, with their details. */
function failedChecks(report: unknown): string {
  const { checks } = (report ?? {}) as { readonly checks?: unknown };
  const failed = Object.entries(
    (checks ?? {}) as Record<string, { ok?: unknown; required?: unknown; detail?: unknown } | undefined>,
  )
    .filter(([, check]) => check?.ok === false && check.required !== false)
    .map(([name, check]) => (typeof check?.detail === 'string' ? `${name} (${check.detail})` : name));
  return failed.length > 0 ? failed.join(', ') : 'not ready';
}
