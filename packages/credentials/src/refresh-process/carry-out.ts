import { createOAuthClient, createSealer, type RefreshOutcome, runRefresh, SYSTEM_CLOCK } from '@moltbot/auth';
import { createNetwork } from '@moltbot/network';
import type { RefreshOrder } from '../refresh-order.js';
import { openStoreAt } from './open-store-at.js';

/** Does what the order says, with parts of its own. @throws MoltbotError `token_store_unavailable`: nothing was sent */
export async function carryOut(order: RefreshOrder): Promise<RefreshOutcome> {
  const { credentialId, claim, grant, timeoutMs, keepTryingMs } = order;
  const [key, ...olderKeys] = order.keys;
  if (key === undefined) throw new TypeError('an order without a key');
  const store = await openStoreAt(order.store);
  const network = createNetwork(order.network);
  try {
    return await runRefresh({
      store,
      sealer: createSealer({ key, olderKeys }),
      client: () => createOAuthClient({ ...order.client, fetch: network.fetch, timeoutMs }),
      credentialId,
      clientId: order.client.clientId,
      claim,
      grant,
      timeoutMs,
      keepTryingMs,
      clock: SYSTEM_CLOCK,
    });
  } finally {
    await Promise.allSettled([store.close(), network.close()]);
  }
}
