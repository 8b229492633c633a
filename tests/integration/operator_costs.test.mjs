// What events cost, and what ids that fail cost the others: counted in transactions of the operator, as the
// server logs them.
import { assert, scenario, until } from './harness/lib.mjs';
import { captured } from './harness/journal.mjs';
import { areCopied, copied, lines, says, things, thingsSchema } from './harness/things.mjs';

const batch = 500;
const halvings = Math.ceil(Math.log2(batch));
const later = { min_restart_time: 3_600_000, max_restart_time: 3_600_000 };

const copyMany = {
  batch: true,
  query: `INSERT INTO copies SELECT id, v FROM things WHERE id = ANY ($1)
          ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
};

/** A server that logs each statement, with the tables of harness/things.mjs. */
async function logged(scene) {
  const server = await scene.postgres({ log_statement: 'all', fsync: 'off' });
  const db = await scene.database({ server });
  await db.query(thingsSchema);
  return { db, server };
}

/** Counts what an operator has begun since then. */
class Count {
  constructor(server) {
    this.server = server;
    this.from = server.logText().length;
  }

  of(pattern) {
    return this.server.logText().slice(this.from).match(pattern)?.length ?? 0;
  }

  /** Tries of all that is left of a batch, which move the checkpoint. One whose transaction was not to be seen
   *  yet is none. */
  rests() {
    return this.of(/execute \S+: SELECT "?walpiper"?\.advance\(/g) - this.of(/is not visible yet/g);
  }

  /** Tries of a part of it, and of parked ids. */
  parts() {
    return this.of(/execute \S+: SELECT "?walpiper"?\.fence\(/g);
  }
}

/** Does STATEMENT: the operator is done with all before it when its checkpoint is past the position returned. */
async function lastEvent(db, statement) {
  const lsn = await db.value('SELECT pg_current_wal_insert_lsn()::text');
  await db.query(statement);
  return lsn;
}

const isApplied = (db, lsn) =>
  until('all of that is applied', () => db.value('SELECT lsn > $1::text::pg_lsn FROM walpiper.checkpoint', [lsn]));

/** What WORK does comes to the operator in one piece. */
async function atOnce(walpiper, work) {
  const db = walpiper.database;
  const pausings = lines(walpiper, /paused/).length;
  await db.query(`SELECT walpiper.pause('copies')`);
  await says(walpiper, /paused/, pausings + 1);
  await work();
  await captured(walpiper);
  await db.query(`SELECT walpiper.resume('copies')`);
}

for (const [form, over] of Object.entries({ 'one id a statement': {}, 'many ids a statement': copyMany })) {
  scenario(`a bad id among ${batch} costs at most ${halvings} transactions more, wherever it is: ${form}`, async (scene) => {
    const { db, server } = await logged(scene);
    const walpiper = await scene.walpiper(db, things(over, { retry: later }));
    await says(walpiper, /every id is computed/);
    for (const [turn, bad] of [1, 250, 500].entries()) {
      const count = new Count(server);
      const insert = 'INSERT INTO things SELECT n + $1, CASE n WHEN $2 THEN 100 ELSE 1 END FROM generate_series(1, $3::int) n';
      await atOnce(walpiper, () => db.query(insert, [turn * batch, bad, batch]));
      await until(`all but one of ${turn + 1} times ${batch} are copied`, async () => (await copied(db)).length === (turn + 1) * (batch - 1));
      assert.deepEqual(await db.value(`SELECT array_agg(id::int ORDER BY since) FROM walpiper.parked`), [1, 750, 1500].slice(0, turn + 1));
      assert.equal(count.rests(), 2, 'the whole batch is tried, and what is left of it');
      assert.ok(count.parts() <= halvings, `${count.parts()} parts of it are tried`);
    }
  });
}

scenario('of a bad batch every good id is right, and it costs no more than two transactions an id', async (scene) => {
  const { db, server } = await logged(scene);
  const walpiper = await scene.walpiper(db, things(copyMany, { retry: later }));
  await says(walpiper, /every id is computed/);
  const count = new Count(server);
  const insert = 'INSERT INTO things SELECT n, CASE WHEN n % 5 = 0 THEN 1 ELSE 100 END FROM generate_series(1, $1::int) n';
  await atOnce(walpiper, () => db.query(insert, [batch]));
  await until('the good ones are copied', async () => (await copied(db)).length === batch / 5);
  assert.equal(await db.value('SELECT count(*)::int FROM walpiper.parked'), (batch * 4) / 5);
  assert.ok(count.rests() + count.parts() <= 2 * batch, `${count.parts()} parts are tried`);
});

scenario('10 000 ids that fail and are due are tried a few at a time: no event waits for more than these', async (scene) => {
  const { db, server } = await logged(scene);
  const retry = { min_restart_time: 1, max_restart_time: 1, max_retries: 1_000_000 };
  const walpiper = await scene.walpiper(db, things(copyMany, { retry }));
  await says(walpiper, /every id is computed/);
  await walpiper.stop();
  await db.query(`INSERT INTO things SELECT n, 1 FROM generate_series(1, 10020) n;
    INSERT INTO walpiper.parked (operator, id, wants_delete, error, sqlstate, attempts, next_try)
      SELECT 'copies', n, false, 'bad', '23514', 1, now() FROM generate_series(1, 10000) n;
    UPDATE things SET v = 100 WHERE id <= 10000`);
  const lsn = await lastEvent(db, 'UPDATE things SET v = 3 WHERE id > 10000');
  await walpiper.start();
  await isApplied(db, lsn);
  const slice = 20; // src/operator/due.h
  const slices = () => lines(walpiper, /failed, the others go on/).length;
  const seen = slices();
  for (let v = 4; slices() < seen + 3; v = 4 + (v % 90)) {
    const count = new Count(server);
    await db.query('UPDATE things SET v = $1 WHERE id = 10020', [v]);
    await until('it is copied', () => db.value('SELECT v = $1 FROM copies WHERE id = 10020', [v]), { interval: 1 });
    assert.ok(count.parts() <= 2 * slice + 1, `${count.parts()} tries of parked ids came before it`);
    assert.ok(count.rests() <= 2, `${count.rests()} batches came before it`);
  }
  assert.equal(await db.value('SELECT count(*)::int FROM walpiper.parked'), 10_000);
  await db.query('ALTER TABLE copies DROP CONSTRAINT small');
  const count = new Count(server);
  await db.query(`SELECT walpiper.retry('copies')`);
  await areCopied(db);
  assert.ok(count.parts() + count.rests() <= 10_000 / slice + 2 * slice, `${count.parts()} tries until all were right`);
});

scenario('thousands of transactions that touch few ids are one of the operator, when they have waited', async (scene) => {
  const { db, server } = await logged(scene);
  const walpiper = await scene.walpiper(db, things(copyMany));
  await says(walpiper, /every id is computed/);
  await db.query('INSERT INTO things SELECT n, 0 FROM generate_series(1, 10) n');
  await areCopied(db);
  const count = new Count(server);
  let lsn;
  await atOnce(walpiper, async () => {
    await db.query(`DO $$ BEGIN FOR n IN 1..3000 LOOP UPDATE things SET v = n % 99 WHERE id = 1 + n % 10; COMMIT; END LOOP; END $$`);
    lsn = await lastEvent(db, 'UPDATE things SET v = 99 WHERE id = 1');
  });
  await isApplied(db, lsn);
  await areCopied(db);
  assert.equal(count.rests(), 1);
});
