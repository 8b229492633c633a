// Tables that change while walpiper runs: the same events from both plugins, although wal2json says
// less of a table than pgoutput does.
import { assert, scenario, until } from './harness/lib.mjs';
import { assertColumnsNow, changes, fillTable, makeTable, onlyByWholeRows, work } from './harness/altered.mjs';
import { both, sameEvents } from './harness/both.mjs';

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
