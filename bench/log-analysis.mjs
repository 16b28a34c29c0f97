// Lines per CPU second of the log analysis, one thread, and its memory over many lines (generated on the fly).
//   node bench/log-analysis.mjs [--rounds 5] [--lines 300000] [--big 10000000] [--only text,json]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { analyzeSource, LogAnalyzer, runLogAnalysisInThread } from '../packages/log-analysis/dist/index.js';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    lines: { type: 'string', default: '300000' },
    /** Lines of the memory run; 0 leaves it out. */
    big: { type: 'string', default: '0' },
    only: { type: 'string', default: 'text,json,access,words' },
    /** The two sides of the memory run. */
    feed: { type: 'string' },
    drain: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
const lines = Number(flags.lines);

let seed = 1;
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const int = (below) => Math.floor(random() * below);
const pick = (values) => values[int(values.length)];
const hex = (length) => Array.from({ length }, () => '0123456789abcdef'[int(16)]).join('');
const ip = () => `10.${int(256)}.${int(256)}.${int(256)}`;
const uuid = () => `${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`;

/** Fifty templates; a few make most of the lines, as in real logs. */
const MESSAGES = [
  () => `Accepted socket connection from /${ip()}:${int(65536)}`,
  () => `Received block blk_${int(1e9)} of size ${int(1e8)} from ${ip()}`,
  () => `GET /v1/users/${int(1e6)}/orders/${uuid()} answered 200 in ${int(900)} ms`,
  () => `user ${pick(['anna', 'bob', 'carla', 'dieter', 'emma', 'franz', 'gina'])} signed in from ${ip()}`,
  () => `cache miss for key session:${uuid()}, loading from store`,
  () => `connection to db-${int(9)}.internal:5432 took ${(random() * 100).toFixed(2)} ms`,
  () => `job ${uuid()} finished after ${int(100)} seconds with ${int(20)} retries`,
  () =>
    `Failed password for invalid user ${pick(['admin', 'test', 'guest', 'oracle', 'pi', 'www'])} from ${ip()} port ${int(65536)} ssh2`,
  () => `write of ${int(1e6)} bytes to /var/lib/data/part-${int(1e4)}.log completed`,
  () => `retrying request ${hex(16)} (attempt ${int(5)} of 5): upstream timeout`,
  ...Array.from(
    { length: 40 },
    (_, index) => () =>
      `component ${'abcdefghij'[index % 10]}${'klmnopqrst'[(index / 4) | 0]} changed state from idle to busy after ${int(1000)} ms`,
  ),
];
const message = () => MESSAGES[Math.min(MESSAGES.length - 1, Math.floor(random() ** 2.5 * MESSAGES.length))]();
const LEVELS = ['INFO', 'INFO', 'INFO', 'INFO', 'DEBUG', 'WARN', 'ERROR'];
let clock = Date.UTC(2026, 0, 1);
const time = () => {
  clock += int(20);
  return new Date(clock).toISOString();
};
const KINDS = {
  text: () =>
    `${time().replace('T', ' ').replace('Z', '').replace('.', ',')} ${pick(LEVELS)} [worker-${int(8)}] com.example.app.Service: ${message()}`,
  json: () =>
    `{"level":"${pick(LEVELS).toLowerCase()}","time":"${time()}","pid":4711,"hostname":"api-7","requestId":"req_${hex(12)}","durationMs":${int(900)},"msg":"${message()}"}`,
  access: () =>
    `${ip()} - - [${new Date((clock += 20)).toUTCString().slice(5, 25).replace(/ /, '/').replace(/ /, '/').replace(/ /, ':')} +0000] "GET /v1/items/${int(1e5)}?q=${int(99)} HTTP/1.1" ${pick([200, 200, 200, 404, 500])} ${int(1e5)} "-" "curl/8.5" 0.${int(999)}`,
  /** No two alike: every line takes the slow way. */
  wild: () => `${time()} ERROR com.example.app.Service: ${KINDS.words()}`,
  words: () => Array.from({ length: 12 }, () => hex(6).replace(/\d/g, 'x')).join(' '),
};

function chunksOf(kind, count) {
  const chunks = [];
  let text = [];
  for (let index = 0; index < count; index += 1) {
    text.push(KINDS[kind]());
    if (text.length === 500) {
      chunks.push(Buffer.from(`${text.join('\n')}\n`));
      text = [];
    }
  }
  if (text.length > 0) chunks.push(Buffer.from(`${text.join('\n')}\n`));
  return chunks;
}

async function* from(chunks) {
  yield* chunks;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const seconds = (usage) => (usage.user + usage.system) / 1e6;

async function table() {
  console.log(
    `${'kind'.padEnd(10)}${'bytes/line'.padStart(12)}${'lines/CPU s'.padStart(14)}${'MB/CPU s'.padStart(10)}${'templates'.padStart(11)}`,
  );
  for (const kind of flags.only.split(',').filter((name) => name in KINDS)) {
    const count = kind === 'words' ? Math.ceil(lines / 4) : lines;
    const chunks = chunksOf(kind, count);
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const speeds = [];
    let templates = 0;
    for (let round = 0; round < rounds; round += 1) {
      const analyzer = new LogAnalyzer({ now: Date.now });
      const before = process.cpuUsage();
      await analyzeSource({ analyzer, source: from(chunks), name: kind });
      speeds.push(count / seconds(process.cpuUsage(before)));
      templates = analyzer.miner.counts.templates;
    }
    const speed = median(speeds);
    console.log(
      `${kind.padEnd(10)}${(bytes / count).toFixed(0).padStart(12)}${Math.round(speed).toLocaleString('en-US').padStart(14)}${((speed * bytes) / count / 1e6).toFixed(0).padStart(10)}${String(templates).padStart(11)}`,
    );
  }
}

async function feed(count) {
  for (let made = 0, block = 0; made < count; block += 1) {
    // Every twentieth block is of lines that are all different: what fits no template must not cost memory either.
    const chunks = chunksOf(block % 20 === 19 ? 'wild' : 'text', 2_000);
    for (let repeat = 0; repeat < 5 && made < count; repeat += 1) {
      for (const chunk of chunks) {
        if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
        made += 500;
      }
    }
  }
}

async function drain() {
  const report = await runLogAnalysisInThread({
    task: { inputs: [{ name: 'stdin', role: 'current', from: 'stdin' }] },
  });
  const { coverage } = report;
  const { maxRSS } = process.resourceUsage();
  console.log(
    `\n${coverage.lines.toLocaleString('en-US')} lines: ${seconds(process.cpuUsage()).toFixed(0)} CPU s, at most ${(maxRSS / 1024).toFixed(0)} MiB, ` +
      `${coverage.templates} templates, ${coverage.evictedTemplates} evicted`,
  );
}

if (flags.feed !== undefined) await feed(Number(flags.feed));
else if (flags.drain) await drain();
else {
  await table();
  // Many lines, made by one process on the fly and piped into another, as `moltbot logs analyze -` reads them.
  const big = Number(flags.big);
  if (big > 0) {
    const script = fileURLToPath(import.meta.url);
    const maker = spawn(process.execPath, [script, '--feed', String(big)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const reader = spawn(process.execPath, [script, '--drain'], { stdio: [maker.stdout, 'inherit', 'inherit'] });
    maker.stdout.destroy();
    await once(reader, 'close');
  }
}
