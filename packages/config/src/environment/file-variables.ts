import { readSmallFile } from '../files/read-file.js';
import { ConfigError, type ConfigProblem } from '../problems/config-problem.js';
import { fileVariable } from '../settings/setting-variables.js';
import type { Environment } from './environment.js';

/**
 * The environment with each `MOLTBOT_…_FILE` of a setting (as container platforms hand over secrets) replaced by what its file
 * says, without the blanks around it. @throws ConfigError that names the variable and the file, never the value
 */
export async function withFileVariables(env: Environment): Promise<Environment> {
  const named = Object.keys(env).filter((name) => (env[name] ?? '').trim() !== '' && fileVariable(name) !== undefined);
  if (named.length === 0) return env;
  const result: Record<string, string | undefined> = { ...env };
  const problems: ConfigProblem[] = [];
  for (const name of named) {
    const variable = fileVariable(name)?.variable ?? name;
    const file = (env[name] ?? '').trim();
    delete result[name];
    if ((env[variable] ?? '').trim() !== '') {
      problems.push(problem(name, `set ${variable} or ${name}, not both`));
      continue;
    }
    const read = await readSmallFile(file);
    if (read === undefined) problems.push(problem(name, `there is no file ${file}`));
    else if ('kind' in read) problems.push(problem(name, `${file} ${read.detail}`));
    else if (read.text.trim() === '') problems.push(problem(name, `${file} is empty`));
    else result[variable] = read.text.trim();
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return result;
}

function problem(variable: string, detail: string): ConfigProblem {
  return { kind: 'conflict', origin: { kind: 'environment', variable }, detail };
}
