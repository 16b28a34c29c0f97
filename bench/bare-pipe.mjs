// The baseline: node:http in front, an undici pool behind, bytes piped both ways, nothing looked at.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const { Pool } = createRequire(new URL('../packages/providers/package.json', import.meta.url))('undici');
const pool = new Pool(process.argv[2], { connections: 512, pipelining: 1 });

async function pipe(request, response) {
  try {
    const upstream = await pool.request({
      path: request.url,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': request.headers['content-length'] },
      body: request,
    });
    response.writeHead(upstream.statusCode, { 'content-type': upstream.headers['content-type'] });
    upstream.body.pipe(response);
  } catch {
    response.destroy();
  }
}

const server = createServer((request, response) => void pipe(request, response));
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit());
process.on('SIGTERM', () => process.exit());
