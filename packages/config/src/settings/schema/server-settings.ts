import { isModelPermission, SCOPES } from '@moltbot/contracts';
import { z } from 'zod';
import { byteSize, duration, httpUrl, port, proxyAddress } from '../setting-values.js';

export const keyLimits = z.strictObject({
  requests_per_minute: z.int().min(1).max(1_000_000_000).optional().describe('Requests a minute.'),
  tokens_per_minute: z.int().min(1).max(1_000_000_000_000).optional().describe('Tokens a minute, in and out together.'),
  parallel_requests: z.int().min(1).max(1_000_000).optional().describe('Requests at the same time.'),
  budget_per_day: z
    .number()
    .positive()
    .max(1e12)
    .optional()
    .describe('Money a day (UTC), in the currency of the prices.'),
  budget_per_month: z.number().positive().max(1e12).optional().describe('Money a calendar month (UTC).'),
});

export const modelPermissions = z
  .array(
    z
      .string()
      .refine(
        isModelPermission,
        'expected the name of a chain or model, `provider:model` or `provider:*` (there is no other pattern)',
      ),
  )
  .max(256);

const role = z.strictObject({
  scopes: z.array(z.enum(SCOPES)).min(1).describe('What it may do.'),
  models: modelPermissions
    .optional()
    .describe('Models (`provider:model`, `provider:*`) and chains (`default` too) it may use; all where not set.'),
  limits: keyLimits.optional().describe('Limits of each person who has it.'),
});

const oidc = z.strictObject({
  issuer: httpUrl.describe('Issuer of the tokens (`iss`); its keys are discovered.'),
  audience: z.string().min(1).max(1_024).describe('What `aud` must name: this server.'),
  jwks_uri: httpUrl.optional().describe('Where the issuer’s keys are, instead of discovery.'),
  algorithms: z
    .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']))
    .min(1)
    .default(['RS256', 'ES256', 'EdDSA'])
    .describe('Signatures that are taken.'),
  clock_tolerance: duration('30s', { max: 600_000 }).describe('How far the clocks of issuer and server may differ.'),
  roles_claim: z
    .string()
    .min(1)
    .max(256)
    .default('roles')
    .describe('The claim that lists roles; dots go deeper (`realm_access.roles`).'),
  name_claim: z.string().min(1).max(256).default('email').describe('The claim shown in logs and lists; else `sub`.'),
  roles: z
    .record(z.string().min(1).max(256), role)
    .refine((roles) => Object.keys(roles).length <= 256, 'expected at most 256 roles')
    .default({})
    .describe('What each role of the claim may do; somebody with none of them is refused.'),
});

export const serverSettings = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
    port: port(8080).describe('Chat and API.'),
    metrics_port: port(9090).describe('`/metrics`, `/health` and `/ready` for operators.'),
    metrics_host: z
      .string()
      .min(1)
      .default('127.0.0.1')
      .describe(
        'Address of the metrics ports of both roles. No key is asked for there: open it to a scraper’s network only.',
      ),
    access: z
      .enum(['auto', 'open', 'api_key'])
      .default('auto')
      .describe(
        '`auto`: open on a loopback address, API keys elsewhere, and no start there before the first key is made; `api_key` starts also without one. `open` on other addresses is refused.',
      ),
    allowed_hosts: z
      .array(z.string().min(1).max(253))
      .max(256)
      .default([])
      .describe('Further names in the Host header that are taken while access is open (guards against DNS rebinding).'),
    trusted_proxies: z
      .array(proxyAddress)
      .max(64)
      .default([])
      .describe(
        'Proxies in front whose `X-Forwarded-For` is believed: addresses, networks, or `private` (those of RFC 1918, 4193 and this machine). The audit log then has the address of the caller.',
      ),
    oidc: oidc.optional().describe('Also take tokens of the organisation’s sign-in (JWT) instead of API keys.'),
    body_limit: byteSize('32mb').describe('Largest request body.'),
    header_limit: byteSize('16kb', { min: 1_024, max: 1_048_576 }).describe('Largest sum of request headers.'),
    header_timeout: duration('10s', { min: 100 }).describe('For a caller to send its headers.'),
    request_timeout: duration('60s', { min: 100 }).describe('For a caller to send its whole request.'),
    write_timeout: duration('60s', { min: 100 }).describe('A caller that reads nothing for this long is cut off.'),
    max_in_flight: z.int().min(1).default(4_096).describe('Requests answered at the same time; more get 503.'),
    drain_grace: duration('25s').describe('How long running answers may take after SIGTERM.'),
    drain_new: z
      .enum(['refuse', 'close'])
      .default('refuse')
      .describe(
        'What new requests get meanwhile: a 503 that says so (`refuse`), or no connection at all (`close`), so that a proxy in front asks another server at once.',
      ),
  })
  .prefault({})
  .describe('How this server is reached, and its own limits.');

export const limitsSettings = z
  .strictObject({
    assumed_output_tokens: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(16_384)
      .describe(
        'Output tokens that a request under a budget is taken to cost at most, where neither the request nor `max_output_tokens` of the model says.',
      ),
    unpriced_models: z
      .enum(['refuse', 'free'])
      .default('refuse')
      .describe(
        'What callers with a budget may do with a model that has no `price`: nothing (`refuse`), or use it as if it cost nothing (`free`).',
      ),
  })
  .prefault({})
  .describe('How the budgets of callers are counted; the limits themselves stand with keys and roles.');
