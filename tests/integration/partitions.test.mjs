// Partitioned tables: one table to those who subscribe, or one for each partition, as the publication
// says; the same events from both plugins while partitions come and go.
import { assert, binary, run, scenario, until } from './harness/lib.mjs';
import { both, plugins, sameEvents } from './harness/both.mjs';

// Two levels, a partition elsewhere, columns in another order and with a dropped one in between, and
// identities that differ from the root's.
const ddl = `
  CREATE SCHEMA elsewhere;
  CREATE TABLE sales (id int, region text, amount numeric, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
  CREATE TABLE sales_north PARTITION OF sales FOR VALUES IN ('north');
  CREATE TABLE elsewhere."so,uth" (note text, gone int, amount numeric, region text NOT NULL, id int NOT NULL, PRIMARY KEY (id, region));
  ALTER TABLE elsewhere."so,uth" DROP gone;
  ALTER TABLE sales ATTACH PARTITION elsewhere."so,uth" FOR VALUES IN ('south');
  CREATE TABLE sales_east PARTITION OF sales FOR VALUES IN ('east') PARTITION BY RANGE (id);
  CREATE TABLE sales_east_1 PARTITION OF sales_east FOR VALUES FROM (0) TO (100);
  CREATE TABLE sales_east_2 PARTITION OF sales_east FOR VALUES FROM (100) TO (200);
  ALTER TABLE sales_north ALTER note SET STORAGE EXTERNAL;
  ALTER TABLE sales_east_2 REPLICA IDENTITY FULL;
  CREATE TABLE unmarked (id int PRIMARY KEY);
  CREATE TABLE plain (id int PRIMARY KEY);`;
const tables = [{ name: 'public.sales', id: 'id', scopes: [{ region: 'regions' }] }, { name: 'public.plain' }];

const times = (count, event) => Array(count).fill(event);

/** What is done, and the events of it with the root and with the partitions published. */
const workload = [
  [`INSERT INTO sales VALUES (1, 'north', 1.50, repeat('n', 9000)), (2, 'south', 2, 's'), (3, 'east', 3, 'e'), (103, 'east', 4, 'f')`,
    times(4, 'insert sales'), ['insert sales_north', 'insert so,uth', 'insert sales_east_1', 'insert sales_east_2']],
  [`UPDATE sales SET amount = amount + 1`, times(4, 'update sales'),
    ['update sales_east_1', 'update sales_east_2', 'update sales_north', 'update so,uth']],
  // The key changes: in its partition, where the whole old row is known, and to other partitions.
  [`UPDATE sales SET id = 4 WHERE id = 3`, ['update sales'], ['update sales_east_1']],
  [`UPDATE sales SET id = 104, note = NULL WHERE id = 103`, ['update sales'], ['update sales_east_2']],
  [`UPDATE sales SET id = 5 WHERE id = 104`, ['delete sales', 'insert sales'], ['delete sales_east_2', 'insert sales_east_1']],
  [`UPDATE sales SET region = 'south' WHERE id = 1`, ['delete sales', 'insert sales'], ['delete sales_north', 'insert so,uth']],
  [`UPDATE sales SET region = 'north', note = repeat('m', 9000) WHERE id = 1`, ['delete sales', 'insert sales'], ['delete so,uth', 'insert sales_north']],
  [`UPDATE sales SET amount = 0 WHERE id = 1`, ['update sales'], ['update sales_north']],
  // By its own name, among others, and not at all.
  [`BEGIN; INSERT INTO elsewhere."so,uth" VALUES ('x', 1, 'south', 6); INSERT INTO unmarked VALUES (1); INSERT INTO plain VALUES (1);
    DELETE FROM sales WHERE id = 6; COMMIT`, ['insert sales', 'insert plain', 'delete sales'], ['insert so,uth', 'insert plain', 'delete so,uth']],
  // TRUNCATE: a partition, of which the root says nothing, a level, and the root.
  [`TRUNCATE sales_north`, [], ['truncate sales_north']],
  [`TRUNCATE sales_east`, [], ['truncate sales_east_1', 'truncate sales_east_2']],
  [`BEGIN; INSERT INTO plain VALUES (2); TRUNCATE sales, unmarked; COMMIT`, ['insert plain', 'truncate sales'],
    ['insert plain', 'truncate sales_north', 'truncate so,uth', 'truncate sales_east_1', 'truncate sales_east_2']],
  // A partition that is made while the stream runs, in the transaction of its first row and before it.
  [`BEGIN; CREATE TABLE sales_west PARTITION OF sales FOR VALUES IN ('west'); INSERT INTO sales VALUES (7, 'west', 7, 'w'); COMMIT`,
    ['insert sales'], ['insert sales_west']],
  [`CREATE SCHEMA newer; CREATE TABLE newer.sales PARTITION OF sales_east FOR VALUES FROM (200) TO (300)`, [], []],
  [`INSERT INTO sales VALUES (8, 'west', 8, 'w'), (208, 'east', 8, 'n'); DELETE FROM sales WHERE id = 7`,
    ['insert sales', 'insert sales', 'delete sales'], ['insert sales_west', 'insert sales', 'delete sales_west']],
  [`CREATE TABLE unmarked_too (id int); INSERT INTO unmarked_too VALUES (1)`, [], []],
  // Columns that come, go and change while it runs.
  [`ALTER TABLE sales ADD extra int DEFAULT 5`, [], []],
  [`INSERT INTO sales VALUES (9, 'south', 9, 's', 6), (10, 'north', 10, 'n', 7); UPDATE sales SET amount = 1 WHERE id = 208`,
    [...times(2, 'insert sales'), 'update sales'], ['insert so,uth', 'insert sales_north', 'update sales']],
  // A partition that goes.
  [`DROP TABLE sales_north`, [], []],
  [`INSERT INTO sales VALUES (11, 'south', 11, 's', 6)`, ['insert sales'], ['insert so,uth']],
];

const kindOf = ({ type, name }) => `${type} ${name}`;

for (const [viaRoot, column] of [[true, 1], [false, 2]]) {
  const what = viaRoot ? 'its root' : 'their own names';
  scenario(`rows of partitions have events under ${what}, byte-equal from both plugins`, async (scene) => {
    const db = await scene.database();
    await db.query(ddl);
    await db.query(`CREATE PUBLICATION p FOR TABLE sales, plain, events WITH (publish_via_partition_root = ${viaRoot})`);
    const walpipers = await both(scene, db, { tables, publication: 'p' });
    for (const [sql] of workload) await db.query(sql);
    const events = await sameEvents(walpipers);
    assert.deepEqual(events.map(kindOf), workload.flatMap((step) => step[column]));
  });
}

scenario('a root with REPLICA IDENTITY FULL, a partition without: what was not logged is not shown as null', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE t (id int, v text, w text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
    CREATE TABLE t_low PARTITION OF t FOR VALUES FROM (0) TO (10);
    CREATE TABLE t_high PARTITION OF t FOR VALUES FROM (10) TO (20);
    ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE t_high REPLICA IDENTITY FULL`);
  const walpipers = await both(scene, db, { tables: [{ name: 'public.t' }] });
  const work = async (id) => {
    await db.query(`INSERT INTO t VALUES (${id}, 'v', 'w')`);
    await db.query(`UPDATE t SET v = 'new' WHERE id = ${id}`);
    await db.query(`UPDATE t SET id = id + 1 WHERE id = ${id}`);
    await db.query(`DELETE FROM t WHERE id = ${id + 1}`);
  };
  await work(10);
  await db.query(`INSERT INTO t VALUES (15, NULL, 'w'); DELETE FROM t`); // a null that was logged
  await work(1);
  await work(12);
  // Now all of them log whole rows; TRUNCATE has the root described alone.
  await db.query(`ALTER TABLE t_low REPLICA IDENTITY FULL; TRUNCATE t`);
  await work(3);
  await db.query(`INSERT INTO t VALUES (5, NULL, 'w'); DELETE FROM t`);
  const events = await sameEvents(walpipers);
  const low = { update: { changes: {} }, key: { id: { old_value: 1, new_value: 2 } }, deleted: { id: 2 } };
  const ofLow = events.filter((event) => event.type !== 'insert').slice(4, 7);
  assert.deepEqual([ofLow[0].changes, ofLow[1].changes, ofLow[2].old_record], [low.update.changes, low.key, low.deleted]);
  const deleted = events.filter((event) => event.type === 'delete').map((event) => event.old_record);
  assert.deepEqual(deleted, [
    { id: 11, v: 'new', w: 'w' },
    { id: 15, v: null, w: 'w' },
    { id: 2 },
    { id: 13, v: 'new', w: 'w' },
    { id: 4, v: 'new', w: 'w' },
    { id: 5, v: null, w: 'w' },
  ]);
});

for (const plugin of plugins) {
  scenario(`${plugin}: a partitioned table of the configuration has its topics, also one that is marked later`, async (scene) => {
    const db = await scene.database();
    await db.query(ddl);
    await db.query(`CREATE TABLE logs (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (10)`);
    const walpiper = await scene.walpiper(db, { tables, slot: { plugin } });
    const topics = {};
    for (const topic of ['sales', 'sales/1', 'regions/north/sales']) topics[topic] = await walpiper.subscribe(`/streams/${topic}`);
    await db.query(`INSERT INTO sales VALUES (1, 'north', 1, 'n'), (2, 'south', 2, 's'); UPDATE sales SET region = 'east' WHERE id = 1`);
    const kinds = async (topic, count) => (await topics[topic].first(count)).map(({ data }) => kindOf(JSON.parse(data)));
    assert.deepEqual(await kinds('sales', 4), ['insert sales', 'insert sales', 'delete sales', 'insert sales']);
    assert.deepEqual(await kinds('sales/1', 3), ['insert sales', 'delete sales', 'insert sales']);
    assert.deepEqual(await kinds('regions/north/sales', 2), ['insert sales', 'delete sales']);
    const { code, stderr } = await run(binary, ['mark', '-c', walpiper.file, 'logs']);
    assert.equal(code, 0, stderr);
    topics.logs = await until('logs has a topic', () => walpiper.subscribe('/streams/logs').catch(() => null));
    await db.query(`INSERT INTO logs VALUES (1); CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (10) TO (20); INSERT INTO logs VALUES (11)`);
    assert.deepEqual(await kinds('logs', 2), ['insert logs', 'insert logs']);
  });
}

scenario('a table that is attached, detached, and made anew as a partition: both plugins, once walpiper has looked', async (scene) => {
  const db = await scene.database();
  await db.query(ddl);
  await db.query(`CREATE TABLE sales_old (LIKE sales INCLUDING ALL); INSERT INTO sales_old VALUES (50, 'old', 1, 'before it was ours')`);
  const walpipers = await both(scene, db, { tables });
  const looked = async (what, sql) => {
    const seen = plugins.map((plugin) => walpipers[plugin].logText().match(/the stream starts anew/g)?.length ?? 0);
    await db.query(sql);
    await until(`${what} has been noticed`, () =>
      plugins.every((plugin, n) => {
        const log = walpipers[plugin].logText();
        const anew = log.match(/the stream starts anew/g)?.length ?? 0;
        return anew > seen[n] && log.match(/streaming \d+ tables/g).length === anew + 1;
      }),
    );
  };
  await db.query(`INSERT INTO sales_old VALUES (51, 'old', 1, 'not ours')`);
  await looked('ATTACH', `ALTER TABLE sales ATTACH PARTITION sales_old FOR VALUES IN ('old')`);
  await db.query(`INSERT INTO sales VALUES (52, 'old', 1, 'ours'); UPDATE sales SET note = 'seen' WHERE id = 50`);
  await looked('DETACH', `ALTER TABLE sales DETACH PARTITION sales_old`);
  await db.query(`INSERT INTO sales_old VALUES (53, 'old', 1, 'not ours'); INSERT INTO sales VALUES (54, 'south', 1, 'ours')`);
  await looked('DROP and CREATE', `DROP TABLE sales_old; CREATE TABLE sales_old PARTITION OF sales FOR VALUES IN ('old')`);
  await db.query(`INSERT INTO sales VALUES (55, 'old', 1, 'ours')`);
  const events = await sameEvents(walpipers);
  assert.deepEqual(events.map(({ type, new_record }) => `${type} ${new_record.id} ${new_record.note}`), [
    ...['insert 52 ours', 'update 50 seen', 'insert 54 ours', 'insert 55 ours'],
  ]);
});

// wal2json compares each row with a list of tables not to send; with many it gets one of tables to send.
scenario('hundreds of unmarked tables beside partitions: a new partition has its events at once', async (scene) => {
  const db = await scene.database();
  await db.query(ddl);
  await db.query(`CREATE SCHEMA crowd; DO $$ BEGIN FOR n IN 1..260 LOOP EXECUTE 'CREATE TABLE crowd.t' || n || ' (id int)'; END LOOP; END $$`);
  const walpipers = await both(scene, db, { tables });
  await db.query(`INSERT INTO crowd.t1 VALUES (1); INSERT INTO unmarked VALUES (1); INSERT INTO plain VALUES (1)`);
  await db.query(`CREATE TABLE sales_west PARTITION OF sales FOR VALUES IN ('west'); INSERT INTO sales VALUES (1, 'west', 1, 'w')`);
  await db.query(`CREATE TABLE elsewhere.north_2 PARTITION OF sales FOR VALUES IN ('north 2'); INSERT INTO sales VALUES (2, 'north 2', 1, 'w')`);
  await db.query(`CREATE TABLE unmarked_too (id int); INSERT INTO unmarked_too VALUES (1); TRUNCATE sales`);
  const events = await sameEvents(walpipers);
  assert.deepEqual(events.map(kindOf), ['insert plain', 'insert sales', 'insert sales', 'truncate sales']);
});

scenario('auto takes pgoutput for a new slot when a partitioned table is published', async (scene) => {
  const db = await scene.database();
  await db.query(ddl);
  const walpiper = await scene.walpiper(db, { tables });
  assert.equal(await db.value('SELECT plugin FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot]), 'pgoutput');
});
