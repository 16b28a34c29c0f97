// A process that uses the embedded server of the folder in argv until it is told to stop: prints its events and, once the
// database answers, `{"type":"using",…}` as JSON lines. Ignores SIGINT and SIGTERM, as a server that drains does.
import { createInterface } from 'node:readline';
import pg from 'pg';
import { startEmbeddedPostgres } from '../embedded-postgres/start-embedded-postgres.ts';

const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => say({ type: 'signal', signal }));

const server = await startEmbeddedPostgres({ dataDirectory: process.argv[2] ?? '', onEvent: say });
const { password: _none, ...connection } = server.connection;
const client = new pg.Client(connection);
await client.connect();
say({ type: 'using', pid: server.pid, owned: server.owned });
for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'query') say({ type: 'answer', rows: (await client.query('select 1 as one')).rows });
  if (command === 'stop') break;
}
await client.end();
await server.stop();
say({ type: 'stopped' });
process.exit(0);
