// The two output plugins: the same events from both, ids included; and which one is taken.
import { assert, knowsPluginList, scenario, until } from './harness/lib.mjs';

const ddl = `
  CREATE TYPE mood AS ENUM ('sad', 'ok');
  CREATE DOMAIN positive AS int CHECK (value > 0);
  CREATE TABLE things (id int PRIMARY KEY, name text, n numeric, f float8, b bool, j jsonb, js json, by bytea,
    ts timestamptz, t timestamp, d date, tm time, iv interval, a int[], aa text[][], u uuid, m mood, p positive,
    big text, "Odd ""name""" text);
  CREATE TABLE plain (id bigint PRIMARY KEY, v text, big text, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
  CREATE TABLE indexed (a int NOT NULL, b text NOT NULL, c text);
  CREATE UNIQUE INDEX indexed_b ON indexed (b);
  ALTER TABLE things REPLICA IDENTITY FULL;
  ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_b;
  ALTER TABLE things ALTER big SET STORAGE EXTERNAL;
  ALTER TABLE plain ALTER big SET STORAGE EXTERNAL;`;
const tables = [{ name: 'public.things' }, { name: 'public.plain' }, { name: 'public.indexed', id: 'a' }];

const workload = [
  `INSERT INTO things VALUES (1, E'a"b\\\\c\\n\\u00e9\\U0001F600\\u0007', 1.500, 1e20, true, '{"k": [1, null, "x"]}', '{"z" : 1.0}',
     '\\x00ff', '2020-01-01 00:00:00.5+02', '-infinity', '0044-03-15 BC', '24:00', '1 year -2 days', '{1,NULL,3}',
     '{{a,"b,c"},{NULL,"d\\"e"}}', '00000000-0000-0000-0000-000000000001', 'ok', 7, repeat('x', 9000), '')`,
  `INSERT INTO things (id) VALUES (2)`,
  `UPDATE things SET n = -0.00001, name = '' WHERE id = 1`,
  `UPDATE things SET id = 3 WHERE id = 2`,
  `BEGIN; INSERT INTO plain VALUES (1, 'a', repeat('y', 9000)); SAVEPOINT s; INSERT INTO plain VALUES (9, 'gone', ''); ROLLBACK TO s;
   UPDATE plain SET v = 'b'; UPDATE plain SET id = 2; INSERT INTO indexed VALUES (1, 'one', 'c'); COMMIT`,
  `UPDATE indexed SET c = 'd'`,
  `UPDATE indexed SET b = 'uno'`,
  `BEGIN; DELETE FROM plain; DELETE FROM indexed; DELETE FROM things WHERE id = 3; COMMIT`,
  `INSERT INTO plain SELECT n, 'v' || n, NULL FROM generate_series(100, 300) n`,
  `TRUNCATE things, plain`,
  `ALTER TABLE plain ADD extra int[] DEFAULT '{1,2}'`,
  `INSERT INTO plain (id, v, big, extra) VALUES (5, 'after', NULL, '{3}')`,
  `ALTER TABLE plain DROP v`,
  `INSERT INTO plain (id) VALUES (6)`,
  `CREATE TYPE late AS ENUM ('x'); ALTER TABLE plain ADD l late`,
  `INSERT INTO plain (id, l) VALUES (7, 'x')`,
  `DELETE FROM plain WHERE id = 7`,
];

async function all(walpiper, count) {
  const events = [];
  for (const { name } of tables) {
    const stream = await walpiper.subscribe(`/streams/${name.replace('public.', '')}`, { lastEventId: 'earliest' });
    await stream.until(`all events of ${name}`, () => stream.events.length >= count[name]);
    events.push(...stream.events.slice(0, count[name]).map((frame) => frame.data.replaceAll(/"id":"[0-9a-f]{8}-/g, '"id":"')));
  }
  return events;
}

scenario('both plugins give byte-equal events for one and the same workload, ids included', async (scene) => {
  const db = await scene.database();
  await db.query(ddl);
  const wal2json = await scene.walpiper(db, { tables, slot: { name: 'both_wal2json', plugin: 'wal2json' } });
  const pgoutput = await scene.walpiper(db, { tables, slot: { name: 'both_pgoutput', plugin: 'pgoutput' } });
  for (const sql of workload) await db.query(sql);
  const count = { 'public.things': 6, 'public.plain': 210, 'public.indexed': 4 };
  const [a, b] = [await all(wal2json, count), await all(pgoutput, count)];
  assert.deepEqual(b, a);
  assert.ok(!a.some((event) => event.includes('"twice"')), 'generated columns are in no event');
});

scenario('pgoutput: a transaction larger than memory, and a kill in the middle of it', { timeout: 120_000 }, async (scene) => {
  const db = await scene.database();
  await db.query('CREATE TABLE rows (id int PRIMARY KEY, filler text)');
  const walpiper = await scene.walpiper(db, { tables: [{ name: 'public.rows' }], slot: { plugin: 'pgoutput' } });
  const first = await walpiper.subscribe('/streams/rows');
  await db.query(`INSERT INTO rows SELECT n, repeat('f', 200) FROM generate_series(1, 60000) n`);
  await first.first(20_000, 60_000);
  await walpiper.kill();
  await walpiper.start();
  const rest = await walpiper.subscribe('/streams/rows', { lastEventId: first.events.at(-1).id });
  const missing = 60_000 - first.events.length;
  if (missing > 0) await rest.first(missing, 60_000);
  const ids = [...first.events, ...rest.events].map((frame) => JSON.parse(frame.data).new_record.id);
  assert.deepEqual(ids, Array.from({ length: 60_000 }, (_, n) => n + 1));
});

scenario('pgoutput honours row filters and column lists; wal2json is refused for them', async (scene) => {
  const db = await scene.database();
  await db.query('CREATE TABLE cut (id int PRIMARY KEY, a text, secret text)');
  await db.query('CREATE PUBLICATION filtered FOR TABLE cut (id, a) WHERE (id > 10), TABLE events');
  const config = { tables: [{ name: 'public.cut' }], publication: 'filtered' };
  const refused = await scene.unstarted(db, { ...config, slot: { plugin: 'wal2json' } }).refuse();
  assert.equal(refused.code, 1);
  assert.match(refused.log, /row filter or a column list on public\.cut/);
  const walpiper = await scene.walpiper(db, config); // auto
  const stream = await walpiper.subscribe('/streams/cut');
  await db.query(`INSERT INTO cut VALUES (1, 'no', 's'), (11, 'yes', 's')`);
  const [frame] = await stream.first(1);
  assert.deepEqual(JSON.parse(frame.data).new_record, { id: 11, a: 'yes' });
});

scenario('auto takes pgoutput where the server does not permit wal2json', { skip: !knowsPluginList() }, async (scene) => {
  const server = await scene.postgres({ output_plugin_libraries: 'pgoutput, test_decoding' });
  const db = await scene.database({ server });
  const walpiper = await scene.walpiper(db);
  const feed = await walpiper.events('toto');
  await db.query(`INSERT INTO events (type, subscriber, payload) VALUES ('insert', 'toto', '{"foo": "bar"}')`);
  const frame = await feed.find('the row', (f) => f.event === 'insert');
  assert.equal(frame.data, '{"foo":"bar"}');
  const plugin = () => db.value('SELECT plugin FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot]);
  assert.equal(await plugin(), 'pgoutput');
  await walpiper.restart();
  await until('the slot keeps its plugin', async () => (await plugin()) === 'pgoutput');
});
