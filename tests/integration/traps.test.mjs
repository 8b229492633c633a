// What the server does that is easy to overlook, and that has cost others data: each scenario holds
// one such fact against walpiper. Those that have a file of their own (slots, types, connections...) are there.
import { readFileSync } from 'node:fs';
import { assert, binary, knowsPluginList, run, scenario, startChild, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { capturedEvents } from './harness/journal.mjs';
import { Mangler } from './harness/mangler.mjs';
import { namesUnavailable } from './harness/network.mjs';

const plugins = ['wal2json', 'pgoutput'];
const rows = { tables: [{ name: 'public.rows' }] };
const number = (lsn) => lsn.split('/').reduce((high, low) => (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`));

/** What the server knows of WALPIPER's slot and of the session that reads it. */
async function stateOf(db, walpiper) {
  const [state] = await db.query(
    `SELECT confirmed_flush_lsn::text AS confirmed, restart_lsn::text AS restart, active_pid AS pid,
            extract(epoch FROM reply_time)::float AS replied
     FROM pg_replication_slots LEFT JOIN pg_stat_replication ON pid = active_pid WHERE slot_name = $1`,
    [walpiper.slot],
  );
  return { ...state, confirmed: number(state.confirmed), restart: number(state.restart) };
}

/** Waits until WALPIPER has told the server for SECONDS more where it stands, all in one session. */
async function keepsReplying(db, walpiper, seconds) {
  const { replied, pid } = await stateOf(db, walpiper);
  await until(`status updates have come for ${seconds} s more`, async () => {
    const now = await stateOf(db, walpiper);
    assert.equal(now.pid, pid, `another session reads the slot: ${walpiper.logText()}`);
    return now.replied >= replied + seconds;
  });
}

/** Rows 1 to COUNT, each once and in order. */
async function hasRows(walpiper, count) {
  const events = (await capturedEvents(walpiper)).map((text) => JSON.parse(text));
  assert.deepEqual(events.map((event) => event.new_record.id), Array.from({ length: count }, (_, n) => n + 1));
}

scenario('wal2json that is permitted no more: DOWN with the mend, and what the message says mends it', { skip: !knowsPluginList() }, async (scene) => {
  const server = await scene.postgres();
  const db = await scene.database({ server, files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const comments = await walpiper.subscribe('/streams/comments');
  delete server.settings.output_plugin_libraries; // the default permits only the server's own
  await server.restart();
  const down = await until('it is down for the plugin', async () => {
    const health = await walpiper.request('/manage/health');
    return health.status === 503 && /output_plugin_libraries/.test(health.body) && JSON.parse(health.body).reason;
  });
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'meanwhile')`);
  const [, set, reload] = /run (ALTER SYSTEM SET .*wal2json) \(.*\) and (SELECT pg_reload_conf\(\))/.exec(down);
  await db.query(set);
  await db.query(reload);
  await walpiper.healthy();
  const [frame] = await comments.first(1);
  assert.equal(JSON.parse(frame.data).new_record.message, 'meanwhile');
});

scenario('the publication is there before the slot is made: decoding looks at the catalog of then', async (scene) => {
  const server = await scene.postgres({ log_statement: 'ddl', log_replication_commands: 'on' });
  const db = await scene.database({ server, files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables, slot: { plugin: 'pgoutput' } });
  const log = readFileSync(server.log, 'utf8').split('\n');
  const said = (what) => log.findIndex((line) => line.includes(what) && line.includes(walpiper.config.publication));
  const made = [said('CREATE PUBLICATION'), said('CREATE_REPLICATION_SLOT')];
  assert.ok(made[0] >= 0 && made[0] < made[1], `publication and slot are in lines ${made} of the server's log`);
});

scenario('a publication that is dropped under pgoutput: DOWN with one error and its mend, not a storm of tries; slot drop mends it', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables, slot: { plugin: 'pgoutput' } });
  const comments = await walpiper.subscribe('/streams/comments');
  const write = (message) => db.query('INSERT INTO comments (post_id, message) VALUES (1, $1)', [message]);
  const lines = (pattern) => walpiper.logText().split('\n').filter((line) => pattern.test(line));
  await db.query(`DROP PUBLICATION ${walpiper.config.publication}`);
  await write('undecodable');
  const isDown = async () => {
    const health = await walpiper.request('/manage/health');
    return health.status === 503 && /publication.*does not exist.*run walpiper slot drop/.test(health.body);
  };
  await until('it is DOWN for the publication', isDown);
  await until('the slot is idle', async () => (await stateOf(db, walpiper)).pid === null);
  await until('slot drop finds the slot idle', async () => (await run(binary, ['slot', 'drop', '-c', walpiper.file])).code === 0);
  await until('the slot is made anew', () => lines(/created with/).length === 2);
  await walpiper.healthy();
  await write('after');
  const frame = await comments.find('the event behind the reset', (f) => f.event === 'insert');
  assert.equal(JSON.parse(frame.data).new_record.message, 'after');
  assert.equal(lines(/level=error.*run walpiper slot drop/).length, 1, walpiper.logText());
  assert.ok(lines(/streaming/).length < 10, walpiper.logText());
});

scenario('a slot that was moved forward while walpiper was away: a new epoch, a warning, and a reset for who knew the old one', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const write = (message) => db.query('INSERT INTO comments (post_id, message) VALUES (1, $1)', [message]);
  const before = await walpiper.subscribe('/streams/comments');
  await write('before');
  const [frame] = await before.first(1);
  await walpiper.stop();
  await write('unseen');
  await db.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [walpiper.slot]);
  await walpiper.start();
  const warnings = walpiper.logText().split('\n').filter((line) => /level=warn.*moved past the end of the journal.*epoch [0-9a-f]{8} begins/.test(line));
  assert.equal(warnings.length, 1, walpiper.logText());
  const again = await walpiper.subscribe('/streams/comments', { lastEventId: frame.id });
  await write('after');
  const [reset, next] = await again.first(2);
  assert.equal(reset.event, 'reset');
  assert.equal(JSON.parse(reset.data).reason, 'epoch');
  assert.equal(JSON.parse(next.data).new_record.message, 'after');
  assert.notEqual(next.id.slice(0, 8), frame.id.slice(0, 8));
});

for (const plugin of plugins) {
  scenario(`${plugin}: an idle database lets WAL go while others are written to, and tables of its own that are not marked`, async (scene) => {
    const db = await scene.database();
    const other = await scene.database();
    const walpiper = await scene.walpiper(db, { slot: { plugin } });
    for (const noisy of [other, db]) {
      await noisy.query('CREATE TABLE noise AS SELECT n, repeat($$x$$, 500) AS t FROM generate_series(1, 20000) n');
      const lsn = number(await noisy.value('SELECT pg_current_wal_lsn()::text'));
      // restart_lsn moves to where the server has written down which transactions are open.
      const letGo = async () => {
        await noisy.query('CHECKPOINT');
        return (await stateOf(db, walpiper)).restart >= lsn;
      };
      await until(`the slot needs no WAL from before the noise in ${noisy.name}`, letGo, { interval: 300 });
    }
    assert.deepEqual(await capturedEvents(walpiper), []);
  });

  scenario(`${plugin}: a keepalive in the middle of a transaction is not confirmed, and a kill there loses nothing`, async (scene) => {
    const db = await scene.database();
    await db.query('CREATE TABLE rows (id int PRIMARY KEY)');
    const mangler = await Mangler.before(scene, db.server);
    const walpiper = await scene.walpiper(db, { ...rows, slot: { plugin }, database: { url: mangler.url(db.name) } });
    const commit = plugin === 'wal2json' ? /^\{"action":"C"/ : /^C/;
    let held = false;
    let behind; // the end of the transaction
    // In place of the commit come keepalives that stand behind it.
    mangler.mangle = (content) => {
      const isCommit = content[0] === 0x77 && commit.test(content.subarray(25).toString('latin1'));
      // wal2json tells of the commit of the noise, too.
      if (!held && !(behind !== undefined && isCommit)) return content;
      held = true;
      const keepalive = Buffer.alloc(18, 0);
      keepalive.write('k');
      keepalive.writeBigUInt64BE(behind, 1);
      keepalive[17] = 1; // a reply is wanted
      return keepalive;
    };
    const writer = await db.connect();
    await writer.query('BEGIN; INSERT INTO rows SELECT generate_series(1, 3)');
    await db.query('CREATE TABLE noise AS SELECT generate_series(1, 1000)');
    const open = number(await db.value('SELECT pg_current_wal_insert_lsn()::text'));
    behind = open + 0x100000n;
    await writer.query('COMMIT');
    writer.release();
    await until('the commit is held back', () => held);
    await keepsReplying(db, walpiper, 3);
    const { confirmed } = await stateOf(db, walpiper);
    assert.ok(confirmed <= open, `${confirmed} is confirmed, the commit is behind ${open}`);
    await walpiper.kill();
    mangler.mangle = (content) => content;
    await walpiper.start();
    await hasRows(walpiper, 3);
  });
}

/** A disk of SIZE that outlives the processes that are started on it with `wrapper`. */
async function smallDisk(scene, size) {
  const directory = scene.directory();
  const holder = startChild('unshare', ['--mount', 'sh', '-c', `mount -t tmpfs -o size=${size} none "$0" && touch "$0/made" && exec sleep infinity`, directory], {
    log: `${scene.directory()}/holder.log`,
  });
  scene.defer(() => holder.kill('SIGKILL'));
  const wrapper = ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`];
  const inside = async (...command) => run(wrapper[0], [...wrapper.slice(1), ...command]);
  await until('the disk is there', async () => (await inside('test', '-e', `${directory}/made`)).code === 0);
  return { directory, wrapper, inside };
}

for (const plugin of plugins) {
  scenario(`${plugin}: a journal that cannot be written to: nothing of it is confirmed, the session lives on, a kill loses nothing`, { skip: namesUnavailable() }, async (scene) => {
    const db = await scene.database();
    await db.query('CREATE TABLE rows (id int PRIMARY KEY, filler text)');
    const disk = await smallDisk(scene, '40m');
    const walpiper = scene.unstarted(db, { ...rows, slot: { plugin }, journal: { path: `${disk.directory}/journal` } });
    walpiper.wrapper = disk.wrapper;
    await walpiper.start();
    await disk.inside('sh', '-c', `cat /dev/zero > ${disk.directory}/full`); // until there is no room
    const lsn = number(await db.value('SELECT pg_current_wal_insert_lsn()::text'));
    // What does not shrink: first little, which is taken whole, then more than walpiper takes ahead of its disk.
    const filler = `(SELECT string_agg(md5(n::text || m), '') FROM generate_series(1, 900) m)`;
    await db.query(`INSERT INTO rows SELECT n, ${filler} FROM generate_series(1, 20) n`);
    await until('it is DOWN for the journal', async () => /journal/.test((await walpiper.request('/manage/health')).body));
    await keepsReplying(db, walpiper, 5); // its wal_sender_timeout is 3.5 s
    await db.query(`INSERT INTO rows SELECT n, ${filler} FROM generate_series(21, 1000) n`);
    await keepsReplying(db, walpiper, 5);
    const { confirmed } = await stateOf(db, walpiper);
    assert.ok(confirmed <= lsn, `${confirmed} is confirmed, the first row is behind ${lsn}`);
    await walpiper.kill();
    await disk.inside('sh', '-c', `rm ${disk.directory}/full && mount -o remount,size=300m ${disk.directory}`);
    await walpiper.start();
    const stream = await walpiper.subscribe('/streams/rows', { lastEventId: 'earliest' });
    const ids = (await stream.first(1000)).map((frame) => JSON.parse(frame.data).new_record.id);
    assert.deepEqual(ids, Array.from({ length: 1000 }, (_, n) => n + 1));
  });
}

scenario('types and defaults that need quotes are no trouble to the JSON of wal2json', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE SCHEMA "odd ""schema\\"; CREATE TYPE "odd ""schema\\"."the ""type\\" AS ENUM ('a');
    CREATE TABLE rows (id int PRIMARY KEY DEFAULT length('"\\'), e "odd ""schema\\"."the ""type\\" DEFAULT 'a',
      es "odd ""schema\\"."the ""type\\"[] DEFAULT '{a}', t text DEFAULT E'quote " backslash \\\\ line\\n', v varchar(9) DEFAULT concat('"', chr(92)),
      j jsonb DEFAULT '{"a": "\\""}', a text[] DEFAULT ARRAY['"', '\\'], n numeric(9,2) DEFAULT 1.5);
    ALTER TABLE rows REPLICA IDENTITY FULL`);
  const walpiper = await scene.walpiper(db, { ...rows, slot: { plugin: 'wal2json' } });
  const row = await db.value('INSERT INTO rows DEFAULT VALUES RETURNING to_jsonb(rows)');
  await db.query('UPDATE rows SET id = 3; DELETE FROM rows');
  const [inserted, updated, deleted] = (await capturedEvents(walpiper)).map((text) => JSON.parse(text));
  assert.deepEqual(inserted.new_record, row);
  assert.deepEqual([updated.new_record, updated.changes], [{ ...row, id: 3 }, { id: { old_value: 2, new_value: 3 } }]);
  assert.deepEqual(deleted.old_record, { ...row, id: 3 });
  assert.equal(inserted.source.columns.e, 'the "type\\');
});

scenario('settings of role, database and environment change no byte of an event', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE rows (id int PRIMARY KEY, tz timestamptz, ts timestamp, d date, t timetz, i interval, b bytea, f4 float4, f8 float8,
    tzs timestamptz[], ivs interval[], bs bytea[], fs float8[], r tstzrange, te text)`);
  const settings = {
    ...{ datestyle: 'German, DMY', intervalstyle: 'sql_standard', timezone: 'Asia/Kolkata', bytea_output: 'escape', extra_float_digits: '-15' },
    ...{ client_encoding: 'LATIN1', standard_conforming_strings: 'off', backslash_quote: 'off', search_path: 'nowhere', quote_all_identifiers: 'on' },
  };
  await db.query('CREATE ROLE odd LOGIN SUPERUSER REPLICATION');
  scene.defer(() => db.query('DROP OWNED BY odd; DROP ROLE odd'));
  const setAll = (whose) => Object.entries(settings).map(([key, value]) => `ALTER ${whose} SET ${key} = '${value}'`).join('; ');
  const url = db.url.replace('user=postgres', 'user=odd');
  const walpipers = [];
  const start = async (name, database, env) => {
    const walpiper = scene.unstarted(db, { ...rows, publication: 'one', slot: { name, plugin: name.replace(/_.*/, '') }, database });
    Object.assign(walpiper.env, env);
    walpipers.push(await walpiper.start());
  };
  for (const plugin of plugins) await start(`${plugin}_plain`, {});
  await db.query(setAll('ROLE odd'));
  for (const plugin of plugins) await start(`${plugin}_role`, { url });
  await db.query(`ALTER ROLE odd RESET ALL; ${setAll(`DATABASE ${db.name}`)}`);
  for (const plugin of plugins) await start(`${plugin}_database`, { url });
  await db.query(`ALTER DATABASE ${db.name} RESET ALL`);
  const options = Object.entries(settings).map(([key, value]) => `-c ${key}=${value.replace(' ', '\\ ')}`).join(' ');
  const environment = { PGOPTIONS: options, PGTZ: 'Asia/Tokyo', PGDATESTYLE: 'SQL', PGCLIENTENCODING: 'LATIN1' };
  for (const plugin of plugins) await start(`${plugin}_environment`, {}, environment);
  const client = await db.connect();
  await client.query(`SET timezone = 'UTC'`);
  const moment = '2026-08-07 13:13:30.123456+05:30';
  await client.query(`INSERT INTO rows VALUES (1, '${moment}', '${moment}', '${moment}', '13:13:30+02', '1 year -2 mons 3 days -04:05:06.7', '\\x5c00ff27',
      0.1, 0.1::float8 + 0.2, '{${moment}}', '{1 year -2 days}', '{"\\\\x00ff"}', '{0.30000000000000004}', '[${moment},)', E'ключ \\\\ '' "')`);
  const row = (await client.query('SELECT to_jsonb(rows) AS row FROM rows')).rows[0].row;
  client.release();
  await db.query('UPDATE rows SET id = 2; DELETE FROM rows');
  const captures = [];
  for (const walpiper of walpipers) captures.push(await capturedEvents(walpiper));
  assert.deepEqual(JSON.parse(captures[0][0]).new_record, row);
  captures.forEach((events, n) => assert.deepEqual(events, captures[0], walpipers[n].slot));
});

scenario('in a pipeline, what fails in the middle or only at the commit fails its own id: nothing of it stays, the others go on', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE owners (id int PRIMARY KEY); CREATE TABLE things (id int PRIMARY KEY, owner int); CREATE TABLE runs (id int);
    CREATE TABLE copies (id int PRIMARY KEY, owner int CHECK (owner <> 9) REFERENCES owners DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO owners VALUES (1)`);
  const operator = {
    ...{ name: 'copies', target: 'copies', target_id: 'id', events: ['insert', 'update', 'delete'], tables: { things: 'id' } },
    query: `WITH run AS (INSERT INTO runs VALUES ($1)) INSERT INTO copies SELECT id, owner FROM things WHERE id = $1
            ON CONFLICT (id) DO UPDATE SET owner = excluded.owner`,
  };
  const walpiper = await scene.walpiper(db, { tables: [{ name: 'public.things' }], operators: [operator], retry: { max_retries: 1 } });
  await until('the ids of the first start are computed', () => /every id is computed/.test(walpiper.logText()));
  const parked = () => db.query('SELECT id, sqlstate FROM walpiper.parked ORDER BY id');
  const ids = async (table) => (await db.query(`SELECT id FROM ${table} ORDER BY id`)).map((row) => row.id);
  const all = Array.from({ length: 30 }, (_, n) => n + 1);
  // Each as one batch: one that fails at the commit alone, and one that fails before it too.
  await db.query('INSERT INTO things SELECT n, CASE n WHEN 5 THEN 2 ELSE 1 END FROM generate_series(1, 10) n');
  await until('5 is parked', async () => (await parked()).length === 1);
  await db.query('INSERT INTO things SELECT n, CASE n WHEN 15 THEN 9 WHEN 20 THEN 2 ELSE 1 END FROM generate_series(11, 30) n');
  await until('15 and 20 are parked', async () => (await parked()).length === 3);
  assert.deepEqual(await parked(), [{ id: '15', sqlstate: '23514' }, { id: '20', sqlstate: '23503' }, { id: '5', sqlstate: '23503' }]);
  const good = all.filter((n) => ![5, 15, 20].includes(n));
  assert.deepEqual([await ids('copies'), await ids('runs')], [good, good]);
});
