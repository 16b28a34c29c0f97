// MoltBot beside a bare node:http + undici pipe, same upstream, one process each, rounds in turn, medians of ratios.
//   node bench/run.mjs [--rounds 5] [--only json,sse] [--json]
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuMs, median, rssMb, start, stop } from './processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '..');
const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    /** Writes a CPU profile of MoltBot into this folder. */
    profile: { type: 'string' },
  },
});
const rounds = Number(flags.rounds);

const prompt = (bytes) =>
  'The quick brown fox jumps over the "lazy" dog.\n'.repeat(Math.ceil(bytes / 47)).slice(0, bytes);
const openAi = (model, bytes = 200) =>
  JSON.stringify({
    model: `mock:${model}`,
    ...(model === 'json' ? {} : { stream: true, stream_options: { include_usage: true } }),
    messages: [
      { role: 'system', content: 'You are a helpful assistant.' },
      ...Array.from({ length: Math.max(1, Math.ceil(bytes / 4096)) }, (_, index) => ({
        role: index % 2 === 0 ? 'user' : 'assistant',
        content: prompt(Math.min(bytes, 4096)),
      })),
    ],
  });
const anthropic = (model) =>
  JSON.stringify({
    model: `mock:${model}`,
    stream: true,
    max_tokens: 1_000,
    messages: [{ role: 'user', content: prompt(200) }],
  });

const CHAT = '/v1/chat/completions';
const MESSAGES = '/v1/messages';
/** `unit`: what CPU is divided by; `limit`: the ratio that the project promises. */
const SCENARIOS = [
  {
    name: 'json',
    title: 'CPU per request, 64 connections',
    path: CHAT,
    body: openAi('json'),
    load: { connections: 64, seconds: 3 },
    unit: 1,
    limit: 1.5,
    also: 'throughput',
  },
  {
    name: 'json64k',
    title: 'CPU per request, 64 KB prompt',
    path: CHAT,
    body: openAi('json', 65_536),
    load: { connections: 16, seconds: 3 },
    unit: 1,
    limit: 1.5,
  },
  {
    name: 'sse',
    title: 'CPU per event, same dialect, an event a packet',
    path: CHAT,
    body: openAi('sse-400-1'),
    load: { connections: 32, requests: 160 },
    unit: 404,
    limit: 1.5,
    endsWith: '[DONE]',
  },
  {
    name: 'sse8',
    title: 'CPU per event, same dialect, 8 events a packet',
    path: CHAT,
    body: openAi('sse-400-8'),
    load: { connections: 32, requests: 400 },
    unit: 404,
    limit: 1.5,
    endsWith: '[DONE]',
  },
  {
    name: 'sse-paced',
    title: 'CPU per event, same dialect, 512 streams at once, 20 ms a token',
    paced: true,
    path: CHAT,
    body: openAi('sse-100-1'),
    load: { connections: 512, requests: 1024 },
    unit: 104,
    limit: 1.5,
    endsWith: '[DONE]',
    also: 'memory',
  },
  {
    name: 'translated',
    title: 'CPU per event, translated (Anthropic caller, OpenAI model)',
    path: MESSAGES,
    barePath: CHAT,
    body: anthropic('sse-400-1'),
    bareBody: openAi('sse-400-1'),
    load: { connections: 32, requests: 160 },
    unit: 404,
    limit: 3,
    endsWith: 'message_stop',
    bareEndsWith: '[DONE]',
  },
  {
    name: 'p99',
    title: 'p99 at a fixed rate of 300/s',
    path: CHAT,
    body: openAi('json'),
    load: { rate: 300, seconds: 4, connections: 1024 },
    unit: 1,
    limit: 1.5,
    measure: 'p99',
  },
];
const chosen = flags.only ? SCENARIOS.filter(({ name }) => flags.only.split(',').includes(name)) : SCENARIOS;

const home = mkdtempSync(join(tmpdir(), 'moltbot-bench-'));
const children = [];
let database;
try {
  const mock = await start(join(here, 'mock-upstream.mjs'));
  const paced = await start(join(here, 'mock-upstream.mjs'), ['20']);
  const load = await start2(join(here, 'load.mjs'));
  children.push(mock.child, paced.child, load);
  const rows = [];
  for (const pacedRun of [false, true]) {
    const scenarios = chosen.filter((scenario) => Boolean(scenario.paced) === pacedRun);
    if (scenarios.length === 0) continue;
    const upstream = `http://127.0.0.1:${(pacedRun ? paced : mock).port}`;
    const bare = await start(join(here, 'bare-pipe.mjs'), [upstream]);
    const moltbot = await startMoltbot(upstream);
    children.push(bare.child, moltbot.child);
    if (!pacedRun || scenarios.length === chosen.length) {
      await new Promise((done) => setTimeout(done, 3_000));
      rows.push({
        name: 'ready',
        title: 'time to ready, database running and warm (s)',
        moltbot: moltbot.readySeconds,
        limit: 4,
      });
      rows.push({ name: 'idle', title: 'resident memory, idle (MB)', moltbot: rssMb(moltbot.pid), limit: 180 });
    }
    for (const scenario of scenarios) rows.push(...(await compare({ scenario, bare, moltbot, load })));
    await stop(moltbot.child);
    await stop(bare.child);
  }
  print(rows);
} finally {
  for (const child of children) await stop(child);
  await stopDatabase();
  rmSync(home, { recursive: true, force: true });
}

async function compare({ scenario, bare, moltbot, load }) {
  const ratios = [];
  const throughput = [];
  const samples = { bare: [], moltbot: [] };
  let peak = 0;
  const sides = {
    bare: {
      server: bare,
      path: scenario.barePath ?? scenario.path,
      body: scenario.bareBody ?? scenario.body,
      endsWith: scenario.bareEndsWith ?? scenario.endsWith,
    },
    moltbot: { server: moltbot, path: scenario.path, body: scenario.body, endsWith: scenario.endsWith },
  };
  for (let round = -1; round < rounds; round += 1) {
    const result = {};
    for (const name of round % 2 === 0 ? ['bare', 'moltbot'] : ['moltbot', 'bare']) {
      const { server, path, body, endsWith } = sides[name];
      const before = cpuMs(server.pid);
      const answer = await order(load, {
        ...scenario.load,
        url: `http://127.0.0.1:${server.port}${path}`,
        // The pipe sends the body as it is: the upstream's name of the model.
        body: name === 'bare' ? body.replace('mock:', '') : body,
        endsWith,
        headers: { authorization: `Bearer ${moltbot.key}`, 'anthropic-version': '2023-06-01' },
      });
      if (Object.keys(answer.errors).length > 0)
        throw new Error(`${scenario.name} ${name}: ${JSON.stringify(answer.errors)}`);
      const cpu = cpuMs(server.pid) - before;
      result[name] = {
        figure: scenario.measure === 'p99' ? answer.p99 : (cpu * 1000) / (answer.done * scenario.unit),
        rate: answer.done / answer.seconds,
      };
      if (name === 'moltbot') peak = Math.max(peak, rssMb(server.pid));
    }
    if (round < 0) continue; // warms both up
    ratios.push(result.moltbot.figure / result.bare.figure);
    throughput.push(result.moltbot.rate / result.bare.rate);
    samples.bare.push(result.bare.figure);
    samples.moltbot.push(result.moltbot.figure);
  }
  const rows = [
    {
      name: scenario.name,
      title: `${scenario.title} (${scenario.measure === 'p99' ? 'ms' : 'µs'})`,
      bare: median(samples.bare),
      moltbot: median(samples.moltbot),
      ratio: median(ratios),
      limit: scenario.limit,
    },
  ];
  if (scenario.also === 'throughput')
    rows.push({
      name: 'throughput',
      title: 'throughput, share of the bare pipe’s',
      ratio: median(throughput),
      least: 0.65,
    });
  if (scenario.also === 'memory')
    rows.push({ name: 'peak', title: 'resident memory with 512 streams (MB)', moltbot: peak });
  return rows;
}

function order(child, message) {
  return new Promise((done, failed) => {
    child.once('message', done);
    child.once('exit', () => failed(new Error('the load ended')));
    child.send(message);
  });
}

async function start2(path) {
  const { fork } = await import('node:child_process');
  return fork(path, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

/** A primary with access control, failover, metrics and accounting on; the database runs already. */
async function startMoltbot(upstream) {
  const config = {
    models: { primary: 'mock:json', fallbacks: ['demo:assistant'] },
    providers: {
      mock: { kind: 'openai-compatible', base_url: `${upstream}/v1`, max_connections: 1024, models: { json: {} } },
    },
    server: { access: 'api_key', port: 0, metrics_port: 0 },
    logs: { format: 'json', level: 'warn' },
    discovery: { local_servers: false },
  };
  writeFileSync(join(home, 'config.yml'), JSON.stringify(config));
  const key = await prepareDatabase();
  const began = performance.now();
  const started = await start(join(root, 'apps/primary/dist/main.js'), [], {
    MOLTBOT_HOME: home,
    ...(flags.profile && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${flags.profile}` }),
  });
  return { ...started, key, readySeconds: (performance.now() - began) / 1000 };
}

async function prepareDatabase() {
  const from = createRequire(join(root, 'apps/primary/package.json'));
  const { openStorage } = await import(from.resolve('@moltbot/storage'));
  const { generateApiKey } = await import(from.resolve('@moltbot/auth'));
  database ??= await openStorage({
    settings: { storage: { url: 'embedded' } },
    paths: { dataDirectory: join(home, 'data') },
  });
  const made = generateApiKey();
  await database.apiKeys.create({
    name: `bench-${Date.now()}`,
    hash: made.hash,
    prefix: made.prefix,
    scopes: ['chat'],
  });
  return typeof made.key === 'string' ? made.key : made.key.reveal();
}

async function stopDatabase() {
  await database?.close();
}

function print(rows) {
  if (flags.json) {
    console.log(JSON.stringify({ node: process.version, rounds, rows }, undefined, 2));
    return;
  }
  const number = (value) => (value === undefined ? '' : value < 10 ? value.toFixed(2) : value.toFixed(0));
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const { model } = readCpu();
  console.log(`\nNode ${process.version}, ${model}, median of ${rounds} rounds\n`);
  console.log(line(['measured', 'bare pipe', 'MoltBot', 'ratio', 'promised']));
  console.log(line(['---', '---:', '---:', '---:', '---:']));
  for (const row of rows) {
    const promised = row.least !== undefined ? `≥ ${row.least}` : row.limit !== undefined ? `≤ ${row.limit}` : '';
    const value = row.ratio ?? row.moltbot;
    const missed = (row.least !== undefined && value < row.least) || (row.limit !== undefined && value > row.limit);
    console.log(
      line([
        row.title,
        number(row.bare),
        number(row.moltbot),
        number(row.ratio),
        `${promised}${missed ? ' MISSED' : ''}`,
      ]),
    );
  }
}

function readCpu() {
  try {
    return { model: /model name\s*:\s*(.+)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))[1] };
  } catch {
    return { model: process.arch };
  }
}
