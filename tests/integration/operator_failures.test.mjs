// What ids that fail cost the others, counted in transactions.
import { assert, scenario, until } from './harness/lib.mjs';
import { areCopied, lines, parked, says, things, thingsSchema } from './harness/things.mjs';

const numbers = (n) => Array.from({ length: n }, (_, i) => i + 1);

/** Transactions of the operator, from what WORK begins to what it ends with: {committed, failed}. */
async function transactionsOf(db, work) {
  const read = async () => {
    await db.query('SELECT pg_stat_force_next_flush()');
    const [row] = await db.query(
      'SELECT xact_commit::int AS committed, xact_rollback::int AS failed FROM pg_stat_database WHERE datname = current_database()',
    );
    return row;
  };
  const before = await read();
  await work();
  const after = await read();
  return { committed: after.committed - before.committed, failed: after.failed - before.failed };
}

scenario('one bad id in a batch of 500 is found by ten failures at most, whatever it is', async (scene) => {
  const db = await scene.database();
  await db.query(thingsSchema);
  const walpiper = await scene.walpiper(db, things({}, { retry: { min_restart_time: 3600000, max_restart_time: 3600000 } }));
  await says(walpiper, /every id is computed/);
  const feed = await walpiper.subscribe('/streams/things');
  for (const [round, bad] of [1, 250, 333, 500].entries()) {
    const from = bad * 1000;
    await db.query(`TRUNCATE writes; SELECT walpiper.pause('copies')`);
    await says(walpiper, /operator copies.*paused/, round + 1);
    await db.query(
      'INSERT INTO things SELECT $1 + n, CASE n WHEN $2 THEN 100 ELSE 1 END FROM generate_series(1, 500) n',
      [from, bad],
    );
    await feed.first(500 * (round + 1)); // all of them are there for one batch
    await db.query(`SELECT walpiper.resume('copies')`);
    await until('the bad one is parked', async () => (await parked(db)).some(({ id }) => id === String(from + bad)));
    assert.equal(await db.value('SELECT count(*)::int FROM copies WHERE id > $1 AND id <= $1 + 500', [from]), 499);
    // Each of the others was written once in a transaction that was committed; these are few.
    const [{ ids, transactions }] = await db.query(
      'SELECT count(*)::int AS ids, count(DISTINCT xid)::int AS transactions FROM writes',
    );
    assert.equal(ids, 499);
    assert.ok(transactions <= 10, `${transactions}`);
  }
  assert.equal((await parked(db)).length, 4);
});

scenario('10 000 parked ids that are due and fail again leave the way to live ones', async (scene) => {
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query('INSERT INTO things SELECT n, 1 FROM generate_series(1, 10000) n');
  const walpiper = await scene.walpiper(db, things());
  await says(walpiper, /every id is computed/);
  await walpiper.stop();
  await db.query(`UPDATE things SET v = 100;
    INSERT INTO walpiper.parked (operator, id, wants_delete, error, sqlstate, attempts, next_try)
    SELECT 'copies', n, false, 'x', '23514', 1, now() FROM generate_series(1, 10000) n`);
  await walpiper.start();
  await until('some were tried again', () => lines(walpiper, /failed, the others go on/).length > 0);
  const seconds = await db.value('SELECT extract(epoch FROM clock_timestamp())::float');
  let tried;
  const { failed } = await transactionsOf(db, async () => {
    for (const n of numbers(100)) {
      await db.query('INSERT INTO things VALUES (10000 + $1, 1)', [n]);
      await until('it is copied', () => db.value('SELECT true FROM copies WHERE id = 10000 + $1', [n]), { interval: 1 });
    }
    tried = (await db.value('SELECT extract(epoch FROM clock_timestamp())::float')) - seconds;
  });
  // Twenty a second, each of which fails about twice: alone, and with others.
  assert.ok(failed <= 60 * (2 + tried), `${failed} transactions failed in ${tried} s`);
  await db.query('ALTER TABLE copies DROP CONSTRAINT small');
  await db.query(`SELECT walpiper.retry('copies')`);
  const { committed } = await transactionsOf(db, () => areCopied(db));
  assert.ok(committed < 10000, `${committed}`);
  assert.deepEqual(await parked(db), []);
});
