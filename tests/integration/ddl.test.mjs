// Tables that change while walpiper runs: the same events from both plugins, although wal2json says
// less of a table than pgoutput does.
import { assert, request, scenario, until } from './harness/lib.mjs';
import { both, plugins, sameEvents } from './harness/both.mjs';

// Each on a table of its own: (id, n, body, v), where body is stored apart from its row.
const changes = {
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
const onlyByWholeRows = ['dropped_text', 'dropped_large', 'renamed_large'];

const columnsNow = (db, table) =>
  db.value(`SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`, [table]);

async function makeTable(db, t, identity) {
  await db.query(`CREATE TABLE ${t} (id int PRIMARY KEY, n int NOT NULL, body text, v text);
    ALTER TABLE ${t} ALTER body SET STORAGE EXTERNAL, REPLICA IDENTITY ${identity}`);
}

const fillTable = (db, t) => db.query(`INSERT INTO ${t} VALUES (1, 1, repeat('b', 9000), 'v'), (2, 2, repeat('c', 9000), 'w')`);

/** The last event of each table has the columns that the table has, but for a generated one. */
async function assertColumnsNow(db, tables, events) {
  for (const name of tables) {
    const last = events.findLast((event) => event.name === name);
    const expected = (await columnsNow(db, name)).filter((column) => column !== 'twice');
    assert.deepEqual(Object.keys(last.source.columns), expected, name);
  }
}

/** Rows of table T after its change, first by a statement of kind FIRST. */
function work(t, first) {
  const change = t.replace('_inside', '');
  const key = change === 'renamed_key' ? 'key' : 'id';
  const number = { dropped_fixed: null, dropped_and_added: 'n', renamed_fixed: 'm', swapped: 'v' }[change];
  const update = `UPDATE ${t} SET ${key} = ${key} + 10 WHERE ${key} = 1; UPDATE ${t} SET ${key} = ${key} WHERE ${key} = 2`;
  const insert = number === null ? `INSERT INTO ${t} (${key}) VALUES (3)` : `INSERT INTO ${t} (${key}, ${number ?? 'n'}) VALUES (3, 3)`;
  return [...(first === 'update' ? [update, insert] : [insert, update]), `DELETE FROM ${t}`];
}

for (const identity of ['DEFAULT', 'FULL']) {
  for (const first of ['update', 'insert']) {
    scenario(`REPLICA IDENTITY ${identity}: a table is altered, then comes an ${first}; byte-equal events, between and inside transactions`, async (scene) => {
      const db = await scene.database();
      const listed = (name) => identity === 'DEFAULT' && first === 'update' && onlyByWholeRows.includes(name);
      const kinds = Object.keys(changes).filter((name) => !listed(name));
      const names = kinds.flatMap((name) => [name, `${name}_inside`]);
      for (const t of names) await makeTable(db, t, identity);
      const walpipers = await both(scene, db, { tables: names.map((t) => ({ name: `public.${t}` })) });
      for (const t of names) await fillTable(db, t);
      for (const name of kinds) {
        const t = `${name}_inside`;
        await db.query(changes[name](name));
        for (const sql of work(name, first)) await db.query(sql);
        await db.query(['BEGIN', `UPDATE ${t} SET v = 'before'`, changes[name](t), ...work(t, first), 'COMMIT'].join('; '));
      }
      const events = await sameEvents(walpipers);
      assert.equal(events.length, names.length * 2 + kinds.length * (6 + 8));
      await assertColumnsNow(db, kinds, events);
    });
  }
}

scenario('what one transaction makes and alters, and writes to, is known before its events are made, though nobody sees its commit yet', async (scene) => {
  const db = await scene.database({ server: await scene.postgres() });
  const kinds = Object.keys(changes);
  await db.query('CREATE PUBLICATION p FOR ALL TABLES');
  for (const t of kinds) await makeTable(db, t, 'FULL');
  const walpipers = await both(scene, db, { publication: 'p' });
  for (const t of kinds) await fillTable(db, t);
  await db.server.set({ synchronous_standby_names: 'nobody' });
  // wal2json reads the index of a primary key, and waits itself for who has made or rebuilt one.
  const made = ['CREATE TABLE made (id int, v text)', `INSERT INTO made VALUES (1, 'a')`];
  const altered = kinds.flatMap((t) => [changes[t](t), ...work(t, 'update')]);
  const client = await db.connect();
  const commit = client.query(['BEGIN', ...made, ...altered, 'COMMIT'].join('; '));
  commit.catch(() => {}); // should this fail before it is let go
  const waiting = `SELECT count(*)::int FROM pg_stat_activity WHERE query ~ 'pg_current_snapshot' AND pid <> pg_backend_pid()`;
  await until('both wait for it', async () => (await db.value(waiting)) === plugins.length);
  await walpipers.pgoutput.restart();
  for (const plugin of plugins) {
    const down = await until(`health says so, with ${plugin}`, async () => {
      const answer = await request(`${walpipers[plugin].base}/manage/health`);
      return answer.status === 503 && answer;
    });
    assert.match(down.body, /other sessions do not see it yet/);
  }
  assert.equal(await db.value(`SELECT to_regclass('made')`), null, 'it is held back');
  await db.server.set({ synchronous_standby_names: '' });
  await commit;
  client.release();
  for (const plugin of plugins) await walpipers[plugin].healthy();
  const events = await sameEvents(walpipers);
  assert.equal(events.length, 1 + kinds.length * (2 + 6));
  assert.deepEqual(events.find((event) => event.name === 'made').new_record, { id: 1, v: 'a' });
  await assertColumnsNow(db, kinds, events);
});

scenario('wal2json: a column of text that was dropped is `unchanged` in updates until walpiper has looked at the table', async (scene) => {
  const db = await scene.database();
  await db.query('CREATE TABLE t (id int PRIMARY KEY, v text, n int)');
  const walpiper = await scene.walpiper(db, { tables: [{ name: 'public.t' }], slot: { plugin: 'wal2json' } });
  const stream = await walpiper.subscribe('/streams/t');
  await db.query(`INSERT INTO t VALUES (1, 'v', 1)`);
  await db.query(`ALTER TABLE t DROP v`);
  await db.query(`UPDATE t SET n = 2`);
  await until('an update shows the table without it', async () => {
    const wanted = stream.events.length + 1;
    await db.query(`UPDATE t SET n = n + 1`);
    return !JSON.parse((await stream.first(wanted)).at(-1).data).source.columns.v;
  });
  const updates = stream.events.slice(1).map((frame) => JSON.parse(frame.data));
  const stale = updates.filter((event) => event.source.columns.v);
  assert.ok(stale.length > 0 && stale.length < updates.length);
  for (const event of updates) assert.deepEqual(event.unchanged, stale.includes(event) ? ['v'] : undefined);
});

scenario('a table that gets another name, another schema or a namesake: byte-equal events, none lost', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE SCHEMA other; CREATE TABLE renamed (id int PRIMARY KEY, v text); CREATE TABLE moved (id int PRIMARY KEY);
    CREATE TABLE swapped (id int PRIMARY KEY); CREATE TABLE unmarked (id int PRIMARY KEY)`);
  const tables = ['renamed', 'moved', 'swapped'].map((t) => ({ name: `public.${t}` }));
  const walpipers = await both(scene, db, { tables });
  const steps = [
    [`INSERT INTO renamed VALUES (1, 'a'); INSERT INTO unmarked VALUES (1)`, 'insert renamed'],
    [`ALTER TABLE renamed RENAME TO "new name"`],
    [`INSERT INTO "new name" VALUES (2, 'b'); UPDATE "new name" SET v = 'c' WHERE id = 1`, 'insert new name', 'update new name'],
    [`BEGIN; INSERT INTO moved VALUES (1); ALTER TABLE moved SET SCHEMA other; INSERT INTO other.moved VALUES (2); COMMIT`,
      'insert moved', 'insert moved'],
    [`DELETE FROM other.moved WHERE id = 1; TRUNCATE other.moved`, 'delete moved', 'truncate moved'],
    [`ALTER TABLE swapped RENAME TO swapped_old; INSERT INTO swapped_old VALUES (1)`, 'insert swapped_old'],
    // Another table, of which nobody knows whether it is marked: it is not.
    [`CREATE TABLE made_later (id int PRIMARY KEY); INSERT INTO made_later VALUES (1)`],
    [`ALTER TABLE unmarked RENAME TO unmarked_new; INSERT INTO unmarked_new VALUES (2)`],
    [`TRUNCATE unmarked_new, made_later`],
  ];
  for (const [sql] of steps) await db.query(sql);
  const events = await sameEvents(walpipers);
  assert.deepEqual(events.map(({ type, name }) => `${type} ${name}`), steps.flatMap(([, ...expected]) => expected));
  assert.deepEqual([...new Set(events.filter(({ name }) => name === 'moved').map(({ source }) => source.schema))], ['public', 'other']);
});

for (const whole of ['ALL TABLES', 'TABLES IN SCHEMA public']) {
  scenario(`FOR ${whole}: a table that is made while the stream runs has its events from its first row on`, async (scene) => {
    const db = await scene.database();
    await db.query(`CREATE SCHEMA other; CREATE PUBLICATION p FOR ${whole}`);
    const walpipers = await both(scene, db, { publication: 'p' });
    for (let n = 0; n < 5; n++) {
      await db.query(`BEGIN; CREATE TABLE t${n} (id int PRIMARY KEY, v text); INSERT INTO t${n} VALUES (1, 'a'); COMMIT`);
      await db.query(`CREATE TABLE other.u${n} (id int PRIMARY KEY); INSERT INTO other.u${n} VALUES (1)`);
      await db.query(`INSERT INTO t${n} VALUES (2, 'b'); ALTER TABLE t${n} ADD w int; INSERT INTO t${n} VALUES (3, 'c', 1); DELETE FROM t${n} WHERE id < 2`);
    }
    const events = await sameEvents(walpipers);
    const marked = ({ name }) => !name.startsWith('u');
    assert.equal(events.filter(marked).length, 20);
    assert.equal(events.length, whole === 'ALL TABLES' ? 25 : 20);
  });
}
