// The licences of the libraries whose code is in a release.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const LICENCE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** @param packages name, version and folder of each @returns the text */
export function thirdPartyNotices(packages) {
  const texts = packages.map(({ name, version, folder }) => {
    const { license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file) && !file.endsWith('.js'));
    const bodies = files.sort().map((file) => readFileSync(join(folder, file), 'utf8').trim());
    const title = `${name} ${version} (${typeof license === 'string' ? license : 'see below'})`;
    return [`${'='.repeat(title.length)}\n${title}\n${'='.repeat(title.length)}`, ...bodies].join('\n\n');
  });
  return `MoltBot holds code of these libraries.\n\n${texts.join('\n\n\n')}\n`;
}
