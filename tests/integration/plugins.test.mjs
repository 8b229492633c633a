// The two output plugins: the same events from both, ids included; and which one is taken.
import { assert, assertInOrder, knowsPluginList, scenario, until } from './harness/lib.mjs';
import { both, plugins } from './harness/both.mjs';
import { captured, capturedEvents } from './harness/journal.mjs';


const ddl = `
  CREATE TYPE mood AS ENUM ('sad', 'ok');
  CREATE DOMAIN positive AS int CHECK (value > 0);
  CREATE TABLE things (id int PRIMARY KEY, name text, n numeric, f float8, b bool, j jsonb, js json, by bytea,
    ts timestamptz, t timestamp, d date, tm time, iv interval, a int[], aa text[][], u uuid, m mood, p positive,
    big text, "Odd ""name""" text);
  CREATE TABLE plain (id bigint PRIMARY KEY, v text, big text, twice bigint GENERATED ALWAYS AS (id * 2) STORED);
  CREATE TABLE indexed (a int NOT NULL, b text NOT NULL, c text, big text);
  CREATE UNIQUE INDEX indexed_b ON indexed (b);
  CREATE TABLE silent (id int PRIMARY KEY, v text);
  CREATE TABLE keyless (v text);
  CREATE TABLE parent (id int PRIMARY KEY, s serial);
  CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
  CREATE TABLE split (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
  CREATE TABLE split_low PARTITION OF split FOR VALUES FROM (0) TO (100);
  CREATE TABLE split_high PARTITION OF split FOR VALUES FROM (100) TO (200);
  CREATE TABLE unmarked (id int PRIMARY KEY);
  CREATE SCHEMA "Odd, schema";
  CREATE TABLE "Odd, schema"."t.a*b'c\\d e" (id int PRIMARY KEY, "ключ ""1""" text);
  ALTER TABLE things REPLICA IDENTITY FULL;
  ALTER TABLE keyless REPLICA IDENTITY FULL;
  ALTER TABLE silent REPLICA IDENTITY NOTHING;
  ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_b;
  ALTER TABLE things ALTER big SET STORAGE EXTERNAL;
  ALTER TABLE plain ALTER big SET STORAGE EXTERNAL;
  ALTER TABLE indexed ALTER big SET STORAGE EXTERNAL;`;
const odd = `"Odd, schema"."t.a*b'c\\d e"`;
const marked = ['things', 'plain', 'indexed', 'silent', 'keyless', 'parent', 'child', 'split'];
const tables = [
  ...marked.map((name) => (name === 'indexed' ? { name: 'public.indexed', id: 'a' } : { name: `public.${name}` })),
  { name: odd },
];

const times = (count, event) => Array(count).fill(event);

/** What is done, and the events that must come of it: [SQL, 'type table', ...]. */
const workload = [
  // Every kind of value, NULLs, and changes of the key where the whole old row is known.
  [`INSERT INTO things VALUES (1, E'a"b\\\\c\\n\\u00e9\\U0001F600\\u0007', 1.500, 1e20, true, '{"k": [1, null, "x"]}', '{"z" : 1.0}',
     '\\x00ff', '2020-01-01 00:00:00.5+02', '-infinity', '0044-03-15 BC', '24:00', '1 year -2 days', '{1,NULL,3}',
     '{{a,"b,c"},{NULL,"d\\"e"}}', '00000000-0000-0000-0000-000000000001', 'ok', 7, repeat('x', 9000), '')`, 'insert things'],
  [`INSERT INTO things (id) VALUES (2)`, 'insert things'],
  [`UPDATE things SET n = -0.00001, name = '' WHERE id = 1`, 'update things'],
  [`UPDATE things SET id = 3 WHERE id = 2`, 'update things'],
  [`UPDATE things SET name = name WHERE id = 3`, 'update things'],
  // Replica identity: the primary key, an index, the whole row, nothing.
  [`INSERT INTO indexed VALUES (1, 'one', 'c', repeat('z', 9000))`, 'insert indexed'],
  [`UPDATE indexed SET c = 'd'`, 'update indexed'],
  [`UPDATE indexed SET b = 'uno'`, 'update indexed'],
  [`UPDATE indexed SET a = 2, b = 'duo', big = NULL`, 'update indexed'],
  [`DELETE FROM indexed`, 'delete indexed'],
  [`INSERT INTO keyless VALUES ('a'), ('a'), (NULL)`, ...times(3, 'insert keyless')],
  [`UPDATE keyless SET v = 'b' WHERE v = 'a'`, ...times(2, 'update keyless')],
  [`DELETE FROM keyless`, ...times(3, 'delete keyless')],
  [`INSERT INTO silent VALUES (1, 'x')`, 'insert silent'],
  // Large values that an update leaves alone, with the key and with all of the row.
  [`INSERT INTO plain VALUES (1, 'a', repeat('y', 9000))`, 'insert plain'],
  [`UPDATE plain SET v = 'b'`, 'update plain'],
  [`UPDATE plain SET id = 2`, 'update plain'],
  [`UPDATE plain SET big = big || 'z'`, 'update plain'],
  [`UPDATE things SET n = 2 WHERE id = 1`, 'update things'],
  [`UPDATE things SET id = 4 WHERE id = 1`, 'update things'],
  // Savepoints, and subtransactions that are many and deep.
  [`BEGIN; SAVEPOINT a; INSERT INTO plain VALUES (10, 'gone', ''); ROLLBACK TO a; INSERT INTO plain VALUES (11, 'kept', '');
    SAVEPOINT b; UPDATE plain SET v = 'gone' WHERE id = 11; SAVEPOINT c; DELETE FROM plain WHERE id = 11; ROLLBACK TO b;
    UPDATE plain SET v = 'stays' WHERE id = 11; RELEASE b; COMMIT`, 'insert plain', 'update plain'],
  [`DO $$ BEGIN FOR n IN 1..200 LOOP
      BEGIN INSERT INTO plain VALUES (1000 + n, 'sub', NULL); IF n % 10 = 0 THEN RAISE 'no'; END IF;
      EXCEPTION WHEN raise_exception THEN NULL; END;
    END LOOP; END $$`, ...times(180, 'insert plain')],
  [`BEGIN; ${Array.from({ length: 100 }, (_, n) => `SAVEPOINT s${n}; INSERT INTO plain VALUES (${2000 + n}, 'deep', NULL);`).join('\n')}
    ROLLBACK TO s50; COMMIT`, ...times(50, 'insert plain')],
  [`BEGIN; INSERT INTO plain VALUES (3000, 'all gone', NULL); ROLLBACK`],
  // Transactions that say nothing of marked tables, nothing at all, or little of them.
  [`INSERT INTO unmarked SELECT generate_series(1, 1000)`],
  [`BEGIN; SELECT pg_current_xact_id(); COMMIT`],
  [`BEGIN; DELETE FROM unmarked; DELETE FROM plain WHERE id > 100; COMMIT`, ...times(230, 'delete plain')],
  [`CREATE TABLE made AS SELECT 1 AS n; DROP TABLE made`],
  // Many rows with one position in the log.
  [`COPY plain (id, v) FROM PROGRAM 'seq -f "%g,copied" 5000 6999' WITH (FORMAT csv)`, ...times(2000, 'insert plain')],
  [`INSERT INTO plain SELECT n, 'v' || n, NULL FROM generate_series(100, 300) n`, ...times(201, 'insert plain')],
  [`INSERT INTO plain VALUES (100, 'new', '') ON CONFLICT (id) DO UPDATE SET v = 'conflict'`, 'update plain'],
  // TRUNCATE: one table, several, those that depend on them, a partitioned one.
  [`BEGIN; INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1); COMMIT`, 'insert parent', 'insert child'],
  [`TRUNCATE things, plain`, 'truncate things', 'truncate plain'],
  [`TRUNCATE parent RESTART IDENTITY CASCADE`, 'truncate parent', 'truncate child'],
  [`BEGIN; TRUNCATE unmarked, plain; INSERT INTO plain VALUES (1, 'after', NULL); COMMIT`, 'truncate plain', 'insert plain'],
  // A partitioned table is one table; a row that moves between partitions is deleted here and inserted there.
  [`INSERT INTO split VALUES (1, 'low'), (101, 'high')`, ...times(2, 'insert split')],
  [`UPDATE split SET id = 102 WHERE id = 1`, 'delete split', 'insert split'],
  [`DELETE FROM split`, ...times(2, 'delete split')],
  // Names that need quotes, in SQL and in the lists that the plugins are given.
  [`INSERT INTO ${odd} VALUES (1, 'x'); UPDATE ${odd} SET id = 2; DELETE FROM ${odd}`,
    ...['insert', 'update', 'delete'].map((type) => `${type} t.a*b'c\\d e`)],
  // Messages, in and between transactions; those outside come whatever becomes of a transaction around them.
  [`SELECT pg_logical_emit_message(false, 'alone', 'one')`, 'message alone'],
  [`SELECT pg_logical_emit_message(true, 'inside', 'one')`, 'message inside'],
  [`BEGIN; INSERT INTO plain VALUES (20, 'before', NULL); SELECT pg_logical_emit_message(true, 'inside', 'two');
    SELECT pg_logical_emit_message(false, 'alone', 'two'); SAVEPOINT s; SELECT pg_logical_emit_message(true, 'gone', '');
    ROLLBACK TO s; DELETE FROM plain WHERE id = 20; COMMIT`, 'message alone', 'insert plain', 'message inside', 'delete plain'],
  [`BEGIN; INSERT INTO plain VALUES (21, 'gone', NULL); SELECT pg_logical_emit_message(false, 'alone', 'three');
    SELECT pg_logical_emit_message(true, 'gone', ''); ROLLBACK`, 'message alone'],
  [`SELECT pg_logical_emit_message(n % 2 = 0, '', '') FROM generate_series(1, 4) n`, ...times(4, 'message ')],
  [`SELECT pg_logical_emit_message(n % 2 = 0, E'a"b\\\\c\\n\\u00e9\\U0001F600', E'"\\\\\\t\\u0007\\u2028\\U0001F600</script>')
    FROM generate_series(1, 2) n`, ...times(2, 'message a"b\\c\n\u00e9\u{1F600}')],
  [`SELECT pg_logical_emit_message(n % 2 = 0, 'large', repeat(E'0123456789"\\n', 300000)) FROM generate_series(1, 2) n`,
    ...times(2, 'message large')],
  // Bytes that are no text; there is no NUL among them.
  [`SELECT pg_logical_emit_message(n % 2 = 0, 'bytes', '\\xff80c328f0908d41eda080c0af'::bytea) FROM generate_series(1, 2) n`,
    ...times(2, 'message bytes')],
  // Tables that change between transactions, and inside of one.
  [`ALTER TABLE plain ADD extra int[] DEFAULT '{1,2}'`],
  [`INSERT INTO plain (id, v, big, extra) VALUES (5, 'after', NULL, '{3}')`, 'insert plain'],
  [`UPDATE plain SET v = 'old row, new column' WHERE id = 1`, 'update plain'],
  [`ALTER TABLE plain DROP v`],
  [`INSERT INTO plain (id) VALUES (6)`, 'insert plain'],
  [`CREATE TYPE late AS ENUM ('x'); ALTER TABLE plain ADD l late`],
  [`INSERT INTO plain (id, l) VALUES (7, 'x')`, 'insert plain'],
  [`BEGIN; INSERT INTO plain (id) VALUES (8); ALTER TABLE plain RENAME extra TO more; INSERT INTO plain (id) VALUES (9);
    ALTER TABLE plain ALTER l TYPE text; UPDATE plain SET more = '{9}' WHERE id = 9; ALTER TABLE plain ADD late int DEFAULT 3;
    INSERT INTO plain (id) VALUES (10); COMMIT`, 'insert plain', 'insert plain', 'update plain', 'insert plain'],
  [`DELETE FROM plain WHERE id = 7`, 'delete plain'],
  [`ALTER TABLE keyless ADD big text DEFAULT repeat('x', 5000); ALTER TABLE keyless RENAME v TO w`],
  [`INSERT INTO keyless (w) VALUES ('renamed')`, 'insert keyless'],
  [`UPDATE keyless SET w = 'changed'`, 'update keyless'],
  [`ALTER TABLE indexed RENAME TO catalogued`],
  [`INSERT INTO catalogued VALUES (1, 'one', 'c', repeat('z', 9000))`, 'insert catalogued'],
  [`UPDATE catalogued SET c = 'd'`, 'update catalogued'],
  [`DELETE FROM catalogued`, 'delete catalogued'],
];

const kindOf = ({ type, name, prefix }) => `${type} ${name ?? prefix}`;

scenario('both plugins give byte-equal events for one and the same workload, ids included', async (scene) => {
  const db = await scene.database();
  await db.query(ddl);
  const { wal2json, pgoutput } = await both(scene, db, { tables });
  for (const [sql] of workload) await db.query(sql);
  const [a, b] = [await capturedEvents(wal2json), await capturedEvents(pgoutput)];
  const events = a.map((text) => JSON.parse(text));
  assert.deepEqual(events.map(kindOf), workload.flatMap(([, ...expected]) => expected));
  assert.deepEqual(b, a);
  assertInOrder(events.map((event) => `00000000-${event.id}`));
  assert.ok(!a.some((event) => event.includes('"twice"')), 'generated columns are in no event');
});

// A kill in between, and what the server sends again, show in no event: the other walpiper was not killed.
for (const killed of plugins) {
  scenario(`${killed}: messages and rows come exactly once, whenever walpiper is killed`, async (scene) => {
    const db = await scene.database();
    await db.query('CREATE TABLE rows (id int PRIMARY KEY)');
    const walpipers = await both(scene, db, { tables: [{ name: 'public.rows' }] });
    let written = 0;
    let stopped = false;
    const write = async (n) => {
      await db.query(`SELECT pg_logical_emit_message(false, 'alone', '${n}')`);
      await db.query(`BEGIN; INSERT INTO rows VALUES (${n}); SELECT pg_logical_emit_message(false, 'in', '${n}'),
        pg_logical_emit_message(true, 'in', '${n}'); COMMIT`);
      written++;
    };
    const writing = (async () => {
      for (let n = 0; !stopped; n++) await write(n);
    })();
    for (let round = 0; round < 6; round++) {
      const before = written;
      await until('more is written', () => written >= before + 20);
      await walpipers[killed].kill();
      await walpipers[killed].start();
    }
    stopped = true;
    await writing;
    const [a, b] = [await capturedEvents(walpipers.wal2json), await capturedEvents(walpipers.pgoutput)];
    assert.deepEqual(a.map((text) => kindOf(JSON.parse(text))), Array(written).fill(['message alone', 'message in', 'insert rows', 'message in']).flat());
    assert.deepEqual(b, a);
  });
}

scenario('a message outside of transactions has no time and no xid; its LSN is the one that the server gave', async (scene) => {
  const db = await scene.database();
  const walpipers = await both(scene, db);
  const lsn = await db.value(`SELECT pg_logical_emit_message(false, 'a', 'b') - '0/0'`);
  for (const plugin of plugins) {
    const [event, ...more] = (await capturedEvents(walpipers[plugin])).map((text) => JSON.parse(text));
    assert.deepEqual(more, []);
    const halves = [Number(BigInt(lsn) >> 32n), Number(BigInt(lsn) & 0xffffffffn)];
    assert.equal(event.id, `${BigInt(lsn).toString(16).toUpperCase()}-1`);
    assert.deepEqual(
      { ...event, source: null, id: null },
      { id: null, name: null, type: 'message', source: null, prefix: 'a', content: 'b', timestamp: null, lsn: halves, xid: null },
    );
  }
});

scenario('a message with NUL among its bytes: wal2json ends its content there, pgoutput gives all of it', async (scene) => {
  const db = await scene.database();
  const walpipers = await both(scene, db);
  await db.query(`SELECT pg_logical_emit_message(true, 'nul', '\\x610062ff'::bytea)`);
  const contents = {};
  for (const plugin of plugins) contents[plugin] = (await capturedEvents(walpipers[plugin])).map((text) => JSON.parse(text).content);
  assert.deepEqual(contents, { wal2json: ['a'], pgoutput: ['a\0b\ufffd'] });
});

scenario('NaN and Infinity: null with wal2json, which says once for which columns; whole with pgoutput', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE DOMAIN ratio AS float8; CREATE TABLE numbers (id int PRIMARY KEY, f4 float4, f8 float8, n numeric(38,10),
    d ratio, a numeric[], r numrange, made float8 GENERATED ALWAYS AS (f8 * 2) STORED)`);
  const walpipers = await both(scene, db, { tables: [{ name: 'public.numbers' }] });
  const told = (plugin) => walpipers[plugin].logText().match(/wal2json gives NaN and Infinity as null, in [^;]*/g) ?? [];
  const first = 'wal2json gives NaN and Infinity as null, in public.numbers.f4, public.numbers.f8, public.numbers.n';
  assert.deepEqual([told('wal2json'), told('pgoutput')], [[first], []]);
  await db.query(`INSERT INTO numbers VALUES (1, 'NaN', '-Infinity', 'NaN', 'Infinity', '{NaN,Infinity,1.0}', '[NaN,NaN]')`);
  const rows = {};
  for (const plugin of plugins) {
    const stream = await walpipers[plugin].subscribe('/streams/numbers', { lastEventId: 'earliest' });
    rows[plugin] = JSON.parse((await stream.first(1))[0].data).new_record;
  }
  const whole = { id: 1, f4: 'NaN', f8: '-Infinity', n: 'NaN', d: 'Infinity', a: ['NaN', 'Infinity', 1.0], r: '[NaN,NaN]' };
  assert.deepEqual(rows, { wal2json: { ...whole, f4: null, f8: null, n: null }, pgoutput: whole });
  // A new stream says nothing new, unless there is another column.
  const streams = () => walpipers.wal2json.logText().match(/streaming \d+ tables/g).length;
  await db.query(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1`, [walpipers.wal2json.slot]);
  await until('it streams again', () => streams() === 2);
  await db.query('CREATE TABLE more (id int PRIMARY KEY, f float8)');
  await db.query(`ALTER PUBLICATION ${walpipers.wal2json.config.publication} ADD TABLE more`);
  await until('it streams what was added', () => streams() === 3);
  assert.deepEqual([told('wal2json'), told('pgoutput')], [[first, first.replace(', in ', ', in public.more.f, ')], []]);
});

scenario('prepared transactions come when they are committed, over restarts of server and walpiper', async (scene) => {
  const server = await scene.postgres({ max_prepared_transactions: '10' });
  const db = await scene.database({ server });
  await db.query('CREATE TABLE rows (id int PRIMARY KEY, v text)');
  const walpipers = await both(scene, db, { tables: [{ name: 'public.rows' }] });
  const prepare = (name, id) =>
    db.query(`BEGIN; INSERT INTO rows VALUES (${id}, '${name}'); SELECT pg_logical_emit_message(true, '${name}', ''),
      pg_logical_emit_message(false, 'at once ${name}', ''); PREPARE TRANSACTION '${name}'`);
  await prepare('a', 1);
  await prepare('b', 2);
  await db.query(`INSERT INTO rows VALUES (3, 'between')`);
  await db.query(`COMMIT PREPARED 'b'`);
  await prepare('c', 4);
  for (const plugin of plugins) {
    await captured(walpipers[plugin]); // all but a and c is confirmed: the server must still know of them
    await walpipers[plugin].kill();
  }
  await server.restart('SIGQUIT');
  await db.query(`COMMIT PREPARED 'a'`);
  await db.query(`ROLLBACK PREPARED 'c'`);
  for (const plugin of plugins) await walpipers[plugin].start();
  await prepare('d', 5);
  await server.restart();
  await db.query(`COMMIT PREPARED 'd'`);
  const [a, b] = [await capturedEvents(walpipers.wal2json), await capturedEvents(walpipers.pgoutput)];
  const kinds = a.map((text) => JSON.parse(text)).map((event) => `${kindOf(event)}${event.new_record ? event.new_record.v : ''}`);
  assert.deepEqual(kinds, [
    ...['message at once a', 'message at once b', 'insert rowsbetween', 'insert rowsb', 'message b', 'message at once c'],
    ...['insert rowsa', 'message a', 'message at once d', 'insert rowsd', 'message d'],
  ]);
  assert.deepEqual(b, a);
});

scenario('COPY of 100 000 rows, all at one LSN: each event has an id of its own, in the order of the rows', async (scene) => {
  const db = await scene.database();
  await db.query('CREATE TABLE rows (id int PRIMARY KEY, v text)');
  const walpipers = await both(scene, db, { tables: [{ name: 'public.rows' }] });
  await db.query(`COPY rows FROM PROGRAM 'seq -f "%g,copied" 1 99999; echo 100000,copied' WITH (FORMAT csv)`);
  const ids = {};
  for (const plugin of plugins) {
    const stream = await walpipers[plugin].subscribe('/streams/rows', { lastEventId: 'earliest' });
    const frames = await stream.first(100_000, 60_000);
    assertInOrder(frames.map((frame) => frame.id));
    frames.forEach((frame, n) => assert.ok(frame.data.includes(`"new_record":{"id":${n + 1},"v":"copied"}`), frame.data));
    ids[plugin] = frames.map((frame) => frame.id.replace(/^[0-9a-f]{8}-/, ''));
    stream.close();
  }
  assert.deepEqual(ids.wal2json, ids.pgoutput);
});

scenario('a published table without replica identity: the server refuses its updates, whatever the plugin', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE silent (id int PRIMARY KEY, v text); ALTER TABLE silent REPLICA IDENTITY NOTHING;
    CREATE TABLE keyless (v text)`);
  const walpipers = await both(scene, db, { tables: [{ name: 'public.silent' }, { name: 'public.keyless' }] });
  await db.query(`INSERT INTO silent VALUES (1, 'a'); INSERT INTO keyless VALUES ('a')`);
  for (const sql of [`UPDATE silent SET v = 'b'`, 'DELETE FROM silent', `UPDATE keyless SET v = 'b'`, 'DELETE FROM keyless']) {
    await assert.rejects(db.query(sql), /does not have a replica identity/, sql);
  }
  for (const plugin of plugins) {
    const kinds = (await capturedEvents(walpipers[plugin])).map((text) => kindOf(JSON.parse(text)));
    assert.deepEqual(kinds, ['insert silent', 'insert keyless'], plugin);
  }
});

scenario('what the publication does not publish is in no event, whatever the plugin', async (scene) => {
  const db = await scene.database();
  await db.query('CREATE TABLE rows (id int PRIMARY KEY); ALTER TABLE rows REPLICA IDENTITY NOTHING');
  await db.query(`CREATE PUBLICATION few FOR TABLE rows WITH (publish = 'insert, truncate')`);
  const walpipers = await both(scene, db, { publication: 'few', tables: [{ name: 'public.rows' }] });
  const write = () => db.query('INSERT INTO rows VALUES (1); UPDATE rows SET id = 2; DELETE FROM rows; TRUNCATE rows');
  await write();
  await db.query(`ALTER TABLE rows REPLICA IDENTITY DEFAULT`);
  await db.query(`ALTER PUBLICATION few SET (publish = 'update, delete')`);
  // wal2json is told what to leave out at the start of a stream.
  await until('the streams start anew', () => plugins.every((plugin) => walpipers[plugin].logText().match(/streaming \d+ tables/g).length > 1));
  await write();
  for (const plugin of plugins) {
    const kinds = (await capturedEvents(walpipers[plugin])).map((text) => kindOf(JSON.parse(text)));
    assert.deepEqual(kinds, ['insert rows', 'truncate rows', 'update rows', 'delete rows'], plugin);
  }
});

scenario('a configured table that is dropped while walpiper runs does not keep the others from being captured', async (scene) => {
  const db = await scene.database();
  await db.query('CREATE TABLE goes (id int PRIMARY KEY); CREATE TABLE stays (id int PRIMARY KEY)');
  const walpipers = await both(scene, db, { tables: [{ name: 'public.goes' }, { name: 'public.stays' }] });
  await db.query('INSERT INTO goes VALUES (1); INSERT INTO stays VALUES (1); DROP TABLE goes');
  const noticed = (plugin) => /public\.goes is no longer in database/.test(walpipers[plugin].logText());
  await until('both have noticed', () => plugins.every(noticed));
  await db.query('INSERT INTO stays VALUES (2)');
  for (const plugin of plugins) {
    const kinds = (await capturedEvents(walpipers[plugin])).map((text) => kindOf(JSON.parse(text)));
    assert.deepEqual(kinds, ['insert goes', 'insert stays', 'insert stays'], plugin);
  }
  const { code, log } = await walpipers.pgoutput.refuse(); // at start it is a mistake in the configuration
  assert.equal(code, 1);
  assert.match(log, /public\.goes does not exist/);
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
