import { editConfigFile, exampleConfig, formatOrigin, loadConfig, needsRestart, shownSettings } from '@moltbot/config';
import type { Command } from '../context.js';
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
  });
  const rows = shown
    .filter(({ value }) => value !== undefined)
    .map(({ key, value, origin }) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
      ...(options['origin'] === true ? [output.style('dim', formatOrigin(origin))] : []),
    ]);
  for (const { id, type } of credentials) {
    rows.push([
      `auth.json: ${id}`,
      `${type} ***`,
      ...(options['origin'] === true ? [output.style('dim', paths.authFile)] : []),
    ]);
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
  const restart = needsRestart(key);
  const shown =
    shownSettings(await loadConfig({ paths, env: {} })).find((setting) => setting.key === key)?.value ?? value;
  const text = typeof shown === 'string' ? shown : JSON.stringify(shown);
  output.result({ key, value: shown, file: paths.configFile, restart });
  output.line(messages.configSet(key, text, paths.configFile));
  if (restart) output.note(messages.configNeedsRestart);
  return 'ok';
};

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
