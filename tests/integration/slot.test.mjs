// The slot: it holds WAL back no longer than it must, and never lets go of what is not on disk.
import { assert, knowsPluginList, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';

function slotOf(db, walpiper) {
  return db
    .query(
      `SELECT slot_name, plugin, slot_type, temporary, active, wal_status,
              confirmed_flush_lsn::text AS confirmed, restart_lsn::text AS restart
       FROM pg_replication_slots WHERE slot_name = $1`,
      [walpiper.slot],
    )
    .then((rows) => rows[0]);
}

function confirmedUpTo(db, walpiper, lsn, timeout = 30_000) {
  return until(
    `the slot is confirmed up to ${lsn}`,
    () =>
      db.value(
        `SELECT confirmed_flush_lsn >= $2::text::pg_lsn FROM pg_replication_slots WHERE slot_name = $1`,
        [walpiper.slot, lsn],
      ),
    { timeout },
  );
}

const currentLsn = (db) => db.value('SELECT pg_current_wal_lsn()::text');

scenario('publication and slot are created as configured, for the listed tables only', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const slot = await slotOf(db, walpiper);
  assert.deepEqual([slot.plugin, slot.slot_type, slot.temporary], ['wal2json', 'logical', false]);
  const published = await db.query(
    `SELECT schemaname || '.' || tablename AS name FROM pg_publication_tables
     WHERE pubname = $1 ORDER BY 1`,
    [walpiper.config.publication],
  );
  assert.deepEqual(published.map((row) => row.name), ['public.comments', 'public.events', 'public.posts']);
  const all = await db.value('SELECT bool_or(puballtables) FROM pg_publication');
  assert.equal(all, false);
});

scenario('an idle database is confirmed by keepalives', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  await db.query(`SELECT pg_switch_wal()`);
  const lsn = await currentLsn(db);
  await confirmedUpTo(db, walpiper, lsn);
});

scenario('traffic of tables that are not marked lets WAL go', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  await db.query('CREATE TABLE noise AS SELECT n, repeat($$x$$, 500) AS t FROM generate_series(1, 50000) n');
  await db.query('UPDATE noise SET n = n + 1');
  const lsn = await currentLsn(db);
  await confirmedUpTo(db, walpiper, lsn, 60_000);
  const { restart } = await slotOf(db, walpiper);
  await db.query('CHECKPOINT');
  await until('restart_lsn follows', async () => (await slotOf(db, walpiper)).restart !== restart);
});

scenario('an event is confirmed soon after it is on disk, and is there after a kill', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  await db.query(`INSERT INTO comments (post_id, message) SELECT 1, n FROM generate_series(1, 1000) n`);
  const lsn = await currentLsn(db);
  await confirmedUpTo(db, walpiper, lsn);
  // Confirmed: the server will not send it again. So it must be in the journal, whatever happens.
  await walpiper.kill();
  await walpiper.start();
  const stream = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
  const events = await stream.first(1000);
  assert.equal(JSON.parse(events[999].data).new_record.message, '1000');
});

scenario('a transaction that is open is not confirmed away', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const open = await db.connect();
  await open.query('BEGIN');
  await open.query(`INSERT INTO comments (post_id, message) VALUES (1, 'long')`);
  await db.query(`INSERT INTO events (type, subscriber, payload) VALUES ('x', 'toto', '1')`);
  await confirmedUpTo(db, walpiper, await currentLsn(db));
  await walpiper.kill();
  await open.query('COMMIT');
  open.release();
  await walpiper.start();
  const stream = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
  const [frame] = await stream.first(1);
  assert.equal(JSON.parse(frame.data).new_record.message, 'long');
});

scenario('a subscriber that does not read never holds WAL back', { timeout: 180_000 }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const slow = await walpiper.subscribe('/streams/comments', { keep: false });
  slow.response.pause();
  await db.query(`INSERT INTO comments (message) SELECT repeat('x', 1000) FROM generate_series(1, 50000) n`);
  await confirmedUpTo(db, walpiper, await currentLsn(db), 120_000);
});

// What is written after the first UP must be captured. A slot waits for the transactions that are open
// when it is made, so that here it cannot be there yet.
scenario('health is not UP before the slot streams', async (scene) => {
  const db = await scene.database();
  const open = await db.connect();
  for (let start = 0; start < 10; start++) {
    await open.query('BEGIN; SELECT pg_current_xact_id()');
    const walpiper = scene.unstarted(db);
    await walpiper.launch();
    for (let answers = 0; answers < 10; ) {
      const health = await walpiper.request('/manage/health').catch(() => null); // not listening yet
      if (!health) continue;
      assert.equal(health.status, 503, health.body);
      answers++;
    }
    await open.query('COMMIT');
    await walpiper.healthy();
    assert.equal((await slotOf(db, walpiper)).active, true);
    await walpiper.stop();
    await until('the slot is idle', async () => !(await slotOf(db, walpiper)).active);
    await db.dropSlots();
  }
  open.release();
});

scenario('started while the server is away: DOWN, and UP once it is there', async (scene) => {
  const server = await scene.postgres();
  const db = await scene.database({ server });
  await server.stop();
  const walpiper = scene.unstarted(db);
  await walpiper.launch();
  await until('health is DOWN', async () => {
    const health = await walpiper.request('/manage/health').catch(() => null);
    return health?.status === 503 && JSON.parse(health.body).status === 'DOWN';
  });
  await server.start();
  await walpiper.healthy();
});

scenario('wal2json not permitted: one clear error with the mend', { skip: !knowsPluginList() }, async (scene) => {
  const server = await scene.postgres({ output_plugin_libraries: 'pgoutput, test_decoding' });
  const db = await scene.database({ server, files: blogFiles });
  const walpiper = scene.unstarted(db, { ...blog, slot: { plugin: 'wal2json' } });
  const { code, log } = await walpiper.refuse();
  assert.equal(code, 1);
  const told = log.split('\n').filter((line) => line.includes('output_plugin_libraries'));
  assert.equal(told.length, 1, log);
  assert.match(told[0], /ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, wal2json/);
  assert.match(told[0], /reload/);
});

scenario('a server that is not set up says what to set', async (scene) => {
  const server = await scene.postgres({ wal_level: 'replica' });
  const db = await scene.database({ server });
  const { code, log } = await scene.unstarted(db).refuse();
  assert.equal(code, 1);
  assert.match(log, /wal_level/);
  assert.match(log, /logical/);
});

scenario('a table that does not exist, or a missing events table, is refused by name', async (scene) => {
  const db = await scene.database();
  const missing = await scene.unstarted(db, { tables: [{ name: 'public.nothing' }] }).refuse();
  assert.equal(missing.code, 1);
  assert.match(missing.log, /nothing/);
  await db.query('DROP TABLE events');
  const events = await scene.unstarted(db).refuse();
  assert.equal(events.code, 1);
  assert.match(events.log, /sql\/schema\.sql/);
});

scenario('a temporary slot leaves nothing on the server', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables, slot: { durable: false } });
  const stream = await walpiper.subscribe('/streams/comments');
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'a')`);
  await stream.first(1);
  await walpiper.stop();
  await until('no slot is left', async () => (await slotOf(db, walpiper)) === undefined);
});

scenario('a standby waits for the slot, and takes it when its holder is killed or merely stopped', async (scene) => {
  const db = await scene.database();
  const first = await scene.walpiper(db);
  const second = scene.unstarted(db);
  await second.launch();
  await until('the standby waits', async () => {
    const answer = await second.request('/manage/health').catch(() => null);
    return answer?.status === 503 && /is being read by process/.test(answer.body);
  });
  first.child.kill('SIGSTOP');
  scene.defer(() => first.child.kill('SIGCONT'));
  await second.healthy();
  const feed = await second.events('toto');
  await db.query(`INSERT INTO events (type, subscriber, payload) VALUES ('insert', 'toto', '{"n": 1}')`);
  assert.equal((await feed.find('the row', (f) => f.event === 'insert')).data, '{"n":1}');
  // The one that was stopped finds that it has lost the slot, and waits in its turn.
  first.child.kill('SIGCONT');
  await until('the first waits', async () => {
    const answer = await first.request('/manage/health').catch(() => null);
    return answer?.status === 503 && /is being read by process/.test(answer.body);
  });
  await second.kill();
  await first.healthy();
});
