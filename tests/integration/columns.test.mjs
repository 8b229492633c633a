// What the configuration says of single columns: which are in no event, with either plugin.
import { assert, binary, run, scenario } from './harness/lib.mjs';
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
