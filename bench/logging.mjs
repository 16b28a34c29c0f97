// What logging costs: primaries side by side, one that logs errors only, the others with a line for each request (level debug)
// to a file, to a syslog server, to one that is away, to a disk that is full; and one that also traces. The same load in turn,
// medians of the ratios of CPU per request; p99 at a fixed rate.
//   node bench/logging.mjs [--rounds 9] [--seconds 3] [--only file,syslog] [--json]
import { fork } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuMs, median, rssMb, start, stop } from './processes.mjs';

const root = resolve(import.meta.dirname, '..');
const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
const seconds = Number(flags.seconds);
const BODY = JSON.stringify({ model: 'mock:json', messages: [{ role: 'user', content: 'The quick brown fox' }] });
const DEBUG = { level: 'debug', console: false };

/** `promised`: of throughput; the others are shown. */
const SIDES = {
  off: { title: 'no line per request', logs: { level: 'error', console: false } },
  info: {
    title: 'a file, level info',
    logs: (home) => ({ level: 'info', console: false, file: join(home, 'log') }),
    promised: 0.05,
  },
  file: {
    title: 'a line per request to a file',
    logs: (home) => ({ ...DEBUG, file: join(home, 'log') }),
    promised: 0.05,
  },
  syslog: {
    title: 'a line per request by syslog (TCP)',
    logs: (_home, at) => ({ ...DEBUG, syslog: { url: `tcp://127.0.0.1:${at.syslog}` } }),
  },
  away: { title: 'a syslog server that is away', logs: { ...DEBUG, syslog: { url: 'tcp://127.0.0.1:1' } } },
  stuck: {
    title: 'a syslog server that reads nothing',
    logs: (_home, at) => ({ ...DEBUG, syslog: { url: `tcp://127.0.0.1:${at.stuck}` } }),
  },
  full: { title: 'a disk that is full', logs: { ...DEBUG, file: '/dev/full' } },
  traced: { title: 'every request traced', logs: { level: 'error', console: false }, traced: true },
};
const chosen = ['off', ...(flags.only?.split(',') ?? Object.keys(SIDES).slice(1))];

const homes = [];
const children = [];
const servers = [];
try {
  const mock = await start(join(import.meta.dirname, 'mock-upstream.mjs'));
  const load = fork(join(import.meta.dirname, 'load.mjs'), [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  children.push(mock.child, load);
  const received = { syslog: 0, spans: 0 };
  const at = {
    syslog: await listen(
      createServer({ allowHalfOpen: false }, (socket) =>
        socket.on('error', () => {}).on('data', (part) => (received.syslog += part.length)),
      ),
    ),
    stuck: await listen(createServer({ pauseOnConnect: true }, (socket) => socket.on('error', () => {}))),
    collector: await listen(
      createHttpServer((request, response) => {
        request.on('data', (part) => (received.spans += part.length));
        request.on('end', () => response.end('{}'));
      }),
    ),
  };
  const sides = {};
  for (const name of chosen) sides[name] = await startPrimary(SIDES[name], `http://127.0.0.1:${mock.port}`, at);
  const rows = await compare(sides, load);
  for (const row of rows) row.dropped = await droppedBy(sides[row.name]);
  if (sides.file !== undefined && !readFileSync(join(sides.file.home, 'log'), 'utf8').includes('request ended'))
    throw new Error('the file has no line of a request');
  if (sides.syslog !== undefined && received.syslog === 0) throw new Error('the syslog server got nothing');
  if (sides.traced !== undefined && received.spans === 0) throw new Error('the collector got nothing');
  print(rows);
} finally {
  for (const child of children) await stop(child);
  for (const server of servers) server.close();
  for (const home of homes) if (existsSync(home)) rmSync(home, { recursive: true, force: true });
}

async function compare(sides, load) {
  const names = Object.keys(sides);
  const figures = Object.fromEntries(names.map((name) => [name, { cpu: [], rate: [], p99: [] }]));
  const ratios = Object.fromEntries(names.map((name) => [name, { cpu: [], rate: [] }]));
  // The first two warm all up.
  for (let round = -2; round < rounds; round += 1) {
    const result = {};
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const closed = await measured(sides[name], load, { connections: 32, seconds });
      const open = await measured(sides[name], load, { rate: 300, seconds: 2, connections: 1024 });
      result[name] = { cpu: closed.cpu, rate: closed.rate, p99: open.p99 };
    }
    if (round < 0) continue;
    for (const name of names) {
      for (const key of ['cpu', 'rate', 'p99']) figures[name][key].push(result[name][key]);
      ratios[name].cpu.push(result[name].cpu / result.off.cpu);
      ratios[name].rate.push(result[name].rate / result.off.rate);
    }
  }
  return names.map((name) => ({
    name,
    title: SIDES[name].title,
    cpuMicros: median(figures[name].cpu),
    cpuRatio: median(ratios[name].cpu),
    throughput: median(figures[name].rate),
    throughputRatio: median(ratios[name].rate),
    p99: median(figures[name].p99),
    memoryMb: rssMb(sides[name].pid),
    promised: SIDES[name].promised,
  }));
}

async function measured({ pid, port }, load, options) {
  const before = cpuMs(pid);
  const answer = await order(load, {
    ...options,
    url: `http://127.0.0.1:${port}/v1/chat/completions`,
    body: BODY,
    headers: {},
  });
  if (Object.keys(answer.errors).length > 0) throw new Error(JSON.stringify(answer.errors));
  return { cpu: ((cpuMs(pid) - before) * 1_000) / answer.done, rate: answer.done / answer.seconds, p99: answer.p99 };
}

async function startPrimary(side, upstream, at) {
  const home = mkdtempSync(join(tmpdir(), 'moltbot-bench-'));
  homes.push(home);
  const config = {
    models: { primary: 'mock:json' },
    providers: {
      mock: { kind: 'openai-compatible', base_url: `${upstream}/v1`, max_connections: 1024, models: { json: {} } },
    },
    server: { port: 0, metrics_port: 0 },
    logs: typeof side.logs === 'function' ? side.logs(home, at) : side.logs,
    ...(side.traced && { tracing: { otlp_endpoint: `http://127.0.0.1:${at.collector}/v1/traces` } }),
    discovery: { local_servers: false },
  };
  writeFileSync(join(home, 'config.yml'), JSON.stringify(config));
  const started = await start(join(root, 'apps/primary/dist/main.js'), [], { MOLTBOT_HOME: home });
  children.push(started.child);
  return { ...started, home };
}

async function droppedBy({ metricsPort }) {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const counts = text.matchAll(/^moltbot_(?:log_lines|spans)_dropped_total\{[^}]*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

function listen(server) {
  servers.push(server);
  return new Promise((done) => {
    server.listen(0, '127.0.0.1', () => done(server.address().port));
  });
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
  console.log(`\nNode ${process.version}, median of ${rounds} rounds\n`);
  console.log(
    '| logging | CPU per request (µs) | more than without | throughput (1/s) | of it without | p99 at 300/s (ms) | memory (MB) | dropped |',
  );
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  for (const row of rows) {
    const missed = row.promised !== undefined && row.throughputRatio < 1 - row.promised ? ' MISSED' : '';
    const cells = [
      row.title,
      row.cpuMicros.toFixed(0),
      `${((row.cpuRatio - 1) * 100).toFixed(1)} %`,
      row.throughput.toFixed(0),
      `${(row.throughputRatio * 100).toFixed(1)} %${missed}`,
      row.p99.toFixed(1),
      row.memoryMb.toFixed(0),
      row.dropped,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
