// A process that writes one row of a store again and again; it prints the version of each write that was acknowledged. With a
// number of writes it ends after them, else it goes on until it is killed. `argv`: place, id, length of the values, writes.
import { createHash } from 'node:crypto';
import { openPlace, type StorePlace } from './store-place.js';

const [, , place = '', id = '', length = '0', writes = 'Infinity'] = process.argv;
const store = openPlace(JSON.parse(place) as StorePlace, { limitMs: 15_000 });

for (let done = 0; done < Number(writes); ) {
  const row = await store.read(id);
  const padding = `${process.pid} ${done} `.padEnd(Number(length), 'x');
  const value = JSON.stringify({ padding, hash: createHash('sha256').update(padding).digest('hex') });
  const written = await store.compareAndSwap(id, row?.version ?? 0, value);
  if (written === undefined) continue;
  done += 1;
  process.stdout.write(`${written.version}\n`);
}
await store.close();
