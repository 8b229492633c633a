// What happens to subscribers, for the tests of every client.
import { rmSync } from 'node:fs';
import { until } from '../integration/harness/lib.mjs';

export const secret = 'a secret of the tests: at least 32 bytes';

/** ROWS comments, MESSAGE1, MESSAGE2 and so on. */
export const say = (db, message, rows = 1) =>
  db.query('INSERT INTO comments (post_id, message) SELECT 1, $1::text || n FROM generate_series(1, $2::int) n', [message, rows]);

/** What a message may hold that a frame must not be broken by. */
export const hostile = 'Ä \u{1F600} "q" \\ line\nCR\r\u2028 \ufeff data: x\n\n: event: y\r\n\r\n';

/** WALPIPER is killed and starts without its journal and its slot: another epoch. */
export async function loseContinuity(db, walpiper) {
  await walpiper.kill();
  await until('the slot is gone', async () => {
    await db.dropSlots();
    return (await db.value('SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot])) === '0';
  });
  rmSync(walpiper.config.journal.path, { recursive: true });
  await walpiper.start();
}

/** What the types of a stream are when continuity was lost after the first event. A client that is back
 *  before the new epoch has begun is told twice. */
export const isTold = (types) => /^insert(,reset)+,insert$/.test(types.join());

/** Streams that take all of the COUNT places that WALPIPER has. */
export async function fillUp(walpiper, count) {
  const streams = [];
  while (streams.length < count) {
    const stream = await walpiper.subscribe('/streams/comments');
    // The request that asked whether it is up may still be counted.
    await until('it is taken in or not', () => stream.hasEnded || stream.parser.comments > 0);
    if (!stream.hasEnded) streams.push(stream);
  }
  return streams;
}
