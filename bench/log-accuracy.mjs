// Scores the template miner as the LogPub benchmark does: GA, FGA, PA, FTA per system, exact comparison, one configuration.
//   node bench/log-accuracy.mjs FOLDER [--system NAME] [--wrong]
// FOLDER holds for each system NAME.log (one message per line) and NAME.truth.json (the template of each line).
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  MaskedMessage,
  renderTemplate,
  resolveTemplate,
  scanMessage,
  TemplateMiner,
} from '../packages/log-analysis/dist/index.js';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { system: { type: 'string' }, wrong: { type: 'boolean', default: false } },
});
const [folder] = positionals;
if (folder === undefined) {
  console.error('usage: node bench/log-accuracy.mjs FOLDER [--system NAME] [--wrong]');
  process.exit(2);
}

/** @returns the template of each line, after all merges */
export function mine(lines) {
  const message = new MaskedMessage();
  const miner = new TemplateMiner();
  const found = lines.map((line) => {
    const bytes = Buffer.from(line);
    scanMessage(bytes, 0, bytes.length, message);
    return miner.add(message);
  });
  return found.map((template) => renderTemplate(resolveTemplate(template)));
}

const groupsOf = (templates) => {
  const groups = new Map();
  templates.forEach((template, index) => {
    const group = groups.get(template);
    if (group === undefined) groups.set(template, [index]);
    else group.push(index);
  });
  return groups;
};

/** As benchmark/evaluation of logpai/loghub-2.0 defines them. */
export function score(truth, parsed) {
  const real = groupsOf(truth);
  const found = groupsOf(parsed);
  let groupedLines = 0;
  let groupedTemplates = 0;
  let exactTemplates = 0;
  for (const [template, lines] of found) {
    const wanted = new Set(lines.map((index) => truth[index]));
    if (wanted.size !== 1) continue;
    const [only] = wanted;
    if (real.get(only).length === lines.length) {
      groupedLines += lines.length;
      groupedTemplates += 1;
    }
    if (only === template) exactTemplates += 1;
  }
  const f1 = (right) => {
    const precision = right / found.size;
    const recall = right / real.size;
    return right === 0 ? 0 : (2 * precision * recall) / (precision + recall);
  };
  return {
    found: found.size,
    real: real.size,
    GA: groupedLines / truth.length,
    FGA: f1(groupedTemplates),
    PA: truth.filter((template, index) => template === parsed[index]).length / truth.length,
    FTA: f1(exactTemplates),
  };
}

const rows = [];
for (const name of readdirSync(folder).filter((each) => each.endsWith('.truth.json'))) {
  const system = name.replace('.truth.json', '');
  if (flags.system !== undefined && flags.system !== system) continue;
  const truth = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const lines = readFileSync(join(folder, `${system}.log`), 'utf8')
    .split('\n')
    .slice(0, truth.length);
  const parsed = mine(lines);
  rows.push({ system, ...score(truth, parsed) });
  if (flags.wrong) {
    const seen = new Map();
    truth.forEach((template, index) => {
      if (template === parsed[index]) return;
      const key = `${template}\n    ${parsed[index]}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    });
    for (const [key, count] of [...seen].sort((a, b) => b[1] - a[1]).slice(0, 60))
      console.log(String(count).padStart(5), key);
  }
}
const show = (value) => value.toFixed(3).padStart(6);
console.log(`${'system'.padEnd(14)} found  real     GA    FGA     PA    FTA`);
for (const { system, found, real, GA, FGA, PA, FTA } of rows) {
  console.log(
    `${system.padEnd(14)}${String(found).padStart(6)}${String(real).padStart(6)} ${[GA, FGA, PA, FTA].map(show).join(' ')}`,
  );
}
const mean = (key) => rows.reduce((sum, row) => sum + row[key], 0) / rows.length;
console.log(`${'mean'.padEnd(27)}${['GA', 'FGA', 'PA', 'FTA'].map((key) => show(mean(key))).join(' ')}`);
