import { isCallersFault, type RequestRecord } from '@moltbot/contracts';
import { countRequest as count, type Metrics } from '@moltbot/observability';

/** A request that a job made has ended: as the primary counts those of its callers. */
export function countRequest(metrics: Metrics, record: RequestRecord): void {
  count(metrics, record, record.errorCode !== undefined && isCallersFault(record.errorCode));
}
