import { isCluster, type RedisClient } from './connect-redis.js';

/**
 * Waits until a replica has what this client wrote: a failover loses what only the primary had. Holds up the client's other
 * commands meanwhile.
 * @returns whether one had it within `withinMs`
 */
export async function onReplica(client: RedisClient, withinMs: number): Promise<boolean> {
  // The nodes' clients are those that the commands went through; where nothing was written the answer comes at once.
  const nodes = isCluster(client) ? client.nodes('master') : [client];
  const replicas = await Promise.all(nodes.map(async (node) => node.wait(1, withinMs)));
  return replicas.every((count) => count > 0);
}
