// walpiper mark, unmark and slot drop: they do what they say, say what they did, and refuse by name.
import { assert, binary, run, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';

/** Runs a command with the configuration of WALPIPER: {code, stdout, stderr}. */
async function command(walpiper, ...words) {
  await walpiper.configure();
  return run(binary, [...words, '-c', walpiper.file]);
}

async function done(walpiper, ...words) {
  const result = await command(walpiper, ...words);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stderr, '');
  assert.match(result.stdout, /^.+\n$/);
  return result.stdout;
}

async function failed(walpiper, ...words) {
  const result = await command(walpiper, ...words);
  assert.equal(result.code, 1, result.stdout);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, /^walpiper: .+; .+\n$/);
  return result.stderr;
}

const published = (db, walpiper) =>
  db
    .query(
      `SELECT schemaname || '.' || tablename AS name FROM pg_publication_tables
       WHERE pubname = $1 ORDER BY 1`,
      [walpiper.config.publication],
    )
    .then((rows) => rows.map((row) => row.name));

const identity = (db, table) =>
  db.value('SELECT relreplident FROM pg_class WHERE oid = $1::regclass', [table]);

scenario('mark makes the publication, then adds to it; unmark takes out; again is no failure', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = scene.unstarted(db);
  assert.match(await done(walpiper, 'mark', 'posts'), /public\.posts.*new publication walpiper_/);
  assert.match(await done(walpiper, 'mark', 'public.comments'), /public\.comments: added to/);
  assert.deepEqual(await published(db, walpiper), ['public.comments', 'public.posts']);
  assert.match(await done(walpiper, 'mark', 'posts'), /already in/);
  assert.equal(await identity(db, 'posts'), 'd');
  assert.match(await done(walpiper, 'mark', '--full', 'posts'), /already in.*identity is full/);
  assert.equal(await identity(db, 'posts'), 'f');
  assert.match(await done(walpiper, 'unmark', 'posts'), /public\.posts: dropped from/);
  assert.deepEqual(await published(db, walpiper), ['public.comments']);
  assert.match(await done(walpiper, 'unmark', 'posts'), /is not in/);
});

for (const plugin of ['wal2json', 'pgoutput']) {
  scenario(`${plugin}: what is written as soon as mark has ended is captured by the running service`, async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const walpiper = await scene.walpiper(db, { slot: { plugin } });
    for (const table of ['posts', 'comments']) {
      const said = await done(walpiper, 'mark', table);
      assert.doesNotMatch(said, /not taken it up/);
      await db.query(table === 'posts' ? `INSERT INTO posts (id, title) VALUES (77, 'at once')` : `INSERT INTO comments (id, message) VALUES (77, 'at once')`);
    }
    for (const table of ['posts', 'comments']) {
      const stream = await walpiper.subscribe(`/streams/${table}/77`, { lastEventId: 'earliest' });
      await stream.until(`the first row of ${table}`, () => stream.received >= 1);
    }
  });
}

scenario('names with capitals, dots, spaces and quotes', async (scene) => {
  const db = await scene.database();
  const walpiper = scene.unstarted(db);
  await db.query(`CREATE SCHEMA "a.b"; CREATE TABLE "a.b"."It's ""it""" (id int PRIMARY KEY)`);
  await done(walpiper, 'mark', '"a.b"."It\'s ""it"""', '--full');
  assert.deepEqual(await published(db, walpiper), ['a.b.It\'s "it"']);
  await done(walpiper, 'unmark', '"a.b"."It\'s ""it"""');
  assert.deepEqual(await published(db, walpiper), []);
});

scenario('a partitioned table is full with all its leaves', async (scene) => {
  const db = await scene.database();
  const walpiper = scene.unstarted(db);
  await db.query(`CREATE TABLE p (id int) PARTITION BY RANGE (id);
                  CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)`);
  assert.match(await failed(walpiper, 'mark', 'p'), /public\.p: has no replica identity.*--full/);
  await done(walpiper, 'mark', 'p', '--full');
  assert.deepEqual([await identity(db, 'p'), await identity(db, 'p1')], ['f', 'f']);
  await db.query('INSERT INTO p VALUES (1); UPDATE p SET id = 2');
});

// Published, it would refuse the UPDATE and DELETE of the application.
scenario('a table without replica identity is only marked with --full', async (scene) => {
  const db = await scene.database();
  const walpiper = scene.unstarted(db);
  await db.query('CREATE TABLE bare (n int); INSERT INTO bare VALUES (1)');
  assert.match(await failed(walpiper, 'mark', 'bare'), /no replica identity.*--full/);
  assert.deepEqual(await published(db, walpiper), []);
  await db.query('UPDATE bare SET n = 2');
  await done(walpiper, 'mark', 'bare', '--full');
  await db.query('UPDATE bare SET n = 3');
  await db.query('ALTER TABLE bare REPLICA IDENTITY NOTHING');
  assert.match(await failed(walpiper, 'mark', 'bare'), /no replica identity/);
});

scenario('unmark says that a configured table comes back', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = scene.unstarted(db, blog);
  await done(walpiper, 'mark', 'comments');
  assert.match(await done(walpiper, 'unmark', 'comments'), /dropped from.*lists it.*next start marks it again/);
  await done(walpiper, 'mark', 'events');
  assert.match(await done(walpiper, 'unmark', 'events'), /next start marks it again/);
});

scenario('what cannot be done is refused in one line', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = scene.unstarted(db);
  assert.match(await failed(walpiper, 'mark', 'nothing'), /public\.nothing: there is no such table/);
  assert.match(await failed(walpiper, 'unmark', 'nothing'), /public\.nothing: there is no such table/);
  assert.match(await failed(walpiper, 'mark', 'a.b.c'), /a\.b\.c/);
  await db.query('CREATE VIEW v AS SELECT 1 AS n');
  assert.match(await failed(walpiper, 'mark', 'v'), /public\.v/);
  await db.query(`CREATE PUBLICATION ${walpiper.config.publication} FOR ALL TABLES`);
  assert.match(await done(walpiper, 'mark', 'posts'), /already in/);
  assert.match(await failed(walpiper, 'unmark', 'posts'), /for all tables/);
});

scenario('a role without the right gets the SQL for one who has it; no password is shown', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const role = `limited_${db.name}`;
  await db.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'sesame'`);
  const url = db.url.replace('user=postgres', `user=${role}&password=sesame`);
  const walpiper = scene.unstarted(db, { database: { url } });
  const told = await failed(walpiper, 'mark', 'posts');
  assert.match(told, /CREATE PUBLICATION "walpiper_test\d+" FOR TABLE "public"\."posts"/);
  assert.doesNotMatch(told, /sesame/);
  const away = scene.unstarted(db, {
    database: { url: 'postgresql://x:sesame@/none?host=/nowhere' },
  });
  assert.doesNotMatch(await failed(away, 'mark', 'posts'), /sesame/);
  const broken = scene.unstarted(db, { database: { url: 'postgresql://x:sesame@[/none' } });
  assert.doesNotMatch(await failed(broken, 'slot', 'drop'), /sesame/);
  await db.query(`DROP ROLE ${role}`);
});

scenario('slot drop: refused while it is read, then the next start begins a new epoch', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const stream = await walpiper.subscribe('/streams/comments');
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'a')`);
  const [frame] = await stream.first(1);
  const drop = () => run(binary, ['slot', 'drop', '-c', walpiper.file]);
  const pid = await db.value('SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot]);
  const refused = await drop();
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, new RegExp(`slot ${walpiper.slot}: process ${pid} .*; stop`));
  await walpiper.stop();
  await until('the slot is free', () =>
    db.value('SELECT NOT active FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot]),
  );
  const dropped = await drop();
  assert.equal(dropped.code, 0, dropped.stderr);
  assert.match(dropped.stdout, /dropped.*next start.*new epoch/);
  assert.equal(await db.value('SELECT count(*)::int FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot]), 0);
  const again = await drop();
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /does not exist any more.*next start.*new epoch/);
  await walpiper.start();
  const after = await walpiper.subscribe('/streams/comments', { lastEventId: frame.id });
  const reset = await after.find('a reset', (f) => f.event === 'reset');
  assert.equal(JSON.parse(reset.data).reason, 'epoch');
});

scenario("slot drop leaves another database's slot alone", async (scene) => {
  const db = await scene.database();
  const other = await scene.database();
  const walpiper = scene.unstarted(db);
  await other.query(`SELECT pg_create_logical_replication_slot($1, 'test_decoding')`, [walpiper.slot]);
  assert.match(await failed(walpiper, 'slot', 'drop'), new RegExp(`belongs to database ${other.name}`));
  assert.equal((await other.query('SELECT FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot])).length, 1);
});

scenario('wrong usage is 2', async (scene) => {
  const db = await scene.database();
  const walpiper = scene.unstarted(db);
  for (const words of [['mark'], ['unmark', 'a', '--full'], ['slot'], ['slot', 'make'], ['mark', 'a', 'b']]) {
    const { code, stderr } = await command(walpiper, ...words);
    assert.equal(code, 2, words.join(' '));
    assert.match(stderr, /^walpiper: .+\n$/);
  }
});
