// The smallest read model that can fail: copies of things, whose v must be below 100. `writes` has a
// row for each row of copies that was written.
import { isDeepStrictEqual } from 'node:util';
import { until } from './wait.mjs';

export const thingsSchema = `
  CREATE TABLE things (id int PRIMARY KEY, v int);
  CREATE TABLE copies (id int PRIMARY KEY, v int CONSTRAINT small CHECK (v < 100));
  CREATE TABLE writes (id int, xid xid8 DEFAULT pg_current_xact_id(), pid int DEFAULT pg_backend_pid());
  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO writes VALUES (NEW.id); RETURN NULL; END';
  CREATE TRIGGER note AFTER INSERT OR UPDATE ON copies FOR EACH ROW EXECUTE FUNCTION note();`;

/** As somebody runs them who may make a schema. */
export const stateFiles = ['sql/state.sql', 'sql/state_swap.sql'];

export const copies = {
  name: 'copies',
  target: 'copies',
  tables: { things: 'id' },
  delete_with: ['things'],
  query: `INSERT INTO copies SELECT id, v FROM things WHERE id = $1
          ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
};

/** Quick retries, so that a test need not wait. */
export const retry = { min_restart_time: 20, max_restart_time: 50, max_retries: 2 };

/** A configuration with the operator, as changed by OVER. */
export const things = (over = {}, config = {}) => ({
  tables: [{ name: 'public.things' }],
  operators: [{ ...copies, ...over }],
  retry,
  ...config,
});

export const copied = (db) => db.query('SELECT * FROM copies ORDER BY id');
export const parked = (db) => db.query('SELECT id, sqlstate, attempts FROM walpiper.parked ORDER BY id');

/** Waits until copies equals its query from scratch, without the ids in EXCEPT. */
export async function areCopied(db, except = []) {
  const right = await db.query('SELECT * FROM things WHERE id <> ALL ($1) ORDER BY id', [except]);
  let seen;
  await until('the things are copied', async () => isDeepStrictEqual((seen = await copied(db)), right)).catch((error) => {
    throw new Error(`${error.message}: there are ${JSON.stringify(seen)} and not ${JSON.stringify(right)}`);
  });
}

/** Lines of WALPIPER's log that match. */
export const lines = (walpiper, pattern) => walpiper.logText().split('\n').filter((line) => pattern.test(line));

/** Waits until the log of WALPIPER has COUNT lines that match. */
export const says = (walpiper, pattern, count = 1) =>
  until(`the log says ${pattern}`, () => lines(walpiper, pattern).length >= count).catch((error) => {
    throw new Error(`${error.message}:\n${walpiper.logText().slice(-2000)}`);
  });

/** A walpiper whose operator has copied 20 things. */
export async function copying(scene, over, config) {
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query('INSERT INTO things SELECT n, n FROM generate_series(1, 20) n');
  const walpiper = await scene.walpiper(db, things(over, config));
  await says(walpiper, /every id is computed/);
  return { db, walpiper };
}
