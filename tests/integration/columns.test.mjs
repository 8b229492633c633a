// What the configuration says of single columns, and of numbers: what is in no event, what is none, what is a string;
// with either plugin.
import { isDeepStrictEqual } from 'node:util';
import { assert, binary, run, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';
import { captured, journalEvents, journalRecords, withoutEpoch } from './harness/journal.mjs';

const plugins = ['wal2json', 'pgoutput'];

/** Two walpipers on DB, one with either plugin. */
async function both(scene, db, config) {
  const walpipers = [];
  for (const plugin of plugins) walpipers.push(await scene.walpiper(db, { ...config, slot: { name: `${db.name}_${plugin}`, plugin } }));
  return walpipers;
}

/** All that both have captured until now, which must be the same: {texts, events, records}. */
async function capturedByBoth(walpipers) {
  const all = [];
  for (const walpiper of walpipers) {
    await captured(walpiper);
    await walpiper.stop();
    const texts = (await journalEvents(walpiper)).map(withoutEpoch);
    all.push({ texts, events: texts.map((text) => JSON.parse(text)), records: await journalRecords(walpiper) });
  }
  assert.deepEqual(all[1].texts, all[0].texts);
  return all;
}

const people = `
  CREATE TABLE people (id int PRIMARY KEY, secret text, name text, "other ""secret""" jsonb, note text, token bytea);
  ALTER TABLE people ALTER secret SET STORAGE EXTERNAL;
  ALTER TABLE people ALTER note SET STORAGE EXTERNAL;`;
const hidden = ['secret', 'other "secret"', 'token'];
const shown = `to_jsonb(people) - '{secret,"other \\"secret\\"",token}'::text[]`;

for (const identity of ['FULL', 'DEFAULT']) {
  scenario(`REPLICA IDENTITY ${identity}: an excluded column is nowhere, neither in events nor in the journal, with either plugin`, async (scene) => {
    const db = await scene.database();
    await db.query(`${people} ALTER TABLE people REPLICA IDENTITY ${identity}`);
    const tables = [{ name: 'public.people', exclude: hidden }];
    const walpipers = await both(scene, db, { tables, journal: { max_event: '1MB' } });
    const stream = await walpipers[0].subscribe('/streams/people/1');
    await db.query(`INSERT INTO people VALUES (1, repeat('hunter2', 3000), 'Ann', '{"k": "hunter2"}', repeat('n', 9000), 'hunter2')`);
    const row = await db.value(`SELECT ${shown} FROM people`);
    await db.query(`UPDATE people SET name = 'Anna'`); // secret and note are untouched
    await db.query(`UPDATE people SET secret = 'hunter2 again', token = NULL`);
    await db.query(`UPDATE people SET secret = repeat('hunter2', 300000)`); // more than an event may have
    await db.query(`UPDATE people SET id = 2, note = 'short'`);
    const last = await db.value(`SELECT ${shown} FROM people`);
    await db.query('DELETE FROM people');
    const live = (await stream.first(5)).map((frame) => frame.data);
    const [{ events }, ...others] = await capturedByBoth(walpipers);
    assert.deepEqual(events.map((event) => event.type), ['insert', 'update', 'update', 'update', 'update', 'delete']);
    assert.deepEqual(live.map(withoutEpoch).map((text) => JSON.parse(text)), events.slice(0, 5));
    assert.deepEqual(events[0].new_record, row);
    assert.deepEqual(events[4].new_record, last);
    const full = identity === 'FULL';
    assert.deepEqual(events[5].old_record, full ? last : { id: 2 });
    assert.deepEqual(events[1].changes, full ? { name: { old_value: 'Ann', new_value: 'Anna' } } : {});
    for (const event of [events[2], events[3]]) {
      assert.deepEqual(event.changes, {}, 'an update of an excluded column alone is an event that tells no change');
      assert.deepEqual(event.unchanged, full ? undefined : ['note']);
    }
    for (const event of events) {
      assert.deepEqual(Object.keys(event.source.columns), ['id', 'name', 'note']);
      assert.equal(event.error, undefined);
    }
    for (const { records } of [{ records: await journalRecords(walpipers[0]) }, ...others]) {
      const bytes = Buffer.concat(records).toString('latin1');
      for (const trace of ['secret', 'token', 'hunter2', Buffer.from('hunter2').toString('hex')]) assert.ok(!bytes.includes(trace), trace);
      assert.ok(bytes.includes('Anna'));
    }
  });
}

scenario('excluded columns stay excluded: in partitions with an order of their own, and when dropped and made anew', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE split (id int PRIMARY KEY, secret text, v text) PARTITION BY RANGE (id);
    CREATE TABLE split_low (secret text, v text, id int NOT NULL);
    ALTER TABLE split ATTACH PARTITION split_low FOR VALUES FROM (0) TO (100)`);
  const walpipers = await both(scene, db, { tables: [{ name: 'split', exclude: ['secret'] }] });
  await db.query(`INSERT INTO split VALUES (1, 'hunter2', 'a')`);
  await db.query(`ALTER TABLE split ADD w text; UPDATE split SET w = 'b', secret = 'hunter2'`);
  await db.query(`ALTER TABLE split DROP secret; INSERT INTO split VALUES (2, 'c', 'd')`);
  await db.query(`ALTER TABLE split ADD secret int; INSERT INTO split VALUES (3, 'e', 'f', 2)`);
  const all = await capturedByBoth(walpipers);
  for (const { records } of all) assert.ok(!/secret|hunter2/.test(Buffer.concat(records).toString('latin1')));
  const rows = [{ id: 1, v: 'a' }, { id: 1, v: 'a', w: 'b' }, { id: 2, v: 'c', w: 'd' }, { id: 3, v: 'e', w: 'f' }];
  assert.deepEqual(all[0].events.map((event) => event.new_record), rows);
});

scenario('an excluded column that would not be excluded is refused, with the mend', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE plain (id int PRIMARY KEY, v text);
    CREATE TABLE split (id int, secret text) PARTITION BY RANGE (id);
    CREATE TABLE split_low PARTITION OF split FOR VALUES FROM (0) TO (100);
    CREATE PUBLICATION leaves FOR TABLE split; CREATE PUBLICATION roots FOR TABLE split WITH (publish_via_partition_root)`);
  const refusals = [
    [{ name: 'plain', exclude: ['secrt'] }, {}, /public\.plain: exclude names column secrt, which does not exist: correct tables\[\]\.exclude/],
    [{ name: 'plain', exclude: ['id'] }, {}, /public\.plain: exclude names column id of the primary key, which topics go by/],
    [{ name: 'split', exclude: ['secret'] }, { publication: 'leaves' },
      /public\.split: exclude has no effect: .* own: ALTER PUBLICATION \\?"leaves\\?" SET \(publish_via_partition_root = true\)/],
    [{ name: 'split_low', exclude: ['secret'] }, { publication: 'roots' }, /public\.split_low: exclude has no effect: .* those of its root/],
  ];
  for (const [n, [table, config, message]] of refusals.entries()) {
    const walpiper = scene.unstarted(db, { tables: [table], slot: { name: `refused_${n}` }, ...config });
    const { code, log } = await walpiper.refuse();
    assert.equal(code, 1);
    assert.match(log, message);
    const check = await run(binary, ['check', '-c', walpiper.file]);
    assert.equal(check.code, 1);
    assert.match(check.stdout, new RegExp(`error +table public.${table.name}: ${message.source.split(': ')[1]}`));
  }
});

scenario('an update of ignored columns alone is no event, and the ids of the others are as without the list', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE docs (id int PRIMARY KEY, v text, secret text, updated_at timestamptz, seen int, big text);
    ALTER TABLE docs REPLICA IDENTITY FULL; ALTER TABLE docs ALTER big SET STORAGE EXTERNAL;
    CREATE TABLE keyed (id int PRIMARY KEY, v text, updated_at timestamptz)`);
  const without = [{ name: 'docs', exclude: 'secret' }, { name: 'keyed' }];
  const listed = without.map((table) => ({ ...table, ignore_updates_of: table.name === 'docs' ? ['updated_at', 'seen'] : ['updated_at'] }));
  const walpipers = await both(scene, db, { tables: listed });
  const all = await scene.walpiper(db, { tables: without, slot: { name: 'all', plugin: 'pgoutput' } });
  await db.query(`INSERT INTO docs VALUES (1, 'a', 's', now(), 0, repeat('b', 9000))`);
  await db.query(`UPDATE docs SET updated_at = now(), seen = NULL`); // ignored
  await db.query(`BEGIN; UPDATE docs SET seen = 1; UPDATE docs SET v = 'b', seen = 2; UPDATE docs SET seen = 3;
    INSERT INTO docs VALUES (2); UPDATE docs SET updated_at = '-infinity' WHERE id = 2; DELETE FROM docs WHERE id = 2; COMMIT`);
  await db.query(`UPDATE docs SET v = v`); // ignored: nothing has changed
  await db.query(`UPDATE docs SET secret = 't', updated_at = now()`);
  await db.query(`UPDATE docs SET v = NULL`);
  await db.query(`INSERT INTO keyed VALUES (1, 'a', now()); UPDATE keyed SET updated_at = now() - interval '1 day'`);
  const [{ texts }] = await capturedByBoth(walpipers);
  await captured(all);
  await all.stop();
  const every = (await journalEvents(all)).map(withoutEpoch);
  assert.equal(every.length, 13);
  assert.deepEqual(texts, every.filter((_, n) => ![1, 2, 4, 6, 8].includes(n)));
  const events = texts.map((text) => JSON.parse(text));
  assert.deepEqual(events.map(({ type, name }) => `${type} ${name}`), [
    'insert docs', 'update docs', 'insert docs', 'delete docs', 'update docs', 'update docs', 'insert keyed', 'update keyed',
  ]);
  assert.deepEqual(Object.keys(events[1].changes), ['v', 'seen']);
  assert.deepEqual(Object.keys(events[4].changes), ['updated_at'], 'an update of an excluded column is one of another column');
  // Said once, of the table that needs it.
  for (const walpiper of walpipers) {
    const told = walpiper.logText().split('\n').filter((line) => line.includes('ignore_updates_of'));
    assert.equal(told.length, 1, told.join('\n'));
    assert.match(told[0], /level=warn .*public\.keyed: ignore_updates_of needs REPLICA IDENTITY FULL.*ALTER TABLE \\"public\\"\.\\"keyed\\" REPLICA IDENTITY FULL/);
  }
  const check = await run(binary, ['check', '-c', walpipers[0].file]);
  assert.equal(check.code, 0);
  assert.match(check.stdout, /^warning +table public\.keyed: ignore_updates_of needs REPLICA IDENTITY FULL/m);
  assert.doesNotMatch(check.stdout, /table public\.docs: ignore_updates_of/);
});

scenario('a list of ignored columns that changes in the middle of a transaction loses no event and gives none twice', async (scene) => {
  const db = await scene.database();
  await db.query('CREATE TABLE docs (id int PRIMARY KEY, v text, seen int); ALTER TABLE docs REPLICA IDENTITY FULL');
  const walpiper = await scene.walpiper(db, { tables: [{ name: 'docs', ignore_updates_of: 'seen' }] });
  await db.query(`INSERT INTO docs SELECT n, 'v', 0 FROM generate_series(1, 20000) n`);
  const writing = db.query(`BEGIN; UPDATE docs SET seen = 1 WHERE id % 2 = 0; UPDATE docs SET v = 'w'; COMMIT`);
  const stream = await walpiper.subscribe('/streams/docs', { lastEventId: 'earliest' });
  await stream.first(20001, 60_000); // the first of the updates: the others are on their way
  await walpiper.kill();
  await writing;
  walpiper.config.tables[0].ignore_updates_of = [];
  await walpiper.configure();
  await walpiper.start();
  await captured(walpiper);
  await walpiper.stop();
  const updates = (await journalEvents(walpiper)).map((text) => JSON.parse(text)).filter(({ type, changes }) => type === 'update' && changes.v);
  assert.deepEqual(updates.map((event) => event.new_record.id).sort((a, b) => a - b), Array.from({ length: 20000 }, (_, n) => n + 1));
  assert.equal(new Set(updates.map((event) => event.id)).size, 20000);
});

scenario('numbers as strings: the digits of to_jsonb, in rows, changes, arrays and domains; topics and resuming go on', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE DOMAIN amount AS numeric(38, 10);
    CREATE TABLE numbers (id int8 PRIMARY KEY, parent int8, i4 int4, n numeric, d amount, f float8, a int8[], aa numeric[][],
      ia int4[], r int8range, j jsonb);
    ALTER TABLE numbers REPLICA IDENTITY FULL`);
  // The oracle: what to_jsonb gives, and of the types that are listed its text.
  const oracle = `SELECT to_jsonb(t) || jsonb_build_object('id', id::text, 'parent', parent::text, 'n', to_jsonb(n)#>>'{}',
    'd', to_jsonb(d)#>>'{}', 'a', to_jsonb(a::text[]), 'aa', to_jsonb(aa::text[])) FROM numbers t`;
  const tables = [{ name: 'numbers', scopes: [{ parent: 'parents' }] }];
  const walpipers = await both(scene, db, { tables, numbers_as_strings: ['int8', 'numeric'] });
  const big = '9007199254740993';
  const topics = [`/streams/numbers/${big}`, '/streams/parents/-7/numbers', '/streams/parents/8/numbers'];
  const streams = await Promise.all(topics.map((path) => walpipers[1].subscribe(path)));
  await db.query(`INSERT INTO numbers VALUES (${big}, -7, 2147483647, 1.50, 12345678901234567890.0123456789, 0.1, '{1,NULL,9223372036854775807}',
    '{{1.10,2},{3,NULL}}', '{1,2}', '[1,9007199254740993]', '{"n": 9007199254740993}')`);
  const inserted = await db.value(oracle);
  await db.query(`UPDATE numbers SET parent = 8, n = NULL, a = '{2}', i4 = 1`);
  const updated = await db.value(oracle);
  await db.query('DELETE FROM numbers');
  const received = await Promise.all(streams.map((stream, n) => stream.first([3, 2, 2][n])));
  assert.deepEqual(received.map((frames) => frames.map((frame) => JSON.parse(frame.data).type)), [
    ['insert', 'update', 'delete'], ['insert', 'update'], ['update', 'delete'],
  ]);
  const [{ events }] = await capturedByBoth(walpipers);
  assert.deepEqual(events[0].new_record, inserted);
  assert.deepEqual([inserted.id, inserted.n, inserted.i4], [big, '1.50', 2147483647]); // the oracle is no fool
  assert.deepEqual(events[1].new_record, updated);
  assert.deepEqual(events[2].old_record, updated);
  assert.deepEqual(events[1].changes, {
    parent: { old_value: '-7', new_value: '8' },
    i4: { old_value: 2147483647, new_value: 1 },
    n: { old_value: '1.50', new_value: null },
    a: { old_value: ['1', null, '9223372036854775807'], new_value: ['2'] },
  });
});

scenario('numbers as strings: operators find their ids, the events feed has its row ids', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  await db.query('TRUNCATE posts, comments, post_with_comments_counts');
  const walpiper = await scene.walpiper(db, { ...blog, numbers_as_strings: 'int8' });
  await db.query(`INSERT INTO posts (id, title) VALUES (1, 'one'), (2, 'two'), (3, 'three');
    INSERT INTO comments (id, post_id, message) VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
    UPDATE comments SET post_id = 2 WHERE id = 1; DELETE FROM comments WHERE id = 3; DELETE FROM posts WHERE id = 3`);
  await until('the read model equals the query from scratch', async () => isDeepStrictEqual(await counts(db), await countsFromScratch(db)));
  const insert = (payload) => db.query(`INSERT INTO events (type, subscriber, payload) VALUES ('t', 'toto', $1)`, [JSON.stringify(payload)]);
  for (const n of [1, 2, 3]) await insert({ n });
  const toto = await walpiper.events('toto', { lastEventId: '1' });
  const frames = await toto.first(2);
  assert.deepEqual(frames.map(({ id, data }) => [id, data]), [['2', '{"n":2}'], ['3', '{"n":3}']]);
  await insert({ n: 4 });
  assert.equal((await toto.first(3))[2].id, '4');
});
