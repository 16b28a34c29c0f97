// What 1,000 requests cost each part of an installation: the primary, PostgreSQL, Redis, the disk; and an open stream in memory.
// The figures of docs/scaling.md.
//   node bench/scaling.mjs [--requests 4000] [--json]
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuMs, rssMb, start, stop } from './processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '..');
const { values: flags } = parseArgs({
  options: { requests: { type: 'string', default: '4000' }, json: { type: 'boolean', default: false } },
});
const requests = Number(flags.requests);
const OPEN_STREAMS = 1_000;
/** Rows that wait are written at least this often. */
const FLUSH_MS = 2_500;

const ask = (model, stream) =>
  JSON.stringify({
    model: `mock:${model}`,
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    messages: [{ role: 'user', content: 'The quick brown fox jumps over the lazy dog. '.repeat(20) }],
  });
const CASES = [
  { name: 'whole answers', body: ask('json', false), requests },
  { name: 'streams of 100 events', body: ask('sse-100-1', true), requests: Math.ceil(requests / 4) },
];

const home = mkdtempSync(join(tmpdir(), 'moltbot-scaling-'));
const children = [];
let database;
try {
  const mock = await start(join(here, 'mock-upstream.mjs'));
  const paced = await start(join(here, 'mock-upstream.mjs'), ['200']);
  children.push(mock.child, paced.child);
  const redis = await startRedis();
  const load = fork(join(here, 'load.mjs'), [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  children.push(load);
  const limited = await startMoltbot({ upstream: mock.port, redis: redis.port });
  const rows = [];
  for (const { name, body, requests: count } of CASES)
    rows.push(await measure({ name, body, count, load, redis, limited }));
  await stop(limited.child);
  const slow = await startMoltbot({ upstream: paced.port, redis: redis.port });
  const memory = await measureStreams({ load, moltbot: slow });
  print({ rows, memory });
} finally {
  for (const child of children) await stop(child);
  await database?.close();
  rmSync(home, { recursive: true, force: true });
}

async function measure({ name, body, count, load, redis, limited }) {
  const send = async (number) => {
    const answer = await order(load, {
      url: chatOf(limited),
      body,
      requests: number,
      connections: 32,
      headers: bearer(limited),
    });
    if (Object.keys(answer.errors).length > 0) throw new Error(`${name}: ${JSON.stringify(answer.errors)}`);
    await sleep(FLUSH_MS);
    return answer;
  };
  await send(Math.ceil(count / 4));
  const before = await costs({ redis, limited });
  const { seconds } = await send(count);
  const after = await costs({ redis, limited });
  const of = (key) => ((after[key] - before[key]) * 1_000) / count;
  return {
    name,
    perSecond: Math.round(count / seconds),
    primaryMs: of('primary'),
    postgresMs: of('postgres'),
    redisMs: of('redis'),
    databaseKb: of('bytes') / 1_024,
  };
}

async function costs({ redis, limited }) {
  const postgres = (await postgresPids()).reduce((sum, pid) => sum + cpuMs(pid), 0);
  const { rows } = await sizeOfLedger();
  return { primary: cpuMs(limited.pid), postgres, redis: cpuMs(redis.pid), bytes: Number(rows[0].bytes) };
}

/** Rows and indexes of what each request leaves behind. */
async function sizeOfLedger() {
  return query((sql) => sql`select pg_total_relation_size('requests') + pg_total_relation_size('attempts') as bytes`);
}

/** The postmaster and its children. */
async function postgresPids() {
  const { rows } = await query((sql) => sql`select pg_backend_pid() as pid`);
  const postmaster = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${rows[0].pid}/status`, 'utf8'))[1];
  const others = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ');
  return [postmaster, ...others];
}

async function query(make) {
  const { sql } = createRequire(join(root, 'packages/storage/package.json'))('kysely');
  return make(sql).execute(database.db.kysely);
}

/** Memory while so many streams are open, against the same process at rest. */
async function measureStreams({ load, moltbot }) {
  const run = async (connections) =>
    order(load, {
      url: chatOf(moltbot),
      body: ask('sse-40-1', true),
      requests: connections,
      connections,
      headers: bearer(moltbot),
    });
  await run(OPEN_STREAMS);
  await sleep(3_000);
  const idle = rssMb(moltbot.pid);
  const streaming = run(OPEN_STREAMS);
  await sleep(5_000);
  const peak = rssMb(moltbot.pid);
  const { errors } = await streaming;
  if (Object.keys(errors).length > 0) throw new Error(`streams: ${JSON.stringify(errors)}`);
  return { idleMb: Math.round(idle), withStreamsMb: Math.round(peak), streams: OPEN_STREAMS };
}

function chatOf({ port }) {
  return `http://127.0.0.1:${port}/v1/chat/completions`;
}
function bearer({ key }) {
  return { authorization: `Bearer ${key}` };
}

async function startMoltbot({ upstream, redis }) {
  const price = { input: 2, output: 10 };
  const config = {
    models: { primary: 'mock:json', fallbacks: ['demo:assistant'] },
    providers: {
      mock: {
        kind: 'openai-compatible',
        base_url: `http://127.0.0.1:${upstream}/v1`,
        max_connections: 2_048,
        models: { json: { price }, 'sse-100-1': { price }, 'sse-40-1': { price } },
      },
    },
    server: { access: 'api_key', port: 0, metrics_port: 0 },
    state: { url: `redis://127.0.0.1:${redis}` },
    logs: { format: 'json', level: 'warn' },
    discovery: { local_servers: false },
  };
  writeFileSync(join(home, 'config.yml'), JSON.stringify(config));
  const key = await createKey();
  const started = await start(join(root, 'apps/primary/dist/main.js'), [], { MOLTBOT_HOME: home });
  children.push(started.child);
  return { ...started, key };
}

/** With limits, so that each request also asks Redis. */
async function createKey() {
  const from = createRequire(join(root, 'apps/primary/package.json'));
  const { openStorage } = await import(from.resolve('@moltbot/storage'));
  const { generateApiKey } = await import(from.resolve('@moltbot/auth'));
  database ??= await openStorage({
    settings: { storage: { url: 'embedded' } },
    paths: { dataDirectory: join(home, 'data') },
  });
  const { key, hash, prefix } = generateApiKey();
  const limits = { requests_per_minute: 10_000_000, tokens_per_minute: 1_000_000_000 };
  await database.apiKeys.create({ name: `scaling-${Date.now()}`, hash, prefix, scopes: ['chat'], limits });
  return key.reveal();
}

async function startRedis() {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  const child = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  for await (const chunk of child.stdout) if (String(chunk).includes('Ready to accept')) break;
  return { pid: child.pid, port };
}

function order(child, message) {
  return new Promise((done, failed) => {
    child.once('message', done);
    child.once('exit', () => failed(new Error('the load ended')));
    child.send(message);
  });
}

function print({ rows, memory }) {
  if (flags.json) {
    console.log(JSON.stringify({ node: process.version, rows, memory }, undefined, 2));
    return;
  }
  console.log(
    '| 1,000 requests | a second, one process | primary, CPU ms | PostgreSQL, CPU ms | Redis, CPU ms | ledger on disk, KB |',
  );
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
  for (const { name, perSecond, primaryMs, postgresMs, redisMs, databaseKb } of rows) {
    const cells = [name, perSecond, ...[primaryMs, postgresMs, redisMs, databaseKb].map((value) => value.toFixed(0))];
    console.log(`| ${cells.join(' | ')} |`);
  }
  const each = ((memory.withStreamsMb - memory.idleMb) * 1_024) / memory.streams;
  console.log(
    `\n${memory.streams} open streams: ${memory.withStreamsMb} MB, at rest ${memory.idleMb} MB: ${each.toFixed(0)} KB each`,
  );
}
