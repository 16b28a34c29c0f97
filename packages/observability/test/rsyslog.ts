import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** What rsyslog's own parser made of one message. */
export interface ParsedMessage {
  readonly facility: string;
  readonly severity: string;
  readonly version: string;
  readonly time: string;
  readonly host: string;
  readonly app: string;
  readonly processId: string;
  readonly messageId: string;
  readonly data: string;
  readonly message: string;
}

export interface Rsyslog {
  readonly port: number;
  start(): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
  received(): Promise<readonly ParsedMessage[]>;
}

const BINARIES = ['/usr/sbin/rsyslogd', '/sbin/rsyslogd'];

/** `undefined` where Debian's rsyslog (with rsyslog-openssl) is not installed. */
export function rsyslogBinary(): string | undefined {
  return BINARIES.find((path) => existsSync(path));
}

const PROPERTIES = [
  ['facility', 'syslogfacility-text'],
  ['severity', 'syslogseverity-text'],
  ['version', 'protocol-version'],
  ['time', 'timereported'],
  ['host', 'hostname'],
  ['app', 'app-name'],
  ['processId', 'procid'],
  ['messageId', 'msgid'],
  ['data', 'structured-data'],
  ['message', 'msg'],
] as const;

/** A real rsyslog that writes down, as JSON, what it understood. */
export async function openRsyslog(options: {
  readonly folder: string;
  readonly transport: 'udp' | 'tcp' | 'tls';
  /** PEM files; a client's certificate is demanded. */
  readonly tls?: { readonly ca: string; readonly certificate: string; readonly key: string };
}): Promise<Rsyslog> {
  const { folder, transport, tls } = options;
  const binary = rsyslogBinary();
  if (binary === undefined) throw new Error('rsyslog is not installed');
  const port = await freePort();
  const output = join(folder, 'received.jsonl');
  const configuration = join(folder, 'rsyslog.conf');
  await writeFile(output, '');
  const fields = PROPERTIES.map(([name, property]) => {
    const date = property === 'timereported' ? ' dateFormat="rfc3339"' : '';
    return `property(outname="${name}" name="${property}" format="jsonf"${date})`;
  }).join('\n');
  await writeFile(
    configuration,
    `global(workDirectory="${folder}"${
      tls === undefined
        ? ''
        : ` defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="${tls.ca}" defaultNetstreamDriverCertFile="${tls.certificate}" defaultNetstreamDriverKeyFile="${tls.key}"`
    })
main_queue(queue.timeoutShutdown="10000")
${inputOf(transport)}
input(type="${transport === 'udp' ? 'imudp' : 'imtcp'}" address="127.0.0.1" port="${port}")
template(name="parsed" type="list" option.jsonf="on") {
${fields}
}
action(type="omfile" file="${output}" template="parsed")
`,
  );
  let child: ChildProcess | undefined;
  return {
    port,
    start: async () => {
      const started = spawn(binary, ['-n', '-f', configuration, '-i', join(folder, 'pid')], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      child = started;
      let said = '';
      started.stderr.on('data', (text: Buffer) => (said += text.toString()));
      await until(async () => {
        if (started.exitCode !== null) throw new Error(`rsyslog ended with ${started.exitCode}: ${said}`);
        return isHeard(transport, port);
      });
    },
    stop: async (signal = 'SIGTERM') => {
      const stopped = child;
      child = undefined;
      if (stopped === undefined || stopped.exitCode !== null) return;
      const exit = once(stopped, 'exit');
      stopped.kill(signal);
      await exit;
    },
    received: async () => (await readFile(output, 'utf8')).split('\n').flatMap((line) => parsed(line)),
  };
}

/** A line that a kill tore is none. */
function parsed(line: string): readonly ParsedMessage[] {
  try {
    return [JSON.parse(line) as ParsedMessage];
  } catch {
    return [];
  }
}

function inputOf(transport: 'udp' | 'tcp' | 'tls'): string {
  if (transport === 'udp') return 'module(load="imudp")';
  if (transport === 'tcp') return 'module(load="imtcp")';
  return 'module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")';
}

export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('never came about');
    await wait(20);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Without a connection of our own, which rsyslog would tell of. */
async function isHeard(transport: 'udp' | 'tcp' | 'tls', port: number): Promise<boolean> {
  const table = await readFile(`/proc/net/${transport === 'udp' ? 'udp' : 'tcp'}`, 'utf8');
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(([, address = '', , state]) => address.endsWith(local) && (transport === 'udp' || state === '0A'));
}
