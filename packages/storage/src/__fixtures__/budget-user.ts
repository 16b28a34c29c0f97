// A process that reserves for the key in argv, all at once, settles every other reservation, and is then killed by its test:
// `database-url key amount limit count settle-cost`. Prints one JSON line with what it was given.
import { Secret } from '@moltbot/contracts';
import { createBudgets } from '../budgets.ts';
import { openDatabase } from '../database.ts';

const [url = '', keyId = '', amount = '', limit = '', count = '', cost = ''] = process.argv.slice(2);
const db = openDatabase({ connection: { url: new Secret(url) } });
const budgets = createBudgets({ db });
const answers = await Promise.all(
  Array.from({ length: Number(count) }, () =>
    budgets.reserve({
      keyId,
      amountMicros: BigInt(amount),
      dayLimitMicros: BigInt(limit),
      monthLimitMicros: undefined,
      lapseAfterMs: 60_000,
    }),
  ),
);
const given = answers.flatMap((answer) => (answer.state === 'reserved' ? [answer.reservationId] : []));
const settled = given.filter((_id, index) => index % 2 === 0);
for (const id of settled) budgets.settle(id, BigInt(cost));
while (!(await budgets.flush()));
process.stdout.write(`${JSON.stringify({ granted: given.length, settled: settled.length })}\n`);
// Waits to be killed: what is not settled stays set aside.
setInterval(() => undefined, 1_000);
