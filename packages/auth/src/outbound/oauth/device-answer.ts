import { Secret } from '@moltbot/contracts';
import type { DeviceAuthorization } from '../oauth-client.js';
import { OAuthError } from '../oauth-error.js';
import type { Answer } from './exchange.js';
import { lifeOf } from './token-answer.js';

const DEFAULT_INTERVAL_S = 5;
const LONGEST_INTERVAL_S = 60;
const SHORTEST_LIFE_S = 1;
const LONGEST_LIFE_S = 86_400;
/** RFC 8628 demands `expires_in`; where it is missing or absurd. */
const USUAL_LIFE_S = 600;

/** RFC 8628, 3.2. @throws OAuthError `bad-answer` */
export function toDeviceAuthorization({ answer, host }: { answer: Answer; host: string }): DeviceAuthorization {
  const json = answer.json ?? {};
  const deviceCode = json['device_code'];
  const userCode = json['user_code'];
  // Google's older name.
  const verificationUri = pageOf(json['verification_uri'] ?? json['verification_url']);
  if (
    typeof deviceCode !== 'string' ||
    deviceCode === '' ||
    typeof userCode !== 'string' ||
    verificationUri === undefined
  ) {
    throw new OAuthError(`The device authorization endpoint at ${host} answered without a code or its page.`, {
      failure: 'bad-answer',
      maybeApplied: true,
    });
  }
  const life = Math.min(LONGEST_LIFE_S, Math.max(SHORTEST_LIFE_S, lifeOf(json['expires_in']) ?? USUAL_LIFE_S));
  const interval = lifeOf(json['interval']) ?? DEFAULT_INTERVAL_S;
  return {
    deviceCode: new Secret(deviceCode),
    userCode: userCode.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 64),
    verificationUri,
    verificationUriComplete: pageOf(json['verification_uri_complete']),
    expiresAt: answer.receivedAt + life * 1_000,
    intervalMs: Math.min(LONGEST_INTERVAL_S, interval === 0 ? DEFAULT_INTERVAL_S : Math.max(1, interval)) * 1_000,
  };
}

/** A page that may be shown and opened: no `javascript:`, no `file:`. */
function pageOf(value: unknown): string | undefined {
  const url = typeof value === 'string' && value.length <= 4_096 ? URL.parse(value) : null;
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') ? url.href : undefined;
}
