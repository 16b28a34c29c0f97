import { z } from 'zod';
import { byteSize, duration, isHttpUrl, isRedisAddress } from '../setting-values.js';

export const storageSettings = z
  .strictObject({
    url: z
      .string()
      .refine(
        (url) => url === 'embedded' || /^postgres(ql)?:\/\//.test(url),
        'expected `embedded` or a postgres:// URL',
      )
      .default('embedded')
      .describe('`embedded`: a PostgreSQL of our own under the home folder; else a postgres:// URL.'),
    audit_retention: duration('90d', { min: 1_000, max: 3_650 * 86_400_000 }).describe(
      'How long the audit log keeps its rows.',
    ),
    usage_retention: duration('400d', { min: 86_400_000, max: 36_500 * 86_400_000 }).describe(
      'How long the ledger keeps a row for each request and attempt; sums by hour and day stay.',
    ),
  })
  .prefault({})
  .describe('The database.');

export const objectsSettings = z
  .strictObject({
    url: z
      .string()
      .refine((url) => url === 'folder' || isHttpUrl(url), 'expected `folder` or the http(s):// URL of a bucket')
      .default('folder')
      .describe(
        '`folder`: under the home folder, for one machine; else the URL of a bucket of any service that speaks S3 (`https://s3.example.com/moltbot`).',
      ),
    region: z.string().min(1).max(64).default('auto').describe('Region that requests to the bucket are signed for.'),
    access_key_id: z.string().min(1).max(256).optional().describe('Who signs.'),
    secret_access_key: z
      .string()
      .min(1)
      .max(1_024)
      .optional()
      .describe('Its secret; better in the environment: `MOLTBOT_OBJECTS_SECRET_ACCESS_KEY`.'),
    max_size: byteSize('2gb', { max: 1_099_511_627_776 }).describe('Largest file that is taken.'),
    batch_file_retention: duration('30d', { min: 1_000, max: 3_650 * 86_400_000 }).describe(
      'How long files of batches are kept, in and out, where their request does not say.',
    ),
  })
  .prefault({})
  .describe('Files: uploads, results of jobs, model files.');

export const queueSettings = z
  .strictObject({
    url: z
      .string()
      .refine(
        (url) => url === 'storage' || isRedisAddress(url) || /^postgres(ql)?:\/\//.test(url),
        'expected `storage`, a redis:// or a postgres:// URL',
      )
      .default('storage')
      .describe(
        '`storage`: the same database as `storage.url`; else a redis:// or postgres:// URL. Sentinels and clusters: docs/redis.md.',
      ),
  })
  .prefault({})
  .describe('Where jobs wait.');

export const credentialsSettings = z
  .strictObject({
    store: z
      .string()
      .refine(
        (url) => ['auto', 'file', 'storage'].includes(url) || isRedisAddress(url),
        'expected `auto`, `file`, `storage` or a redis:// URL',
      )
      .default('auto')
      .describe(
        'Where tokens of providers are kept, sealed: `file` (one machine), `storage` (the database) or a redis:// URL. `auto`: `file` with the embedded database, else `storage`.',
      ),
    refresh_margin: duration('5m', { max: 86_400_000 }).describe(
      'A token is refreshed this long before it expires, but never before half of its life.',
    ),
    refresh_timeout: duration('10s', { min: 100, max: 60_000 }).describe('For one refresh at the token host.'),
  })
  .prefault({})
  .describe('Tokens of accounts that were signed in to.');

export const stateSettings = z
  .strictObject({
    url: z
      .string()
      .refine(
        (url) => url === 'auto' || url === 'memory' || isRedisAddress(url),
        'expected `auto`, `memory` or a redis:// URL',
      )
      .default('auto')
      .describe(
        'Where processes share breakers, limits and cool-downs: `memory` (each for itself) or a redis:// URL. `auto`: the Redis of `queue.url`, else `memory`.',
      ),
  })
  .prefault({})
  .describe('Short-lived state of several processes.');
