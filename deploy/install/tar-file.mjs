// Tar archives that are the same bytes for the same files: sorted, no owner, no time. POSIX ustar (IEEE 1003.1-2024, pax).
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const BLOCK = 512;

/**
 * @param parts folders or files to hold: `{ from, to }`, `to` being the name in the archive; or texts: `{ text, to }`
 * @returns the archive
 */
export function tarOf(parts) {
  const pieces = parts.flatMap(({ from, to, text, mode }) =>
    text === undefined
      ? [...entriesOf(from, to)]
      : [entry({ name: to, bytes: Buffer.from(text), mode: mode ?? 0o644 })],
  );
  return Buffer.concat([...pieces, Buffer.alloc(2 * BLOCK)]);
}

function* entriesOf(from, to) {
  const found = lstatSync(from);
  if (found.isSymbolicLink()) yield entry({ name: to, type: '2', link: readlinkSync(from), mode: 0o777 });
  else if (found.isDirectory()) {
    for (const name of readdirSync(from).sort()) yield* entriesOf(join(from, name), `${to}/${name}`);
  } else yield entry({ name: to, bytes: readFileSync(from), mode: found.mode & 0o111 ? 0o755 : 0o644 });
}

function entry({ name, bytes = Buffer.alloc(0), mode, type = '0', link = '' }) {
  const header = Buffer.alloc(BLOCK);
  const { short, prefix } = split(name);
  if (Buffer.byteLength(link) > 100) throw new Error(`too long for a link of tar: ${link}`);
  header.write(short, 0);
  octal(header, mode, 100, 8);
  octal(header, 0, 108, 8);
  octal(header, 0, 116, 8);
  octal(header, bytes.length, 124, 12);
  octal(header, 0, 136, 12);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(link, 157);
  header.write('ustar\u000000', 257);
  header.write(prefix, 345);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148);
  const rest = (BLOCK - (bytes.length % BLOCK)) % BLOCK;
  return Buffer.concat([header, bytes, Buffer.alloc(rest)]);
}

function octal(header, value, at, length) {
  header.write(`${value.toString(8).padStart(length - 1, '0')}\u0000`, at);
}

/** Up to 100 bytes of name, and up to 155 of the folders before it. */
function split(name) {
  if (Buffer.byteLength(name) <= 100) return { short: name, prefix: '' };
  for (let at = name.indexOf('/'); at > 0; at = name.indexOf('/', at + 1)) {
    const short = name.slice(at + 1);
    if (Buffer.byteLength(short) <= 100 && at <= 155) return { short, prefix: name.slice(0, at) };
  }
  throw new Error(`too long for tar: ${name}`);
}
