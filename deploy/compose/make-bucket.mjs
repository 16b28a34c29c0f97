// Makes the bucket that BUCKET_URL names (`http://s3:8333/moltbot`) where it is not there yet. Signed as AWS describes it
// (Signature Version 4, "Authenticating Requests: Using the Authorization Header").
import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

const url = new URL(process.env.BUCKET_URL);
const id = process.env.ACCESS_KEY_ID;
const secret = readFileSync(process.env.SECRET_ACCESS_KEY_FILE, 'utf8').trim();
const region = process.env.REGION || 'us-east-1';

const hash = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

async function call(method) {
  const time = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const headers = { host: url.host, 'x-amz-content-sha256': hash(''), 'x-amz-date': time };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const request = [method, url.pathname, '', lines.join(''), names, hash('')].join('\n');
  const key = scope.split('/').reduce((before, part) => hmac(before, part), `AWS4${secret}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, hash(request)].join('\n')).toString('hex');
  const { host: _host, ...sent } = headers;
  return fetch(url, {
    method,
    headers: {
      ...sent,
      authorization: `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    },
    signal: AbortSignal.timeout(10_000),
  });
}

const found = await call('HEAD');
if (found.ok) {
  console.log(`${url.href} is there`);
} else {
  const made = await call('PUT');
  const text = await made.text();
  // 409: another was faster.
  if (!made.ok && made.status !== 409) throw new Error(`${url.href}: ${made.status} ${text.slice(0, 500)}`);
  console.log(`${url.href} made`);
}
