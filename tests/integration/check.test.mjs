// walpiper check: says what is in the way before the service is started, with the SQL that mends it;
// that SQL, run as it stands, does mend it; and nothing is changed by looking.
import { existsSync } from 'node:fs';
import pg from 'pg';
import { assert, binary, knowsPluginList, run, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';

/** {code, findings} of `walpiper check --json`. */
async function check(walpiper) {
  await walpiper.configure();
  const { code, stdout, stderr } = await run(binary, ['check', '--json', '-c', walpiper.file]);
  assert.equal(stderr, '');
  const findings = JSON.parse(stdout);
  for (const row of findings) {
    assert.deepEqual(Object.keys(row), ['level', 'object', 'text', 'mend']);
    assert.match(row.level, /^(ok|warning|error)$/);
    if (row.level !== 'ok') assert.ok(row.mend, `no mend: ${JSON.stringify(row)}`);
  }
  assert.equal(code, findings.some((row) => row.level === 'error') ? 1 : 0);
  return { code, findings, text: stdout };
}

const bad = (result) => result.findings.filter((row) => row.level !== 'ok');

/** The only finding with LEVEL whose object and text match. */
function only(result, level, object, text) {
  const found = result.findings.filter(
    (row) => row.level === level && row.object.startsWith(object) && text.test(row.text),
  );
  assert.equal(found.length, 1, `${level} ${object} ${text}: ${JSON.stringify(result.findings, null, 1)}`);
  return found[0];
}

const everything = (db) =>
  db.value(
    `SELECT json_build_object(
       'slots', (SELECT json_agg(s.slot_name ORDER BY 1) FROM pg_replication_slots s),
       'publications', (SELECT json_agg(p ORDER BY p.oid) FROM pg_publication p),
       'tables', (SELECT json_agg(json_build_array(c.oid, c.relreplident, c.relpages) ORDER BY c.oid)
                  FROM pg_class c WHERE c.oid > 16383),
       'schemas', (SELECT json_agg(n.nspname ORDER BY n.oid) FROM pg_namespace n))::text`,
  );

scenario('a fresh set-up is fine, and is as it was after the look', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = scene.unstarted(db, blog);
  const before = await everything(db);
  const result = await check(walpiper);
  assert.deepEqual(bad(result), []);
  only(result, 'ok', 'server', /PostgreSQL 1/);
  only(result, 'ok', 'plugin', /wal2json/);
  only(result, 'ok', 'publication', /does not exist, the service makes it/);
  only(result, 'ok', 'slot', /does not exist, the service makes it/);
  only(result, 'ok', 'table public.comments', /full/);
  only(result, 'ok', 'table public.posts', /key/);
  only(result, 'ok', 'operator post_with_comments_counts', /can run/);
  only(result, 'ok', 'schema walpiper', /makes/);
  assert.equal(await everything(db), before);
  assert.equal(existsSync(walpiper.config.journal.path), false);
});

scenario('lines for people: one a finding', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = scene.unstarted(db, { tables: [{ name: 'public.nothing' }] });
  await walpiper.configure();
  const { code, stdout, stderr } = await run(binary, ['check', '-c', walpiper.file]);
  assert.equal(code, 1);
  assert.equal(stderr, '');
  for (const line of stdout.trimEnd().split('\n')) assert.match(line, /^(ok|warning|error) +[^:]+: .+$/);
  assert.match(stdout, /^error {4}table public\.nothing: does not exist; create it/m);
});

scenario('while the service runs, and after it', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  await db.query(`INSERT INTO posts (title) VALUES ('a')`);
  const running = await check(walpiper);
  assert.deepEqual(bad(running), []);
  only(running, 'ok', 'slot', /process \d+ of the server reads it/);
  only(running, 'ok', 'slot', /wal2json, holds back \d+ bytes/);
  only(running, 'ok', 'journal', /in use by a running service/);
  only(running, 'ok', 'publication', /has all configured tables/);
  await walpiper.stop();
  const stopped = await check(walpiper);
  assert.deepEqual(bad(stopped), []);
  only(stopped, 'ok', 'journal', /goes on where the journal ends/);
  only(stopped, 'ok', 'schema walpiper', /has the tables/);
  await walpiper.start();
});

scenario('journal and slot that do not belong together', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  await walpiper.stop();
  await db.query(`INSERT INTO posts (title) VALUES ('a')`);
  await db.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [walpiper.slot]);
  only(await check(walpiper), 'warning', 'journal', /moved past the end/);
  await db.query('SELECT pg_drop_replication_slot($1)', [walpiper.slot]);
  const gone = await check(walpiper);
  assert.match(only(gone, 'error', 'slot', /does not exist any more/).mend, /^walpiper slot drop.*slot\.recreate: true/);
  only(gone, 'ok', 'journal', /served as it is/);
  walpiper.config.slot.recreate = true;
  only(await check(walpiper), 'warning', 'journal', /made anew/);
  walpiper.config.slot.recreate = false;
  await walpiper.configure();
  assert.equal((await run(binary, ['slot', 'drop', '-c', walpiper.file])).code, 0);
  const dropped = await check(walpiper);
  only(dropped, 'ok', 'slot', /was dropped with walpiper slot drop at \d{4}-\d\d-\d\dT.*Z, the service makes a new one/);
  only(dropped, 'warning', 'journal', /made anew/);
  const other = await scene.database({ files: blogFiles });
  const config = { ...blog, journal: { path: walpiper.config.journal.path } };
  only(await check(scene.unstarted(other, config)), 'warning', 'journal', /another cluster, database or slot/);
});

scenario('a slot that a running service misses', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  await until('the slot is dropped', async () => {
    await db.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot]);
    return db.query('SELECT pg_drop_replication_slot($1)', [walpiper.slot]).then(() => true, () => false);
  });
  const result = await check(walpiper);
  assert.match(only(result, 'error', 'slot', /does not exist any more/).mend, /^walpiper slot drop/);
  only(result, 'ok', 'journal', /in use by a running service/);
});

scenario('a temporary slot is missing and the epoch new whenever walpiper is down: as configured', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables, slot: { durable: false } });
  await walpiper.stop();
  await until('the slot is gone', async () => (await db.query('SELECT FROM pg_replication_slots WHERE temporary')).length === 0);
  const result = await check(walpiper);
  only(result, 'ok', 'slot', /at each start/);
  only(result, 'ok', 'journal', /temporary/);
  assert.deepEqual(bad(result), []);
  await db.query(`SELECT pg_create_logical_replication_slot($1, 'wal2json')`, [walpiper.slot]);
  only(await check(walpiper), 'error', 'slot', /is there to stay, slot\.durable is false/);
});

scenario('tables: what is missing, not a table, not logged, or without identity', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE VIEW v AS SELECT 1 AS n; CREATE UNLOGGED TABLE u (id int PRIMARY KEY);
                  CREATE TABLE bare (n int); CREATE TABLE "No" (id int PRIMARY KEY);
                  ALTER TABLE "No" REPLICA IDENTITY NOTHING; CREATE TABLE other (n int);
                  CREATE TABLE good (id int, b int, PRIMARY KEY (id, b), f float8, a numeric[], n numeric(9,2))`);
  const tables = ['v', 'u', 'bare', 'No', 'nothing'].map((name) => ({ name }));
  tables.push({ name: 'good', id: 'idd', scopes: [{ id: 'ids', b: 'bs', post_id: 'posts' }] });
  const walpiper = scene.unstarted(db, { tables });
  await db.query(`CREATE PUBLICATION ${walpiper.config.publication} FOR TABLE other`);
  const result = await check(walpiper);
  only(result, 'error', 'table public.v', /is no table/);
  only(result, 'error', 'table public.nothing', /does not exist/);
  only(result, 'error', 'table public.good', /^id names column idd/);
  only(result, 'error', 'table public.good', /scopes names column post_id/);
  only(result, 'ok', 'values', /: public\.good\.f, public\.good\.n$/);
  const mends = [
    only(result, 'error', 'table public.u', /not logged/),
    only(result, 'error', 'table public.bare', /missing.*refuses UPDATE/),
    only(result, 'error', 'table public.No', /nothing.*refuses UPDATE/),
    only(result, 'error', 'table public.other', /missing/), // published by somebody else, streamed too
  ];
  for (const { mend } of mends) await db.query(mend.slice(mend.indexOf('ALTER TABLE')));
  await db.query('DROP VIEW v; CREATE TABLE v (id int PRIMARY KEY); CREATE TABLE nothing (LIKE v INCLUDING ALL)');
  walpiper.config.tables.at(-1).id = 'id';
  delete walpiper.config.tables.at(-1).scopes;
  assert.deepEqual(bad(await check(walpiper)), []);
  await walpiper.start();
});

scenario('of a partitioned table the leaves count', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE p (id int) PARTITION BY RANGE (id);
                  CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
                  ALTER TABLE p REPLICA IDENTITY FULL`);
  const walpiper = scene.unstarted(db, { tables: [{ name: 'p' }] });
  const { mend } = only(await check(walpiper), 'error', 'table public.p', /missing/);
  assert.match(mend, /ALTER TABLE "public"\."p1" REPLICA IDENTITY FULL/);
  await db.query(mend.slice(mend.indexOf('ALTER TABLE')));
  await db.query(`CREATE PUBLICATION ${walpiper.config.publication} FOR TABLE p`);
  const result = await check(walpiper);
  assert.deepEqual(bad(result), []);
  only(result, 'ok', 'table public.p', /full/); // the published leaf is not told again
});

scenario('the events table: columns, types, right, index', async (scene) => {
  const db = await scene.database();
  const walpiper = scene.unstarted(db);
  await db.query('DROP TABLE events');
  assert.match(only(await check(walpiper), 'error', 'table public.events', /does not exist/).mend, /schema\.sql/);
  await db.query(`CREATE TABLE events (id uuid PRIMARY KEY, type text, subscriber text, "timestamp" text)`);
  const result = await check(walpiper);
  only(result, 'error', 'table public.events', /column id is of type uuid/);
  only(result, 'error', 'table public.events', /column timestamp is of type text/);
  only(result, 'error', 'table public.events', /no column payload/);
  const { mend } = only(result, 'warning', 'table public.events', /no index/);
  await db.query(mend);
  await db.query(`DROP TABLE events`);
  await db.load('sql/schema.sql');
  assert.deepEqual(bad(await check(walpiper)), []);
});

scenario('the publication: filters, all tables, kinds of change', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = scene.unstarted(db, blog);
  const name = walpiper.config.publication;
  await db.query(`CREATE PUBLICATION ${name} FOR TABLE posts WHERE (id > 1), comments (id, post_id, message)
                  WITH (publish = 'insert')`);
  const result = await check(walpiper);
  only(result, 'ok', 'publication', /lacks 1 of the configured tables, the service adds them/);
  await db.query(only(result, 'warning', 'publication', /leaves out some/).mend.split(';')[0]);
  for (const table of [/public\.posts/, /public\.comments/]) {
    await db.query(only(result, 'error', 'publication', table).mend.split('; or')[0]);
  }
  assert.deepEqual(bad(await check(walpiper)), []);
  await db.query(`DROP PUBLICATION ${name}; CREATE PUBLICATION ${name} FOR ALL TABLES`);
  only(await check(walpiper), 'warning', 'publication', /FOR ALL TABLES/);
});

scenario('the slot: of another database, another plugin', async (scene) => {
  const db = await scene.database();
  const other = await scene.database();
  const walpiper = scene.unstarted(db);
  await other.query(`SELECT pg_create_logical_replication_slot($1, 'wal2json')`, [walpiper.slot]);
  only(await check(walpiper), 'error', 'slot', new RegExp(`belongs to database ${other.name}`));
  await other.query('SELECT pg_drop_replication_slot($1)', [walpiper.slot]);
  await db.query(`SELECT pg_create_logical_replication_slot($1, 'test_decoding')`, [walpiper.slot]);
  only(await check(walpiper), 'error', 'slot', /decodes with test_decoding/);
  await db.query('SELECT pg_drop_replication_slot($1)', [walpiper.slot]);
  await db.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [walpiper.slot]);
  walpiper.config.slot.plugin = 'wal2json';
  const { mend } = only(await check(walpiper), 'error', 'slot', /decodes with pgoutput, slot\.plugin is wal2json/);
  assert.match(mend, /walpiper slot drop/);
});

scenario('open transactions: the look does not wait for them, and says that the slot will', async (scene) => {
  const db = await scene.database();
  const walpiper = scene.unstarted(db);
  const open = await db.connect();
  await open.query('BEGIN; SELECT pg_current_xact_id()');
  const result = await check(walpiper);
  only(result, 'ok', 'plugin', /wal2json can be used/);
  only(result, 'warning', 'slot', /waits for the end of transactions/);
  await open.query('COMMIT');
  open.release();
  assert.deepEqual(bad(await check(walpiper)), []);
  const slots = await db.value(`SELECT count(*)::int FROM pg_replication_slots WHERE slot_name LIKE '%check%'`);
  assert.equal(slots, 0);
});

scenario('a journal that cannot be made', async (scene) => {
  const db = await scene.database();
  const walpiper = scene.unstarted(db);
  await walpiper.configure();
  const below = scene.unstarted(db, { journal: { path: `${walpiper.file}/journal` } });
  only(await check(below), 'error', 'journal', /Not a directory/);
});

const isRoot = process.getuid() === 0; // whom no permission stops

scenario('a journal that this user cannot make', { skip: isRoot }, async (scene) => {
  const db = await scene.database();
  const walpiper = scene.unstarted(db, { journal: { path: '/proc/a/journal' } });
  assert.match(only(await check(walpiper), 'error', 'journal', /cannot be made in \/proc/).mend, /journal\.path/);
});

scenario('a slot that the server has given up, or soon will', async (scene) => {
  const server = await scene.postgres({ max_slot_wal_keep_size: '1MB' });
  const db = await scene.database({ server });
  const walpiper = scene.unstarted(db);
  await db.query(`SELECT pg_create_logical_replication_slot($1, 'wal2json')`, [walpiper.slot]);
  await db.query('CREATE TABLE noise AS SELECT n, repeat($$x$$, 500) AS t FROM generate_series(1, 5000) n');
  const soon = only(await check(walpiper), 'warning', 'slot', /will be lost soon/);
  assert.match(soon.mend, /ALTER SYSTEM SET max_slot_wal_keep_size = '\d+MB'/);
  for (let i = 0; i < 4; i++) {
    await db.query('UPDATE noise SET n = n + 1; SELECT pg_switch_wal()');
    await db.query('CHECKPOINT');
  }
  assert.match(only(await check(walpiper), 'error', 'slot', /is lost/).mend, /^walpiper slot drop/);
  walpiper.config.slot.recreate = true;
  only(await check(walpiper), 'warning', 'slot', /is lost.*makes a new one/);
});

scenario('no free slots, no wal_level: what to set', async (scene) => {
  const server = await scene.postgres({ wal_level: 'replica', max_replication_slots: '1' });
  const db = await scene.database({ server });
  const walpiper = scene.unstarted(db);
  const { mend } = only(await check(walpiper), 'error', 'server', /wal_level is replica/);
  assert.match(mend, /^ALTER SYSTEM SET wal_level = logical/);
  await server.stop();
  await server.start({ wal_level: 'logical' });
  await db.query(`SELECT pg_create_physical_replication_slot('taken')`);
  assert.match(only(await check(walpiper), 'error', 'slot', /max_replication_slots/).mend, /^ALTER SYSTEM SET max_replication_slots = 11, then restart/);
  walpiper.config.slot.name = 'taken';
  only(await check(walpiper), 'error', 'slot', /of a standby server/);
});

scenario('all of max_wal_senders in use: told, and that the slot cannot be read', async (scene) => {
  const server = await scene.postgres({ max_wal_senders: '1' });
  const db = await scene.database({ server });
  const sender = new pg.Client({ connectionString: db.url, replication: 'database' });
  await sender.connect();
  scene.defer(() => sender.end());
  const walpiper = scene.unstarted(db);
  const result = await check(walpiper);
  assert.match(only(result, 'warning', 'server', /all 1 of max_wal_senders/).mend, /^ALTER SYSTEM SET max_wal_senders = 11, then restart/);
  assert.match(only(result, 'error', 'role', /exceeds max_wal_senders/).mend, /max_wal_senders/);
});

// PostgreSQL 18 has this function; here is one in its place.
scenario("the plugin's version, where the server tells it", async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE FUNCTION pg_get_loaded_modules(OUT module_name text, OUT version text, OUT file_name text)
                  RETURNS SETOF record LANGUAGE sql
                  AS $$ VALUES ('wal2json', '2.9', 'wal2json.so'), ('plpgsql', NULL, 'plpgsql.so') $$`);
  only(await check(scene.unstarted(db)), 'ok', 'plugin', /^wal2json 2\.9 can be used/);
});

scenario('databases that are not UTF8: refused, by both', async (scene) => {
  const db = await scene.database();
  for (const encoding of ['LATIN1', 'SQL_ASCII']) {
    const name = `${db.name}_${encoding.toLowerCase()}`;
    await db.query(`CREATE DATABASE ${name} ENCODING '${encoding}' LOCALE 'C' TEMPLATE template0`);
    const url = db.url.replace(`/${db.name}?`, `/${name}?`);
    const walpiper = scene.unstarted(db, { database: { url } });
    const { mend } = only(await check(walpiper), 'error', 'database', new RegExp(`encoded as ${encoding}`));
    assert.match(mend, /ENCODING 'UTF8'/);
    assert.match((await walpiper.refuse()).log, new RegExp(`database ${name} is encoded as ${encoding}`));
    await db.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }
});

scenario('plugins that are not permitted', { skip: !knowsPluginList() }, async (scene) => {
  const server = await scene.postgres({ output_plugin_libraries: 'pgoutput, test_decoding' });
  const db = await scene.database({ server });
  const walpiper = scene.unstarted(db, { slot: { plugin: 'wal2json' } });
  const { mend } = only(await check(walpiper), 'error', 'plugin', /./);
  assert.match(mend, /^ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, wal2json/);
  walpiper.config.slot.plugin = 'auto';
  const choice = await check(walpiper);
  only(choice, 'warning', 'plugin', /wal2json/);
  only(choice, 'ok', 'plugin', /pgoutput can be used/);
  await db.query(`ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding, wal2json`);
  await server.stop();
  delete server.settings.output_plugin_libraries;
  await server.start();
  assert.deepEqual(bad(await check(walpiper)), []);
  await db.query(`ALTER SYSTEM SET output_plugin_libraries = 'pgoutput, wal2json'`);
  await server.restart();
  only(await check(walpiper), 'warning', 'plugin', /one string/);
});

scenario('a role with few rights: each is named with its GRANT, and then it is enough', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const role = `limited_${db.name}`;
  await db.query(`CREATE ROLE ${role} LOGIN PASSWORD 'sesame'`);
  const url = db.url.replace('user=postgres', `user=${role}&password=sesame`);
  const walpiper = scene.unstarted(db, { ...blog, database: { url } });
  const result = await check(walpiper);
  assert.doesNotMatch(result.text, /sesame/);
  const mends = [
    only(result, 'error', 'role', /./),
    only(result, 'error', 'publication', /may not make it/),
    only(result, 'error', 'schema walpiper', /may not make it/),
    only(result, 'error', 'table public.events', /may not read/),
    only(result, 'warning', 'table public.events', /may not insert/),
    only(result, 'error', 'operator', /lacks SELECT, INSERT, UPDATE, DELETE/),
    only(result, 'error', 'operator', /may not read the ids of public\.posts/),
  ].map(({ mend }) => mend.slice(mend.search(/(ALTER|GRANT|CREATE) /)));
  assert.match(only(result, 'error', 'operator', /query: permission denied/).mend, /GRANT/);
  for (const mend of mends) await db.query(mend);
  const rest = await check(walpiper);
  assert.match(only(rest, 'error', 'operator', /query: permission denied/).text, /posts|comments/);
  const { mend } = only(rest, 'error', 'operator', /may not read the ids of public\.comments/);
  await db.query(mend);
  await db.query(`REVOKE USAGE ON SCHEMA public FROM public`);
  const unusable = bad(await check(walpiper)).find((row) => /may not use schema public/.test(row.text));
  assert.equal(unusable?.mend, `GRANT USAGE ON SCHEMA "public" TO "${role}"`);
  await db.query(`GRANT USAGE ON SCHEMA public TO public`);
  assert.deepEqual(bad(await check(walpiper)), []);
  await walpiper.start();
  await walpiper.stop();
});

scenario('what POST /events needs: each right is named with its GRANT, and then it inserts', async (scene) => {
  const db = await scene.database();
  const role = `inserter_${db.name}`;
  await db.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'sesame';
    DROP TABLE events;
    CREATE TABLE events (id bigserial PRIMARY KEY, type text NOT NULL, "timestamp" timestamptz DEFAULT now(),
      subscriber text NOT NULL, payload jsonb);
    CREATE INDEX ON events (subscriber, id);
    GRANT SELECT ON events TO ${role}`);
  const walpiper = scene.unstarted(db, {
    database: { url: db.url.replace('user=postgres', `user=${role}&password=sesame`) },
  });
  await db.query(`CREATE PUBLICATION ${walpiper.config.publication} FOR TABLE events`);
  const lacks = (result) => result.findings.filter((row) => /as POST \/events does/.test(row.text));
  await db.query(`GRANT INSERT (type, subscriber, payload) ON events TO ${role}`);
  const all = lacks(await check(walpiper));
  assert.deepEqual(
    all.map((row) => [row.level, row.mend]),
    [
      ['warning', `GRANT INSERT ON "public"."events" TO "${role}"`],
      ['warning', `GRANT USAGE ON SEQUENCE public.events_id_seq TO "${role}"`],
    ],
  );
  for (const { mend } of all) await db.query(mend);
  assert.deepEqual(lacks(await check(walpiper)), []);
  await db.query(`REVOKE INSERT ON events FROM ${role};
    GRANT INSERT (type, subscriber, payload, "timestamp") ON events TO ${role}`);
  assert.deepEqual(lacks(await check(walpiper)), []);
  await walpiper.start();
  const answer = await fetch(`${walpiper.base}/events`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ type: 'x', subscriber: 'toto', payload: 1 }),
  });
  assert.equal(answer.status, 201, await answer.text());
  await walpiper.stop();
});

scenario('operators: target, sources, identity, query', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE src (id int PRIMARY KEY, k int); CREATE TABLE t (id int, n int)`);
  const operator = (name, over) => ({
    ...{ name, target: 't', target_id: 'id', tables: { src: 'id' } },
    ...{ query: 'UPDATE t SET n = 1 WHERE id = $1', ...over },
  });
  const walpiper = scene.unstarted(db, {
    tables: [{ name: 'src' }],
    operators: [
      operator('a', { target: 'nothing' }),
      operator('b', { target_id: 'none' }),
      operator('c', { tables: { src: 'k' } }),
      operator('d', { query: 'UPDATE t SET m = 1 WHERE id = $1' }),
      operator('e', { query: 'UPDATE t SET n = $2 WHERE id = $1' }),
      operator('f', { tables: { src: 'none' } }),
      operator('g', {}),
    ],
  });
  const result = await check(walpiper);
  only(result, 'error', 'operator a', /no table public\.nothing/);
  only(result, 'error', 'operator b', /no column none/);
  only(result, 'error', 'operator d', /column "m"/);
  only(result, 'error', 'operator e', /2 parameters/);
  only(result, 'error', 'operator f', /no column none/);
  only(result, 'ok', 'operator g', /can run/);
  const identity = only(result, 'error', 'operator c', /not in the replica identity/).mend;
  await db.query(identity.slice(identity.indexOf('ALTER TABLE')));
  await db.query(only(result, 'warning', 'operator g', /not unique/).mend);
  const then = await check(walpiper);
  only(then, 'ok', 'operator c', /can run/);
  assert.deepEqual(bad(then).filter((row) => row.object === 'operator g'), []);
  assert.equal(await db.value('SELECT count(*)::int FROM t'), 0);
});

scenario('operators: the columns of a select', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE src (id int PRIMARY KEY, k int);
    CREATE TABLE t (id int PRIMARY KEY, n int, g int GENERATED ALWAYS AS (n + 1) STORED,
                    i int GENERATED ALWAYS AS IDENTITY, u uuid)`);
  const selects = {
    a: 'SELECT k FROM src WHERE id = $1',
    b: 'SELECT id, k FROM src WHERE id = $1',
    c: 'SELECT id, 1 AS g FROM src WHERE id = $1',
    d: 'SELECT id, 1 AS i FROM src WHERE id = $1',
    e: 'SELECT id, 1 AS n, 2 AS n FROM src WHERE id = $1',
    f: 'SELECT id, 1 AS u FROM src WHERE id = $1',
    g: 'DELETE FROM src WHERE id = $1',
    h: 'SELECT id, $2::int AS n FROM src WHERE id = $1',
    i: 'SELECT id, nothing FROM src WHERE id = $1',
    j: 'SELECT $1 AS id; SELECT 1',
    k: 'SELECT id, k AS n FROM src WHERE id = $1;',
  };
  const operators = Object.entries(selects).map(([name, select]) => ({ name, target: 't', tables: { src: 'id' }, select }));
  const result = await check(scene.unstarted(db, { tables: [{ name: 'src' }], operators }));
  only(result, 'error', 'operator a', /select: does not give id/);
  only(result, 'error', 'operator b', /select: public\.t has no column k/);
  only(result, 'error', 'operator c', /select: g of public\.t is generated/);
  only(result, 'error', 'operator d', /select: i of public\.t is always an identity/);
  only(result, 'error', 'operator e', /select: gives n twice/);
  only(result, 'error', 'operator f', /select: .*uuid/);
  only(result, 'error', 'operator g', /select: gives no rows/);
  only(result, 'error', 'operator h', /2 parameters/);
  only(result, 'error', 'operator i', /select: column "nothing" does not exist/);
  only(result, 'error', 'operator j', /select: cannot insert multiple commands/);
  only(result, 'ok', 'operator k', /can run/);
});

scenario('operators: keys', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE a (id int PRIMARY KEY, name text); CREATE TABLE p (id int PRIMARY KEY, a int);
    CREATE TABLE t (id int PRIMARY KEY)`);
  const operator = (name, keys, map = 'id') => ({
    ...{ name, target: 't', query: 'UPDATE t SET id = $1' },
    tables: { p: 'id', a: { keys, map } },
  });
  const operators = [
    operator('a', 'SELECT id, a FROM p WHERE a = $1'),
    operator('b', 'SELECT id FROM p WHERE a = $1 AND id = $2'),
    operator('c', 'SELECT nothing FROM p WHERE a = $1'),
    operator('d', 'SELECT id FROM p WHERE a = $1', 'nothing'),
    operator('e', 'SELECT id FROM p WHERE a = $1', 'name'),
    operator('f', 'SELECT id FROM p WHERE a = $1; -- $2'),
  ];
  const result = await check(scene.unstarted(db, { tables: [{ name: 'a' }, { name: 'p' }], operators }));
  only(result, 'error', 'operator a', /keys: gives 2 columns; |keys: gives 2 columns/);
  only(result, 'error', 'operator b', /keys: has 2 parameters/);
  only(result, 'error', 'operator c', /keys: column "nothing" does not exist/);
  only(result, 'error', 'operator d', /a has no column nothing/);
  only(result, 'error', 'operator e', /name is not in the replica identity/);
  only(result, 'ok', 'operator f', /can run/);
});

scenario('operators: the function of a call', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE src (id int PRIMARY KEY);
    CREATE FUNCTION f(jsonb) RETURNS void LANGUAGE sql AS ''; CREATE FUNCTION g(text) RETURNS void LANGUAGE sql AS ''`);
  const operators = ['nothing', 'g', 'f'].map((call) => ({ name: call, call, tables: ['src'] }));
  const result = await check(scene.unstarted(db, { tables: [{ name: 'src' }], operators }));
  only(result, 'error', 'operator nothing', /call: there is no function public\.nothing/);
  only(result, 'error', 'operator g', /call: function public\.g\(jsonb\) does not exist/);
  only(result, 'ok', 'operator f', /can run/);
});

scenario('no server, no configuration, wrong usage', async (scene) => {
  const db = await scene.database();
  const away = scene.unstarted(db, { database: { url: 'postgresql://x:sesame@/none?host=/nowhere' } });
  const result = await check(away);
  only(result, 'error', 'connection', /\/nowhere/);
  assert.doesNotMatch(result.text, /sesame/);
  const missing = await run(binary, ['check', '-c', '/nowhere.yaml']);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^walpiper: .*\/nowhere\.yaml.*\n$/);
  assert.equal(missing.stdout, '');
  assert.equal((await run(binary, ['check', 'everything'])).code, 2);
});
