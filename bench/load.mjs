// The load, a process of its own. One order by IPC at a time, its result back: closed loop (`connections` at once for `seconds`
// or `requests`), or open loop (`rate` a second for `seconds`, latency from the moment the request was due).
import { Agent, request as send } from 'node:http';

process.on('message', (order) => {
  void run(order).then((result) => process.send(result));
});
process.on('disconnect', () => process.exit());

async function run(order) {
  const agent = new Agent({ keepAlive: true, maxSockets: order.connections ?? 1024 });
  const latencies = [];
  const errors = new Map();
  let bytes = 0;
  let done = 0;
  const body = Buffer.from(order.body);
  const url = new URL(order.url);
  const one = (due) =>
    new Promise((resolve) => {
      const fail = (reason) => {
        errors.set(reason, (errors.get(reason) ?? 0) + 1);
        resolve();
      };
      const call = send(
        {
          agent,
          host: url.hostname,
          port: url.port,
          path: url.pathname,
          method: 'POST',
          headers: { 'content-type': 'application/json', 'content-length': body.length, ...order.headers },
        },
        (response) => {
          let tail = '';
          response.on('data', (piece) => {
            bytes += piece.length;
            tail = piece.subarray(-64).toString('latin1');
          });
          response.on('end', () => {
            if (response.statusCode !== 200) return fail(`status ${response.statusCode}`);
            if (order.endsWith && !tail.includes(order.endsWith)) return fail('cut');
            latencies.push(performance.now() - due);
            done += 1;
            resolve();
          });
          response.on('error', () => fail('response error'));
        },
      );
      call.on('error', (error) => fail(error.code ?? error.message));
      call.end(body);
    });

  const start = performance.now();
  if (order.rate) {
    const all = [];
    const total = Math.round(order.rate * order.seconds);
    for (let index = 0; index < total; index += 1) {
      const due = start + (index * 1000) / order.rate;
      const wait = due - performance.now();
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      all.push(one(due));
    }
    await Promise.all(all);
  } else {
    let left = order.requests ?? Number.POSITIVE_INFINITY;
    const until = order.seconds ? start + order.seconds * 1000 : Number.POSITIVE_INFINITY;
    await Promise.all(
      Array.from({ length: order.connections }, async () => {
        while (left > 0 && performance.now() < until) {
          left -= 1;
          await one(performance.now());
        }
      }),
    );
  }
  const seconds = (performance.now() - start) / 1000;
  agent.destroy();
  latencies.sort((left, right) => left - right);
  const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN;
  return { done, seconds, bytes, errors: Object.fromEntries(errors), p50: at(0.5), p99: at(0.99) };
}
