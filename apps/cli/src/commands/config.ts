import {
  editConfigFile,
  exampleConfig,
  formatOrigin,
  loadConfig,
  needsRestart,
  type ShownSetting,
  shownSettings,
} from '@moltbot/config';
import type { Command, CommandContext } from '../context.js';
import { readRunning } from '../roles/run-lock.js';
import { table } from '../table.js';

export const configShow: Command = async ({ options, context }) => {
  const { output, paths, env } = context;
  const config = await loadConfig({ paths, env });
  for (const warning of config.warnings) output.note(warning.message);
  const shown = shownSettings(config);
  const credentials = config.credentials.map(({ id, entry }) => ({ id, type: entry.type }));
  output.result({
    settings: shown.map(({ key, value, origin }) => ({ key, value: value ?? null, origin })),
    credentials,
    warnings: config.warnings.map(({ message }) => message),
  });
  const withOrigin = options['origin'] === true;
  const rows = shown
    .filter(({ value }) => value !== undefined)
    .map(({ key, value, origin }) => [
      key,
      written(value),
      ...(withOrigin ? [output.style('dim', formatOrigin(origin))] : []),
    ]);
  for (const { id, type } of credentials) {
    rows.push([`auth.json: ${id}`, `${type} ***`, ...(withOrigin ? [output.style('dim', paths.authFile)] : [])]);
  }
  output.line(table(rows));
  return 'ok';
};

export const configValidate: Command = async ({ context }) => {
  const { output, paths, messages } = context;
  const { warnings } = await loadConfig({ paths, env: context.env });
  for (const warning of warnings) output.note(warning.message);
  output.result({
    ok: true,
    warnings: warnings.map(({ message }) => message),
    files: [paths.configFile, paths.authFile],
  });
  output.line(messages.configOk(`${paths.configFile}, ${paths.authFile}`));
  return 'ok';
};

export const configSet: Command = async ({ args, context }) => {
  const { output, paths, messages } = context;
  const [key = '', value = ''] = args;
  await editConfigFile({ paths, key, value });
  const restart = needsRestart(key) && readRunning(paths.runDirectory) !== undefined;
  const settings = await settingsUnder(key, context);
  output.result({ file: paths.configFile, settings, restart });
  for (const setting of settings) output.line(messages.configSet(setting.key, written(setting.value ?? null)));
  output.note(messages.configWritten(paths.configFile));
  if (restart) output.note(messages.configNeedsRestart);
  return 'ok';
};

/** What was set, as it may be shown; nothing where another mistake of the files keeps them from being read. */
async function settingsUnder(key: string, { paths }: CommandContext): Promise<readonly ShownSetting[]> {
  try {
    const shown = shownSettings(await loadConfig({ paths, env: {} }));
    return shown.filter((setting) => setting.key === key || setting.key.startsWith(`${key}.`));
  } catch {
    return [];
  }
}

export const configPath: Command = async ({ context }) => {
  const { output, paths } = context;
  output.result(paths);
  output.line(table(Object.entries(paths)));
  return 'ok';
};

export const configExample: Command = async ({ context }) => {
  const text = exampleConfig();
  context.output.result({ text });
  context.output.text(text);
  return 'ok';
};

function written(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
