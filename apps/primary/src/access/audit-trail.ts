import { denialFactsOf, type Identity } from '@moltbot/auth';
import type { AuditRecord, ErrorCode, MoltbotError } from '@moltbot/contracts';
import type { AuditLog } from '@moltbot/storage';
import { actorOf, type Caller } from './caller.js';
import { DenialDigest, type DenialDigestLimits } from './denial-digest.js';

/** Refusals that say that somebody may not, or not now, as opposed to that something is wrong or busy. */
const DENIALS: ReadonlySet<ErrorCode> = new Set([
  'authentication_required',
  'invalid_api_key',
  'invalid_token',
  'permission_denied',
  'forbidden_origin',
  'key_rate_limited',
  'budget_exhausted',
]);

/** An administrative act, by whomever: what is told to `AuditTrail.act`. */
export interface AdministrativeAct extends Pick<AuditRecord, 'target' | 'detail'> {
  readonly caller: Caller;
  /** `key.create`, `credential.reset`: what kind of thing, then what is done to it. */
  readonly action: string;
  /** Where it was refused. */
  readonly errorCode?: ErrorCode | undefined;
}

export interface AuditTrail {
  /** Notes a refusal of the kind that belongs into the log; others are left alone. Synchronous, never throws. */
  denied(denial: {
    readonly error: MoltbotError;
    readonly caller: Caller;
    /** The path that was asked for. */
    readonly path: string;
    readonly method: string;
  }): void;
  /** Notes an administrative act. Resolves when it is written, or after a second at most; never rejects. */
  act(act: AdministrativeAct): Promise<void>;
  /** Hands over what is summed up; before the log is closed. */
  close(): void;
}

const WRITTEN_WITHIN_MS = 1_000;

export function createAuditTrail(options: {
  readonly log: Pick<AuditLog, 'record' | 'flush'>;
  /** Whether access is open, so that callers without an identity are this machine’s user. */
  readonly callersAreLocal: boolean;
  readonly clock?: () => number;
  readonly elapsed?: () => number;
  readonly limits?: Partial<DenialDigestLimits>;
}): AuditTrail {
  const { log, callersAreLocal, limits } = options;
  const clock = options.clock ?? Date.now;
  const elapsed = options.elapsed ?? (() => performance.now());
  const digest = new DenialDigest({
    record: (record) => log.record(record),
    clock,
    elapsed,
    ...(limits && { limits }),
  });

  return {
    denied({ error, caller, path, method }) {
      if (!DENIALS.has(error.code)) return;
      const { keyId, reason, model } = denialFactsOf(error);
      digest.add({
        at: clock(),
        // Who shows a key that was good once, or a token without a role, is known though refused.
        ...(caller.identity === undefined && keyId !== undefined ? { actor: keyId } : strangerOr(caller.identity)),
        source: caller.source,
        action: 'request',
        target: pathOnly(path),
        outcome: 'denied',
        errorCode: error.code,
        requestId: caller.requestId,
        detail: { method, ...(reason !== undefined && { reason }), ...(model !== undefined && { model }) },
      });
    },

    async act({ caller, action, target, detail, errorCode }) {
      log.record({
        at: clock(),
        ...actorOf({ identity: caller.identity, stranger: callersAreLocal ? 'local' : 'unknown' }),
        source: caller.source,
        action,
        target,
        outcome: errorCode === undefined ? 'allowed' : 'denied',
        errorCode,
        requestId: caller.requestId,
        detail,
      });
      await within(written(log), WRITTEN_WITHIN_MS);
    },

    close: () => digest.close(),
  };

  /** In open access those who are refused are pages of elsewhere, not this machine’s user. */
  function strangerOr(identity: Identity | undefined): Pick<AuditRecord, 'actor' | 'actorName'> {
    return actorOf({ identity, stranger: 'unknown' });
  }
}

/** A flush that was under way may not have this row yet. */
async function written(log: Pick<AuditLog, 'flush'>): Promise<void> {
  if (!(await log.flush())) await log.flush();
}

/** Queries may hold what somebody took for a place for keys. */
function pathOnly(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

async function within(promise: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
