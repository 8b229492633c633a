// Partitioned tables: one table to those who subscribe, or one for each partition, as the publication
// says; the same events from both plugins while partitions come and go.
import { assert, scenario, until } from './harness/lib.mjs';
import { captured, capturedEvents } from './harness/journal.mjs';

const plugins = ['wal2json', 'pgoutput'];

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

async function both(scene, db, config) {
  const walpipers = {};
  for (const plugin of plugins) {
    walpipers[plugin] = await scene.walpiper(db, { ...config, slot: { name: `${db.name}_${plugin}`, plugin } });
  }
  return walpipers;
}

async function sameEvents(walpipers) {
  const [a, b] = [await capturedEvents(walpipers.wal2json), await capturedEvents(walpipers.pgoutput)];
  assert.deepEqual(b, a);
  return a.map((text) => JSON.parse(text));
}

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
