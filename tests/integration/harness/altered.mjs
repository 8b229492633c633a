// Tables that are altered in every way that can be mistaken for another one.
import assert from 'node:assert/strict';

// Each on a table of its own: (id, n, body, v), where body is stored apart from its row.
export const changes = {
  added: (t) => `ALTER TABLE ${t} ADD extra int`,
  added_with_default: (t) => `ALTER TABLE ${t} ADD extra text DEFAULT 'given'`,
  added_generated: (t) => `ALTER TABLE ${t} ADD twice int GENERATED ALWAYS AS (id * 2) STORED`,
  dropped_fixed: (t) => `ALTER TABLE ${t} DROP n`,
  dropped_and_added: (t) => `ALTER TABLE ${t} DROP n, ADD n text`,
  renamed: (t) => `ALTER TABLE ${t} RENAME v TO w`,
  renamed_fixed: (t) => `ALTER TABLE ${t} RENAME n TO m`,
  renamed_key: (t) => `ALTER TABLE ${t} RENAME id TO key`,
  swapped: (t) => `ALTER TABLE ${t} RENAME n TO x; ALTER TABLE ${t} RENAME v TO n; ALTER TABLE ${t} RENAME x TO v`,
  retyped: (t) => `ALTER TABLE ${t} ALTER n TYPE numeric(10,2), ALTER v TYPE varchar(9)`,
  retyped_new: (t) => `CREATE TYPE kind_${t} AS ENUM ('a', 'b'); ALTER TABLE ${t} ALTER v TYPE kind_${t} USING 'a'`,
  rekeyed: (t) => `ALTER TABLE ${t} DROP CONSTRAINT ${t}_pkey, ADD PRIMARY KEY (id, n)`,
  nothing: () => 'SELECT',
  // An update that follows leaves the large value out, under whatever name.
  dropped_text: (t) => `ALTER TABLE ${t} DROP v`,
  dropped_large: (t) => `ALTER TABLE ${t} DROP body`,
  renamed_large: (t) => `ALTER TABLE ${t} RENAME body TO large`,
};
export const onlyByWholeRows = ['dropped_text', 'dropped_large', 'renamed_large'];

const columnsNow = (db, table) =>
  db.value(`SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`, [table]);

export async function makeTable(db, t, identity) {
  await db.query(`CREATE TABLE ${t} (id int PRIMARY KEY, n int NOT NULL, body text, v text);
    ALTER TABLE ${t} ALTER body SET STORAGE EXTERNAL, REPLICA IDENTITY ${identity}`);
}

export const fillTable = (db, t) => db.query(`INSERT INTO ${t} VALUES (1, 1, repeat('b', 9000), 'v'), (2, 2, repeat('c', 9000), 'w')`);

/** The last event of each table has the columns that the table has, but for a generated one. */
export async function assertColumnsNow(db, tables, events) {
  for (const name of tables) {
    const last = events.findLast((event) => event.name === name);
    const expected = (await columnsNow(db, name)).filter((column) => column !== 'twice');
    assert.deepEqual(Object.keys(last.source.columns), expected, name);
  }
}

/** Rows of table T after its change, first by a statement of kind FIRST. */
export function work(t, first) {
  const change = t.replace('_inside', '');
  const key = change === 'renamed_key' ? 'key' : 'id';
  const number = { dropped_fixed: null, dropped_and_added: 'n', renamed_fixed: 'm', swapped: 'v' }[change];
  const update = `UPDATE ${t} SET ${key} = ${key} + 10 WHERE ${key} = 1; UPDATE ${t} SET ${key} = ${key} WHERE ${key} = 2`;
  const insert = number === null ? `INSERT INTO ${t} (${key}) VALUES (3)` : `INSERT INTO ${t} (${key}, ${number ?? 'n'}) VALUES (3, 3)`;
  return [...(first === 'update' ? [update, insert] : [insert, update]), `DELETE FROM ${t}`];
}
