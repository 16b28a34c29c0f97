// Every relative link of a page leads to a file that is there, and to a heading of it. Exits 1 with a line for each that does not.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { root } from './run.mjs';

const LINK = /(?<!!)\[[^\]]*\]\(([^)\s]+)\)/g;
const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { cwd: root });
const pages = listed
  .toString()
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(path) {
  const found = new Set();
  const outside = readFileSync(path, 'utf8').replaceAll(/^```[^]*?^```/gm, '');
  for (const [, heading] of outside.matchAll(/^#{1,6}\s+(.+)$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');
    const slug = plain
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    for (let number = 0, anchor = slug; ; number += 1, anchor = `${slug}-${number}`) {
      if (found.has(anchor)) continue;
      found.add(anchor);
      break;
    }
  }
  for (const [, name] of outside.matchAll(/<a (?:name|id)="([^"]+)"/g)) found.add(name);
  return found;
}

const problems = [];
let links = 0;
for (const page of pages) {
  const text = readFileSync(join(root, page), 'utf8')
    .replaceAll(/^```[^]*?^```/gm, '')
    .replaceAll(/`[^`\n]*`/g, '');
  for (const [, target] of text.matchAll(LINK)) {
    if (/^[a-z]+:/i.test(target)) continue;
    links += 1;
    const [path, anchor] = target.split('#');
    const file = path === '' ? join(root, page) : resolve(root, dirname(page), decodeURIComponent(path));
    if (!existsSync(file)) problems.push(`${page}: ${target} is not there`);
    else if (relative(root, file).startsWith('..')) problems.push(`${page}: ${target} leaves the repository`);
    else if (anchor && statSync(file).isFile() && !anchorsOf(file).has(anchor)) {
      problems.push(`${page}: ${target}: no such heading`);
    }
  }
}
if (links === 0) problems.push('no link was found: the check itself is broken');
for (const problem of problems) console.log(problem);
process.exit(problems.length === 0 ? 0 : 1);
