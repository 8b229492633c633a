// A rebuild into a new table: the old read model is served whole until the new one has its place.
import { isDeepStrictEqual } from 'node:util';
import { assert, scenario, sleep, until } from './harness/lib.mjs';
import { areCopied, copied, lines, parked, says, things, thingsSchema } from './harness/things.mjs';

const over = /every id is computed, and the new table exchanged for the old one/;
const givenUp = /level=error.*gives up the rebuild into a new table, public.copies stays as it is/;

const swap = (db) => db.query(`SELECT walpiper.rebuild_swap('copies')`);

/** Nothing of a rebuild is left in the database. */
async function isCleared(db) {
  const left = await db.query(`SELECT nspname FROM pg_namespace WHERE nspname ~ '^walpiper_swap'`);
  assert.deepEqual(left, []);
  assert.deepEqual(await db.query('TABLE walpiper.swap'), []);
  assert.equal(await db.value('SELECT count(*)::int FROM walpiper.checkpoint WHERE rebuild_step IS NOT NULL OR rebuild_swap'), 0);
}

const one = {
  query: `INSERT INTO copies SELECT id, v FROM things WHERE id = $1 ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
};
const forms = {
  query: one,
  batch: {
    batch: true,
    query: `INSERT INTO copies SELECT id, v FROM things WHERE id = ANY ($1) ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
  },
  select: { query: undefined, delete_with: undefined, select: 'SELECT id, v FROM things WHERE id = $1' },
};

async function copying(scene, count, over, config) {
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query('INSERT INTO things SELECT n, n % 100 FROM generate_series(1, $1) n', [count]);
  const walpiper = await scene.walpiper(db, things(over, config));
  await says(walpiper, /every id is computed/, over?.lanes);
  return { db, walpiper };
}

/** Rows that no event has made wrong, so that none makes them right. */
const spoil = (db) => db.query(`
  DELETE FROM copies WHERE id % 3 = 0;
  UPDATE copies SET v = 99 - v WHERE id % 3 = 1;
  INSERT INTO copies SELECT -n, 1 FROM generate_series(1, 20) n`);

for (const [form, definition] of Object.entries(forms)) {
  scenario(`${form}: the target gets what the query gives from scratch, in one transaction that writes what differs`, async (scene) => {
    const { db, walpiper } = await copying(scene, 300, { ...definition, batch_size: 50 });
    await spoil(db);
    await db.query('TRUNCATE writes');
    await swap(db);
    await says(walpiper, over);
    await areCopied(db);
    await isCleared(db);
    const [writes] = await db.query('SELECT count(*)::int, count(DISTINCT xid)::int AS transactions FROM writes');
    assert.deepEqual(writes, { count: 200, transactions: 1 });
    await db.query('UPDATE things SET v = 7 WHERE id = 300');
    await areCopied(db);
  });
}
