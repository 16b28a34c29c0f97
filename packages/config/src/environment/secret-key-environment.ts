import { MoltbotError, Secret } from '@moltbot/contracts';
import { readSmallFile } from '../files/read-file.js';
import type { Environment } from './environment.js';

const KEY = 'MOLTBOT_SECRET_KEY';
const KEY_FILE = 'MOLTBOT_SECRET_KEY_FILE';

/**
 * The key that seals tokens, as `MOLTBOT_SECRET_KEY` or the file of `MOLTBOT_SECRET_KEY_FILE` has it: one or, the newest first,
 * several, with blanks, commas or new lines between them. `undefined` where neither is set.
 * @throws MoltbotError `config_invalid` that names the variable and the file, never the key
 */
export async function readSecretKey(env: Environment): Promise<Secret | undefined> {
  const [text, file] = [env[KEY]?.trim() ?? '', env[KEY_FILE]?.trim() ?? ''];
  if (text !== '' && file !== '') throw new MoltbotError('config_invalid', `Set ${KEY} or ${KEY_FILE}, not both`);
  if (file === '') return text === '' ? undefined : new Secret(text);
  const read = await readSmallFile(file);
  if (read === undefined) throw new MoltbotError('config_invalid', `${KEY_FILE}: there is no file ${file}`);
  if ('kind' in read) throw new MoltbotError('config_invalid', `${KEY_FILE}: ${file} ${read.detail}`);
  if (read.text.trim() === '') throw new MoltbotError('config_invalid', `${KEY_FILE}: ${file} is empty`);
  return new Secret(read.text.trim());
}
