import { ConfigError, formatOrigin, readProxyEnvironment } from '@moltbot/config';
import { MoltbotError } from '@moltbot/contracts';
import { type Check, finding, type Observation } from '../check.js';

export const configValid: Check = {
  id: 'config.valid',
  async run({ config, configError, paths, env, command }) {
    if (config === undefined) return mistakesOf(configError, `${command} config validate`);
    // The mode of auth.json has a check of its own.
    const remarks = config.warnings.filter(({ kind }) => kind !== 'auth_file_mode');
    const observed: Observation[] = remarks.map(({ message, command: mends }) =>
      finding({ status: 'warning', code: 'config-remark', facts: { remark: message }, evidence: [], command: mends }),
    );
    try {
      readProxyEnvironment(env);
    } catch (error) {
      const reason = error instanceof MoltbotError ? error.message : 'unreadable';
      observed.push(
        finding({
          status: 'error',
          code: 'proxy-setting',
          facts: { reason },
          evidence: [{ label: 'variable', value: reason }],
        }),
      );
    }
    if (observed.length > 0) return observed;
    return [{ status: 'ok', evidence: [{ label: 'file', value: paths.configFile }] }];
  },
};

function mistakesOf(error: unknown, command: string): readonly Observation[] {
  if (!(error instanceof ConfigError)) throw error;
  return error.problems.map((problem) => {
    const place = formatOrigin(problem.origin);
    const detail = [problem.key, problem.detail].filter((part) => part !== undefined && part !== '').join(': ');
    return finding({
      status: 'error',
      subject: problem.key,
      code: 'config-mistake',
      facts: { place, detail },
      evidence: [{ label: 'file', value: place }],
      command,
    });
  });
}
