// What metrics cost: two primaries side by side, one that counts and is scraped, one that does not count (without-metrics.mjs), the same
// load in turn, medians of the ratios of CPU per request.
//   node bench/metrics.mjs [--rounds 9] [--scale 1] [--json]
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuMs, median, start, stop } from './processes.mjs';

const root = resolve(import.meta.dirname, '..');
const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    /** More requests a round. */
    scale: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
const scale = Number(flags.scale);
const PROMISED = 0.03;
const SCRAPES = 20;
/** As a Prometheus does. */
const SCRAPE_EVERY_MS = 15_000;

const body = (model, stream) =>
  JSON.stringify({ model: `mock:${model}`, stream, messages: [{ role: 'user', content: 'The quick brown fox' }] });
const SCENARIOS = [
  {
    name: 'json',
    title: 'a whole answer',
    body: body('json', false),
    load: { connections: 32, requests: 4_000 * scale },
  },
  {
    name: 'sse',
    title: 'a stream of 100 tokens',
    body: body('sse-100-1', true),
    load: { connections: 32, requests: 800 * scale },
    endsWith: '[DONE]',
  },
];

const homes = [];
const children = [];
const timers = [];
try {
  const mock = await start(join(import.meta.dirname, 'mock-upstream.mjs'));
  const load = fork(join(import.meta.dirname, 'load.mjs'), [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  children.push(mock.child, load);
  const upstream = `http://127.0.0.1:${mock.port}`;
  const sides = {
    off: await startPrimary(upstream, [`--import=${join(import.meta.dirname, 'without-metrics.mjs')}`]),
    on: await startPrimary(upstream, []),
  };
  const scrape = () => fetch(`http://127.0.0.1:${sides.on.metricsPort}/metrics`).then((answer) => answer.text());
  const silent = await (await fetch(`http://127.0.0.1:${sides.off.metricsPort}/metrics`)).text();
  if (silent !== '') throw new Error('the primary without metrics has some');
  timers.push(setInterval(() => void scrape().catch(() => undefined), SCRAPE_EVERY_MS));
  const rows = [];
  for (const scenario of SCENARIOS) rows.push(await compare(scenario, sides, load));
  const text = await scrape();
  if (!/^moltbot_requests_total\{.*\} [1-9]/m.test(text))
    throw new Error('the primary with metrics has counted nothing');
  rows.push(await costOfScrape(sides.on.pid, scrape));
  print(rows);
} finally {
  for (const timer of timers) clearInterval(timer);
  for (const child of children) await stop(child);
  for (const home of homes) rmSync(home, { recursive: true, force: true });
}

async function compare(scenario, sides, load) {
  const ratios = [];
  const figures = { on: [], off: [] };
  // The first ones warm both up.
  for (let round = -3; round < rounds; round += 1) {
    const result = {};
    for (const name of round % 2 === 0 ? ['on', 'off'] : ['off', 'on']) {
      const { pid, port } = sides[name];
      const before = cpuMs(pid);
      const answer = await order(load, {
        ...scenario.load,
        url: `http://127.0.0.1:${port}/v1/chat/completions`,
        body: scenario.body,
        endsWith: scenario.endsWith,
        headers: {},
      });
      if (Object.keys(answer.errors).length > 0) throw new Error(`${name}: ${JSON.stringify(answer.errors)}`);
      result[name] = ((cpuMs(pid) - before) * 1_000) / answer.done;
    }
    if (round < 0) continue;
    ratios.push(result.on / result.off);
    for (const name of ['on', 'off']) figures[name].push(result[name]);
  }
  return {
    name: scenario.name,
    title: scenario.title,
    onMicros: median(figures.on),
    offMicros: median(figures.off),
    cost: median(ratios) - 1,
    promised: PROMISED,
  };
}

/** What a scrape costs, as a share of one core that is asked every 15 s. */
async function costOfScrape(pid, scrape) {
  const before = cpuMs(pid);
  for (let count = 0; count < SCRAPES; count += 1) await scrape();
  const ms = (cpuMs(pid) - before) / SCRAPES;
  return {
    name: 'scrape',
    title: 'a scrape',
    onMicros: ms * 1_000,
    offMicros: 0,
    cost: ms / SCRAPE_EVERY_MS,
    promised: PROMISED,
  };
}

async function startPrimary(upstream, execArgv) {
  const home = mkdtempSync(join(tmpdir(), 'moltbot-bench-'));
  homes.push(home);
  const mock = { kind: 'openai-compatible', base_url: `${upstream}/v1`, max_connections: 1024 };
  const config = {
    models: { primary: 'mock:json' },
    providers: { mock: { ...mock, models: { json: { price: { input: 1, output: 2 } } } } },
    server: { port: 0, metrics_port: 0 },
    logs: { level: 'warn' },
    discovery: { local_servers: false },
  };
  writeFileSync(join(home, 'config.yml'), JSON.stringify(config));
  const started = await start(join(root, 'apps/primary/dist/main.js'), [], {
    MOLTBOT_HOME: home,
    NODE_OPTIONS: execArgv.join(' '),
  });
  children.push(started.child);
  return started;
}

function order(child, message) {
  return new Promise((done, failed) => {
    const ended = () => failed(new Error('the load ended'));
    child.once('exit', ended);
    child.once('message', (answer) => {
      child.off('exit', ended);
      done(answer);
    });
    child.send(message);
  });
}

function print(rows) {
  if (flags.json) {
    console.log(JSON.stringify({ node: process.version, rounds, rows }, undefined, 2));
    return;
  }
  console.log(`\nNode ${process.version}, CPU per request, median of ${rounds} rounds\n`);
  console.log('| measured | without metrics (µs) | with metrics, scraped (µs) | cost | promised |');
  console.log('| --- | ---: | ---: | ---: | ---: |');
  for (const { title, onMicros, offMicros, cost, promised } of rows) {
    const missed = cost > promised ? ' MISSED' : '';
    const cells = [title, offMicros.toFixed(0), onMicros.toFixed(0), `${(cost * 100).toFixed(1)} %`];
    console.log(`| ${cells.join(' | ')} | ≤ ${promised * 100} %${missed} |`);
  }
}
