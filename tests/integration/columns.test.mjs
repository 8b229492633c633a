// What the configuration says of single columns, and of numbers: which are in no event, and which are strings; with
// either plugin.
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
