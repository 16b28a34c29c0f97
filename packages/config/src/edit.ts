import { isDeepStrictEqual } from 'node:util';
import { writeFileAtomically } from './files/atomic-write.js';
import { ConfigError, type ConfigProblem } from './problems/config-problem.js';
import { patchYaml, rewriteKeepingComments } from './files/edit-yaml.js';
import { withFileLock } from './files/file-lock.js';
import { withValue } from './files/layered-tree.js';
import { parseSettings } from './load.js';
import type { MoltbotPaths } from './environment/paths.js';
import { readSmallFile } from './files/read-file.js';
import { readYaml } from './files/read-yaml.js';
import { resolveKey } from './settings/resolve-key.js';
import { type SettingShape } from './settings/setting-shape.js';
import { fromText } from './settings/setting-variables.js';
import { SourceTree } from './files/source-tree.js';

export interface SetConfigValueOptions {
  /** The text of the file as it is; may be empty. */
  readonly text: string;
  /** `models.retry_policy.max_attempts`; names with dots may be quoted. */
  readonly key: string;
  /** As it would stand in the file, on one line: `3`, `30s`, `[openai:gpt-4, demo:assistant]`, `{kind: openai}`. */
  readonly value: string;
  /** The name for messages. */
  readonly file?: string;
}

/**
 * The text with one setting changed; comments, order, unknown keys and spacing stay.
 * @throws ConfigError with the message that loading would give, where the change makes a mistake that was not there before
 */
export function setConfigValue({ text, key, value, file = 'config.yml' }: SetConfigValueOptions): string {
  const before = readYaml({ text, file });
  if (!(before instanceof SourceTree)) throw new ConfigError(before);
  const resolved = resolveKey(key);
  if (resolved === undefined) {
    const detail = 'expected a key with dots between its parts, as `server.port`';
    throw new ConfigError([{ kind: 'unknown_key', origin: { kind: 'flag', flag: 'KEY' }, detail }]);
  }
  const { path, shape } = resolved;
  const edit = { text, path, value: readValue(value, shape, key) };
  const wanted = withValue(before.value, path, edit.value);
  const edited = [patchYaml(edit), rewriteKeepingComments(edit)].find(
    (text) => text !== undefined && holds(text, wanted),
  );
  if (edited === undefined) {
    const origin = { kind: 'file', file, line: before.lineOf(path) } as const;
    throw new ConfigError([{ kind: 'syntax', origin, key, detail: 'cannot be set by this command; edit the file' }]);
  }
  const known = new Set(problemsOf(text, file).map(identity));
  const problems = problemsOf(edited, file).filter((problem) => !known.has(identity(problem)));
  if (problems.length > 0) throw new ConfigError(problems);
  return edited;
}

/** The text of config.yml, whole or not at all; a new file is 0600, an old one keeps its mode. @throws ConfigError */
export async function writeConfigFile({ paths, text }: { paths: MoltbotPaths; text: string }): Promise<void> {
  await writeFileAtomically({ file: paths.configFile, text });
}

/** `setConfigValue` on the file itself; edits at the same time wait for each other. @throws ConfigError */
export async function editConfigFile(options: { paths: MoltbotPaths; key: string; value: string }): Promise<void> {
  const { paths, key, value } = options;
  const file = paths.configFile;
  await withFileLock(file, async () => {
    const read = await readSmallFile(file);
    if (read !== undefined && 'kind' in read) throw new ConfigError([read]);
    await writeConfigFile({ paths, text: setConfigValue({ text: read?.text ?? '', key, value, file }) });
  });
}

/** Whether the text reads as exactly that. */
function holds(text: string, wanted: unknown): boolean {
  const read = readYaml({ text, file: '' });
  return read instanceof SourceTree && isDeepStrictEqual(plain(read.value), plain(wanted));
}

/** The same data with ordinary objects: whether they have a prototype does not count. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

function problemsOf(text: string, file: string): readonly ConfigProblem[] {
  try {
    parseSettings({ text, file });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** Lines move with an edit. */
function identity({ key, detail }: ConfigProblem): string {
  return JSON.stringify([key, detail]);
}

function readValue(value: string, shape: SettingShape | undefined, key: string): unknown {
  const read = readYaml({ text: value, file: '' });
  const parsed = read instanceof SourceTree ? read.value : undefined;
  if (shape?.node === 'leaf' && shape.kind !== 'number' && shape.kind !== 'integer' && shape.kind !== 'boolean') {
    if (shape.kind === 'list') return Array.isArray(parsed) ? parsed : fromText(value, shape);
    if ((shape.kind === 'duration' || shape.kind === 'size') && typeof parsed === 'number') return parsed;
    const isQuoted = /^\s*["']/.test(value) && typeof parsed === 'string';
    return isQuoted ? parsed : fromText(value, shape);
  }
  if (!(read instanceof SourceTree)) {
    const origin = { kind: 'flag', flag: 'VALUE' } as const;
    throw new ConfigError([{ kind: 'syntax', origin, key, detail: `the value cannot be read: ${read[0]?.detail}` }]);
  }
  return shape?.node === 'leaf' && typeof parsed === 'string' ? fromText(parsed, shape) : parsed;
}
