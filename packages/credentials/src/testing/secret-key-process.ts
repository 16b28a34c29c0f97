// A process that opens the key of the home folder in `argv`, with a keyring in a folder or `none`, and prints its name.
import { openSecretKey } from '../secret-key/open-secret-key.js';
import { fileKeyring } from './file-keyring.js';

const [, , home = '', keyring = 'none'] = process.argv;
const opened = await openSecretKey({
  paths: { home },
  fromEnvironment: undefined,
  keyring: keyring === 'none' ? 'none' : fileKeyring(keyring),
});
process.stdout.write(`${opened.source} ${opened.keyId}\n`);
