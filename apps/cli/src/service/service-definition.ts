import { join } from 'node:path';
import type { Environment, MoltbotPaths } from '@moltbot/config';
import type { Installation } from './installation.js';
import type { ServiceDefinition } from './systemd-unit.js';

/** Variables of the shell without which the way out, or the trust in TLS, would be another one. */
const KEPT = new Set([
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'TZ',
]);

/** What a service runs: `start` on this home, with the settings that the shell gives by variables, and its proxies. */
export function serviceDefinition(options: {
  readonly installation: Installation;
  readonly paths: MoltbotPaths;
  readonly env: Environment;
}): ServiceDefinition {
  const { installation, paths, env } = options;
  const environment: Record<string, string> = {};
  for (const [name, value = ''] of Object.entries(env)) {
    const ours = name.startsWith('MOLTBOT_') && !name.startsWith('MOLTBOT_INSTALL_') && name !== 'MOLTBOT_API_KEY';
    if (value !== '' && (ours || KEPT.has(name))) environment[name] = value;
  }
  return {
    command: [...installation.command, 'start'],
    environment: { ...environment, MOLTBOT_HOME: paths.home },
    logFile: join(paths.logsDirectory, 'service.log'),
  };
}
