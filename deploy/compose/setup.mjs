// Makes every secret of docker-compose.yml that is not there yet, and gives each service those that it needs, no others. A value
// of the environment goes before a made one. Files belong to root and to the group 10001, and nobody else reads them.
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = process.env.SECRETS_DIRECTORY || '/secrets';
const GROUP = Number(process.env.SECRETS_GROUP || 10001);

/** Written whole or not at all: a setup that is killed leaves no half of a secret. */
function write(path, text) {
  const unfinished = `${path}.unfinished`;
  writeFileSync(unfinished, text, { mode: 0o440 });
  chownSync(unfinished, process.getuid(), GROUP);
  chmodSync(unfinished, 0o440);
  renameSync(unfinished, path);
}

/** As the environment has it, else as it was made before, else made now. */
function secret(name, variable, make = () => randomBytes(24).toString('base64url')) {
  const file = join(ROOT, 'all', name);
  const kept = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  const value = process.env[variable]?.trim() || kept || make();
  if (value !== kept) {
    write(file, value);
    console.log(`${name}: ${process.env[variable]?.trim() ? `taken from ${variable}` : 'made'}`);
  }
  return value;
}

const postgres = secret('postgres-password', 'POSTGRES_PASSWORD');
const redis = secret('redis-password', 'REDIS_PASSWORD');
const grafana = secret('grafana-admin-password', 'GRAFANA_ADMIN_PASSWORD');
const sealing = secret('secret-key', 'MOLTBOT_SECRET_KEY', () => randomBytes(32).toString('base64'));
const objects = secret('objects-secret', 'MOLTBOT_OBJECTS_SECRET_ACCESS_KEY');
const objectsId = process.env.MOLTBOT_OBJECTS_ACCESS_KEY_ID?.trim() || 'moltbot';

const quoted = encodeURIComponent;
const files = {
  moltbot: {
    'storage-url':
      process.env.MOLTBOT_STORAGE_URL?.trim() || `postgres://moltbot:${quoted(postgres)}@postgres:5432/moltbot`,
    'queue-url': process.env.MOLTBOT_QUEUE_URL?.trim() || `redis://default:${quoted(redis)}@redis:6379`,
    'secret-key': sealing,
    'objects-secret': objects,
  },
  postgres: { password: postgres },
  redis: {
    'redis.conf': [
      'bind * -::*',
      'dir /data',
      // Jobs, limits and tokens outlive a restart; a crash of the machine costs at most a second of them.
      'appendonly yes',
      'appendfsync everysec',
      'maxmemory 512mb',
      // A queue must never lose a key to make room.
      'maxmemory-policy noeviction',
      `user default on #${createHash('sha256').update(redis).digest('hex')} ~* &* +@all`,
      'user health on nopass -@all +ping',
      '',
    ].join('\n'),
  },
  grafana: { 'admin-password': grafana },
  s3: {
    's3.json': JSON.stringify({
      identities: [
        {
          name: 'moltbot',
          credentials: [{ accessKey: objectsId, secretKey: objects }],
          actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'],
        },
      ],
    }),
  },
};

for (const [service, texts] of Object.entries(files)) {
  const folder = join(ROOT, service);
  chownSync(folder, process.getuid(), GROUP);
  chmodSync(folder, 0o750);
  for (const [name, text] of Object.entries(texts)) write(join(folder, name), text);
}
chmodSync(join(ROOT, 'all'), 0o700);
