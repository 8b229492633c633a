// A rebuild into a new table: the old read model is served, whole, until the new one has its place.
import { assert, scenario, until } from './harness/lib.mjs';
import { areCopied, copied, lines, parked, says, stateFiles, things, thingsSchema } from './harness/things.mjs';

const over = /every id is computed, and the new table exchanged for the old one/;
const givenUp = /level=error.*gives up the rebuild into a new table, public.copies stays as it is/;

const swap = (db) => db.query(`SELECT walpiper.rebuild_swap('copies')`);
const checkpoint = (db) => db.query('SELECT * FROM walpiper.checkpoint ORDER BY lane');

/** Nothing of a rebuild is left in the database. */
async function isCleared(db) {
  assert.deepEqual(await db.query(`SELECT nspname FROM pg_namespace WHERE nspname ~ '^walpiper_swap'`), []);
  assert.deepEqual(await db.query('TABLE walpiper.swap'), []);
  for (const row of await checkpoint(db)) assert.deepEqual([row.rebuild_step, row.rebuild_after, row.rebuild_swap], [null, null, false]);
}

/** A walpiper whose read model is right: COUNT copies. */
async function copying(scene, count, definition = {}, config = {}) {
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query('INSERT INTO things SELECT n, n % 100 FROM generate_series(1, $1::int) n', [count]);
  const walpiper = await scene.walpiper(db, { ...things(definition), ...config });
  await says(walpiper, /every id is computed/, definition.lanes);
  return { db, walpiper };
}

/** Makes rows wrong, and superfluous, as no event does. */
const spoil = (db) =>
  db.query(`DELETE FROM copies WHERE id % 3 = 0;
            UPDATE copies SET v = 99 - v WHERE id % 3 = 1;
            INSERT INTO copies SELECT -n, 1 FROM generate_series(1, 20) n;
            TRUNCATE writes`);

/** How far a rebuild is that has its new table. */
const isAt = (db, what, condition) =>
  until(what, async () => {
    const rows = await checkpoint(db);
    return rows.every((row) => row.rebuild_swap && condition(row)) && rows;
  }, { interval: 5 });
const isUnderWay = (db) => isAt(db, 'ids are in the new table', (row) => row.rebuild_step === 1 && row.rebuild_after);
const isReady = (db) => isAt(db, 'it is ready to be exchanged', (row) => row.rebuild_step === 2);

// --- what it gives -----------------------------------------------------------------------------------

scenario('the target gets what the query gives from scratch, in one transaction that writes what differs', async (scene) => {
  const { db, walpiper } = await copying(scene, 300, { batch_size: 50 });
  await spoil(db);
  await swap(db);
  await says(walpiper, over);
  await areCopied(db);
  await isCleared(db);
  const [writes] = await db.query('SELECT count(*)::int, count(DISTINCT xid)::int AS transactions FROM writes');
  assert.deepEqual(writes, { count: 200, transactions: 1 });
  await db.query('UPDATE things SET v = 7 WHERE id = 300; DELETE FROM things WHERE id = 299');
  await areCopied(db);
});

/** Changes all kinds of rows as long as it is not stopped. */
class Writer {
  constructor(db, first) {
    Object.assign(this, { db, first, rounds: 0, stopped: false });
    this.running = this.run();
  }

  async run() {
    while (!this.stopped) {
      const id = 1 + ((this.first + this.rounds * 37) % 400);
      await this.db.query('INSERT INTO things VALUES ($1, 0) ON CONFLICT (id) DO UPDATE SET v = (things.v + 1) % 100', [id]);
      await this.db.query('DELETE FROM things WHERE id = $1', [1 + ((id * 7) % 400)]);
      this.rounds++;
    }
  }

  async stop() {
    this.stopped = true;
    await this.running;
  }
}

const forms = {
  query: {
    delete_with: ['things'],
    query: `INSERT INTO by_query SELECT id, v FROM things WHERE id = $1 ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
  },
  batch: {
    delete_with: ['things'],
    batch: true,
    query: `INSERT INTO by_batch SELECT id, v FROM things WHERE id = ANY ($1) ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
  },
  select: { select: 'SELECT id, v FROM things WHERE id = $1' },
};

scenario('what is written meanwhile is in the new table, in each form, with two lanes', async (scene) => {
  const db = await scene.database();
  const names = Object.keys(forms).map((form) => `by_${form}`);
  await db.query(`CREATE TABLE things (id int PRIMARY KEY, v int); INSERT INTO things SELECT n, 1 FROM generate_series(1, 200) n;
    ${names.map((name) => `CREATE TABLE ${name} (id int PRIMARY KEY, v int);`).join('')}`);
  const common = { tables: { things: 'id' }, lanes: 2, batch_size: 20, rebuild_rate: 200 };
  const operators = Object.entries(forms).map(([form, definition]) => ({ name: `by_${form}`, target: `by_${form}`, ...common, ...definition }));
  const walpiper = await scene.walpiper(db, { tables: [{ name: 'public.things' }], operators });
  await says(walpiper, /every id is computed/, 6);
  for (const name of names) await db.query(`UPDATE ${name} SET v = -1; INSERT INTO ${name} VALUES (-1, -1); SELECT walpiper.rebuild_swap('${name}')`);
  const writers = [new Writer(db, 0), new Writer(db, 200)];
  await says(walpiper, over, 3);
  for (const writer of writers) await writer.stop();
  assert.ok(writers.every(({ rounds }) => rounds > 20));
  const difference = (name) => `(SELECT count(*) FROM things FULL JOIN ${name} AS t USING (id, v) WHERE things IS NULL OR t IS NULL)`;
  const differences = `SELECT ${names.map(difference).join(' + ')}`;
  await until('all are right', async () => (await db.value(differences)) === '0').catch(async (error) => {
    throw new Error(`${error.message}: ${await db.value(differences)} rows are wrong`);
  });
  await isCleared(db);
  assert.deepEqual(await parked(db), []);
});

scenario('who reads sees the old rows or the new ones, never some of both, and waits for no lock', async (scene) => {
  const { db, walpiper } = await copying(scene, 200, { batch_size: 20, rebuild_rate: 400 });
  await db.query('UPDATE copies SET v = -1');
  const reader = await db.connect();
  await reader.query(`SET lock_timeout = '1ms'`);
  const seen = new Set();
  await swap(db);
  const read = async () => {
    const { rows } = await reader.query('SELECT count(*) FILTER (WHERE v < 0) AS old, count(*) FILTER (WHERE v >= 0) AS new FROM copies');
    seen.add(`${rows[0].old} old, ${rows[0].new} new`);
  };
  while (lines(walpiper, over).length === 0) await read();
  await read();
  assert.deepEqual([...seen], ['200 old, 0 new', '0 old, 200 new']);
});

scenario('views, grants, keys, indexes and subscribers of the target stay, and subscribers get what really changed', async (scene) => {
  const { db, walpiper } = await copying(scene, 30, {}, { tables: [{ name: 'public.things' }, { name: 'public.copies' }] });
  await db.query(`CREATE VIEW large AS SELECT * FROM copies WHERE v > 20;
    CREATE TABLE likes (copy int REFERENCES copies); INSERT INTO likes VALUES (7), (22);
    CREATE INDEX copies_v ON copies (v);
    CREATE ROLE reader_${db.name}; GRANT SELECT ON copies TO reader_${db.name}`);
  scene.defer(() => db.query(`DROP OWNED BY reader_${db.name}; DROP ROLE reader_${db.name}`));
  const facts = () =>
    db.query(`SELECT oid, relacl::text, relreplident, (SELECT count(*)::int FROM pg_index WHERE indrelid = c.oid) AS indexes,
      (SELECT count(*)::int FROM pg_publication_rel WHERE prrelid = c.oid) AS publications FROM pg_class c WHERE oid = 'copies'::regclass`);
  const was = await facts();
  const feed = await walpiper.subscribe('/streams/copies');
  await db.query('UPDATE copies SET v = 99 WHERE id IN (7, 8); DELETE FROM copies WHERE id = 9; INSERT INTO copies VALUES (99, 9)');
  const name = ({ data }) => {
    const { type, new_record: now, old_record: old } = JSON.parse(data);
    return `${type} ${(now ?? old).id}`;
  };
  const seen = (event) => feed.until(event, () => feed.events.some((frame) => name(frame) === event));
  await seen('insert 99');
  const before = feed.events.length;
  await swap(db);
  await says(walpiper, over);
  await areCopied(db);
  await db.query('INSERT INTO things VALUES (1000, 1)');
  await seen('insert 1000');
  const events = feed.events.slice(before, -1);
  assert.deepEqual(events.map(name).sort(), ['delete 99', 'insert 9', 'update 7', 'update 8']);
  assert.equal(new Set(events.map(({ data }) => JSON.parse(data).xid)).size, 1);
  assert.deepEqual(await facts(), was);
  assert.equal(await db.value('SELECT count(*)::int FROM large'), 10);
  await assert.rejects(db.query('DELETE FROM copies WHERE id = 7'), /likes/);
});

scenario('columns that are generated, number themselves or are not the query\'s keep what they have in rows that stay', async (scene) => {
  const db = await scene.database();
  await db.query(`
    CREATE TABLE things (id int PRIMARY KEY, v int);
    CREATE TABLE copies (id int UNIQUE NOT NULL, v int, nr bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s serial,
      twice int GENERATED ALWAYS AS (2 * v) STORED, note text DEFAULT 'none', dropped int);
    ALTER TABLE copies DROP COLUMN dropped;
    INSERT INTO things SELECT n, n FROM generate_series(1, 5) n`);
  const insert = 'INSERT INTO copies (id, v) SELECT id, v FROM things WHERE id = $1 ON CONFLICT (id) DO UPDATE SET v = excluded.v';
  const walpiper = await scene.walpiper(db, things({ query: insert, batch_size: 1 }));
  await says(walpiper, /every id is computed/);
  await db.query(`UPDATE copies SET note = 'mine' WHERE id = 2; DELETE FROM copies WHERE id = 3; UPDATE copies SET v = 0 WHERE id = 4`);
  const versions = () => db.query('SELECT id, xmin, nr, s FROM copies WHERE id IN (1, 4, 5) ORDER BY id');
  const before = await versions();
  await swap(db);
  await says(walpiper, over);
  const rows = await db.query('SELECT id, v, twice, note, nr, s FROM copies ORDER BY id');
  const right = rows.map(({ id }) => [id, id, 2 * id, 'none']); // of a query, all columns are the query's
  assert.deepEqual(rows.map(({ id, v, twice, note }) => [id, v, twice, note]), right);
  const [first, fourth, fifth] = await versions();
  assert.deepEqual([first, fifth], [before[0], before[2]]);
  assert.deepEqual([fourth.nr, fourth.s], [before[1].nr, before[1].s]);
  assert.equal(new Set(rows.map(({ nr }) => nr)).size, 5);
});

scenario('an id of several columns, a target that is partitioned, names that need quotes, another state_schema', async (scene) => {
  const db = await scene.database();
  await db.query(`
    CREATE TABLE things (org text, id int, v int, PRIMARY KEY (org, id));
    CREATE SCHEMA "Read ""models"; ALTER DATABASE ${db.name} SET search_path = "Read ""models", public;
    CREATE TABLE "Read ""models"."Copies" ("Org" text, id int, "a b" int, PRIMARY KEY ("Org", id)) PARTITION BY LIST ("Org");
    CREATE TABLE a PARTITION OF "Read ""models"."Copies" FOR VALUES IN ('a'); CREATE TABLE b PARTITION OF "Read ""models"."Copies" DEFAULT;
    INSERT INTO things SELECT CASE WHEN n % 2 = 0 THEN 'a' ELSE 'it''s "' END, n, n FROM generate_series(1, 40) n`);
  const target = { name: 'quoted', target: '"Read ""models".Copies', target_id: ['Org', 'id'], tables: { things: ['org', 'id'] }, delete_with: ['things'] };
  const query = (name) =>
    `INSERT INTO ${name} SELECT * FROM things WHERE org = $1 AND id = $2 ON CONFLICT ("Org", id) DO UPDATE SET "a b" = excluded."a b"`;
  const walpiper = await scene.walpiper(db, things({}, { state_schema: 'mine', operators: [{ ...target, query: query('"Copies"') }] }));
  await says(walpiper, /every id is computed/);
  const copies = '"Read ""models"."Copies"';
  const right = () => db.value(`SELECT NOT EXISTS ((TABLE things EXCEPT TABLE ${copies}) UNION ALL (TABLE ${copies} EXCEPT TABLE things))`);
  await db.query(`DELETE FROM ${copies} WHERE id < 9; UPDATE ${copies} SET "a b" = 0 WHERE id > 30; INSERT INTO ${copies} VALUES ('z', 1, 1)`);
  await db.query(`SELECT mine.rebuild_swap('quoted')`);
  await says(walpiper, over);
  await until('it is right', right);
  // By its full name it is found out, in its partitions too.
  walpiper.config.operators[0].query = query(copies);
  await walpiper.stop();
  await walpiper.configure();
  await walpiper.start();
  await db.query(`SELECT mine.rebuild_swap('quoted')`);
  await says(walpiper, /its query writes .*Copies.* itself/);
});

scenario('an id that is parked keeps its row, and its retries', async (scene) => {
  const retry = { min_restart_time: 20, max_restart_time: 50, max_retries: 100 };
  const { db, walpiper } = await copying(scene, 60, { batch_size: 20 }, { retry });
  await db.query('UPDATE things SET v = 100 WHERE id IN (5, 45)');
  await until('they are parked', async () => (await parked(db)).length === 2);
  await spoil(db);
  await db.query('INSERT INTO copies VALUES (45, 11) ON CONFLICT (id) DO UPDATE SET v = 11; UPDATE copies SET v = 12 WHERE id = 5');
  await swap(db);
  await says(walpiper, over);
  await areCopiedBut(db, { 5: 12, 45: 11 });
  await db.query('UPDATE things SET v = 50 WHERE id IN (5, 45)');
  await areCopied(db);
});

async function areCopiedBut(db, old) {
  const right = (await db.query('SELECT * FROM things ORDER BY id')).map(({ id, v }) => ({ id, v: old[id] ?? v }));
  assert.deepEqual(await copied(db), right);
}

// --- what comes between ------------------------------------------------------------------------------

scenario('paused in the middle it waits; asked for again it begins again, and stays one that swaps', async (scene) => {
  const { db, walpiper } = await copying(scene, 100, { batch_size: 10, rebuild_rate: 400 });
  await spoil(db);
  await swap(db);
  const [before] = await isUnderWay(db);
  await db.query(`SELECT walpiper.pause('copies')`);
  await says(walpiper, /paused/);
  await db.query('UPDATE things SET v = 98 WHERE id IN (1, 100)');
  await db.query(`SELECT walpiper.rebuild('copies', 'id < 9')`);
  const [again] = await checkpoint(db);
  assert.deepEqual([again.rebuild_step, again.rebuild_after, again.rebuild_swap, again.rebuild_where], [0, null, true, null]);
  assert.ok(again.rebuild > before.rebuild);
  assert.deepEqual(await db.query('TABLE writes'), []);
  await db.query(`SELECT walpiper.resume('copies')`);
  await isUnderWay(db);
  await swap(db);
  await says(walpiper, over);
  await areCopied(db);
  await isCleared(db);
  assert.equal(lines(walpiper, over).length, 1);
});

scenario('killed anywhere, it goes on where it was; killed in the exchange, that is done or not', async (scene) => {
  const { db, walpiper } = await copying(scene, 100, { batch_size: 10, rebuild_rate: 300 });
  await spoil(db);
  await swap(db);
  await walpiper.kill(); // asked for
  await walpiper.start();
  const [{ rebuild }] = await isUnderWay(db);
  await walpiper.kill(); // under way
  await db.query('DELETE FROM things WHERE id IN (1, 2); UPDATE things SET v = 42 WHERE id IN (3, 100)');
  assert.equal(await db.value('SELECT count(*)::int FROM copies WHERE id < 0'), 20);
  await walpiper.start();
  const blocker = await db.connect();
  await blocker.query('BEGIN; LOCK TABLE copies IN SHARE MODE');
  await db.query('INSERT INTO things VALUES (0, 0)'); // its batch waits, and the exchange behind it
  await until('it waits', () => db.value(`SELECT count(*)::int FROM pg_locks WHERE NOT granted AND relation = 'copies'::regclass`));
  await walpiper.kill();
  await walpiper.start();
  await blocker.query('COMMIT');
  await isReady(db).catch(() => {}); // it may be over already
  await areCopied(db);
  await says(walpiper, over);
  await isCleared(db);
  assert.equal((await checkpoint(db))[0].rebuild, String(Number(rebuild) + 1), 'it never began again');
});

scenario('killed while the exchange waits for a lock, the exchange is done by the next process, or is done already', async (scene) => {
  const { db, walpiper } = await copying(scene, 100);
  await spoil(db);
  const blocker = await db.connect();
  await blocker.query('BEGIN; LOCK TABLE copies IN SHARE MODE');
  await swap(db);
  await until('it waits', () => db.value(`SELECT count(*)::int FROM pg_locks WHERE NOT granted AND relation = 'copies'::regclass`));
  await isReady(db);
  await walpiper.kill();
  await walpiper.start();
  await blocker.query('COMMIT');
  await areCopied(db);
  await until('it is over', async () => (await checkpoint(db))[0].rebuild_step === null);
  await isCleared(db);
});

scenario('begins again with another number of lanes, and when a source is truncated', async (scene) => {
  const { db, walpiper } = await copying(scene, 200, { batch_size: 20, rebuild_rate: 200 });
  await spoil(db);
  await swap(db);
  await isUnderWay(db);
  await walpiper.stop();
  Object.assign(walpiper.config.operators[0], { lanes: 3, rebuild_rate: 100 });
  await walpiper.configure();
  await walpiper.start();
  await isUnderWay(db);
  await db.query('UPDATE things SET v = 6 WHERE id = 7; TRUNCATE things; INSERT INTO things SELECT n, 5 FROM generate_series(100, 300) n');
  await says(walpiper, over);
  await areCopied(db);
  await isCleared(db);
});

scenario('another process takes it over in the middle; the one before writes nowhere any more', async (scene) => {
  const { db, walpiper: first } = await copying(scene, 100, { batch_size: 10, rebuild_rate: 200 });
  await spoil(db);
  await swap(db);
  await isUnderWay(db);
  const second = await scene.walpiper(db, { ...things({ batch_size: 20 }), slot: { name: `second_${db.name}` } });
  await says(first, /was taken over by another process/);
  await says(second, over);
  await areCopied(db);
  await isCleared(db);
  assert.equal(lines(first, over).length, 0);
});

scenario('when the new table was lost, as when the server crashes, which empties it, it begins again', async (scene) => {
  const { db, walpiper } = await copying(scene, 100, { batch_size: 10, rebuild_rate: 200 });
  await spoil(db);
  await swap(db);
  const [{ pid, rebuild }] = await isAt(db, 'half of the ids are there', (row) => Number(row.rebuild_after) > 50);
  const shadow = await db.value('SELECT shadow FROM walpiper.swap');
  const unlogged = `SELECT oid::regclass::text FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r' ORDER BY 1`;
  assert.deepEqual(await db.query(unlogged), [{ oid: 'walpiper.swap' }, { oid: `${shadow}.copies` }]);
  await db.query(`TRUNCATE walpiper.swap, ${shadow}.copies; SELECT pg_terminate_backend(${pid})`);
  await says(walpiper, over);
  await areCopied(db);
  await isCleared(db);
  assert.ok((await checkpoint(db))[0].rebuild > Number(rebuild) + 1);
});

/** WALPIPER again with these OPERATORS. */
async function restartWith(walpiper, operators) {
  await walpiper.stop();
  walpiper.config.operators = operators;
  await walpiper.configure();
  await walpiper.start();
}

scenario('the new table of an operator that is removed in the middle goes with the next start; that of another service stays', async (scene) => {
  const { db, walpiper: first } = await copying(scene, 100, { batch_size: 10, rebuild_rate: 100 });
  await db.query('CREATE TABLE others (id int PRIMARY KEY, v int)');
  const query = 'INSERT INTO others SELECT id, v FROM things WHERE id = $1 ON CONFLICT (id) DO UPDATE SET v = excluded.v';
  const others = things({ name: 'others', target: 'others', batch_size: 10, rebuild_rate: 100, query });
  const second = await scene.walpiper(db, { ...others, slot: { name: `second_${db.name}` } });
  await says(second, /every id is computed/);
  const left = (name) => db.value(`SELECT to_regnamespace(walpiper.swap_schema('${name}')) IS NOT NULL`);
  await spoil(db);
  await db.query(`SELECT walpiper.rebuild_swap(name) FROM walpiper.operator`);
  await until('both are under way', async () => (await left('copies')) && (await left('others')));
  const [forgotten] = await db.query(`SELECT * FROM walpiper.swap_forget($1, '{}')`, [second.config.slot.name]);
  assert.deepEqual(forgotten, { dropped: null, kept: 'others' }, 'of one that works nothing is dropped');
  await first.stop();
  await restartWith(second, []);
  await says(second, /are not configured any more, and the new tables that they left behind are dropped: others"$/);
  assert.equal(await left('others'), false);
  assert.equal(await left('copies'), true);
  const { operators } = first.config;
  await first.start();
  await restartWith(first, []);
  await says(first, /are dropped: copies"$/);
  assert.deepEqual(await db.query('TABLE walpiper.swap'), []);
  await restartWith(first, operators);
  await says(first, over);
  await areCopied(db);
  assert.equal(await left('copies'), false);
});

// --- what is refused ---------------------------------------------------------------------------------

/** It says WHY in one line, leaves the old rows alone, and live events go on. */
async function isGivenUp(db, walpiper, why) {
  await says(walpiper, givenUp);
  const told = lines(walpiper, /level=error/);
  assert.equal(told.length, 1);
  assert.match(told[0], why);
  await until('it is over', async () => (await checkpoint(db))[0].rebuild_step === null);
  await isCleared(db);
  assert.equal(await db.value('SELECT count(*)::int FROM copies WHERE id < 0'), 20);
  await db.query('UPDATE things SET v = 77 WHERE id = 2');
  await until('events are applied', () => db.value('SELECT v = 77 FROM copies WHERE id = 2'));
  await walpiper.healthy();
}

const refusals = {
  'a query that names the target with its schema': {
    definition: { query: 'INSERT INTO public.copies SELECT id, v FROM things WHERE id = $1 ON CONFLICT (id) DO UPDATE SET v = excluded.v' },
    why: /its query writes copies itself, by its full name or through a view: name it without its schema/,
  },
  'a function that has a search_path of its own': {
    ddl: `CREATE FUNCTION copy(int) RETURNS void LANGUAGE sql SET search_path = public AS
      'INSERT INTO copies SELECT id, v FROM things WHERE id = $1 ON CONFLICT (id) DO UPDATE SET v = excluded.v'`,
    definition: { query: 'SELECT copy($1)' },
    why: /its query writes copies itself/,
  },
  'a target without a unique index': {
    definition: { query: undefined, delete_with: undefined, select: 'SELECT id, v FROM things WHERE id = $1' },
    wrong: 'ALTER TABLE copies DROP CONSTRAINT copies_pkey',
    why: /which row of copies is which: add a unique index over target_id, which must be NOT NULL/,
  },
  'a foreign key that holds a row which is superfluous': {
    wrong: 'CREATE TABLE likes (copy int REFERENCES copies); INSERT INTO likes VALUES (-3)',
    why: /likes/,
  },
  'a target that is altered meanwhile': {
    definition: { rebuild_rate: 40, batch_size: 5 },
    meanwhile: 'ALTER TABLE copies ADD COLUMN w int; DELETE FROM things WHERE id > 5',
    why: /column s.w does not exist/,
  },
};

for (const [what, { ddl = '', definition, wrong = '', meanwhile, why }] of Object.entries(refusals)) {
  scenario(`${what} ends it with one line, and the target goes on as it is`, async (scene) => {
    const db = await scene.database();
    await db.query(`CREATE TABLE things (id int PRIMARY KEY, v int); CREATE TABLE copies (id int PRIMARY KEY, v int);
      INSERT INTO things SELECT n, n FROM generate_series(1, 30) n; ${ddl}`);
    const walpiper = await scene.walpiper(db, things({ ...definition }));
    await says(walpiper, /every id is computed/);
    await db.query(`INSERT INTO copies SELECT -n, 1 FROM generate_series(1, 20) n; ${wrong}`);
    await swap(db);
    if (meanwhile) {
      await isUnderWay(db);
      await db.query(meanwhile);
    }
    await isGivenUp(db, walpiper, why);
  });
}

scenario('without the right to make a schema it is refused with its GRANT, and done when that is given', async (scene) => {
  const db = await scene.database();
  const role = `service_${db.name}`;
  await db.query(`CREATE TABLE things (id int PRIMARY KEY, v int); CREATE TABLE copies (id int PRIMARY KEY, v int);
    INSERT INTO things SELECT n, n FROM generate_series(1, 30) n; CREATE ROLE ${role} LOGIN REPLICATION`);
  scene.defer(() => db.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
  const walpiper = scene.unstarted(db, things({}, { database: { url: db.url.replace('user=postgres', `user=${role}`) } }));
  await db.load(...stateFiles);
  await db.query(`GRANT USAGE ON SCHEMA walpiper TO ${role}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA walpiper TO ${role};
    GRANT SELECT ON events, things TO ${role}; GRANT SELECT, INSERT, UPDATE, DELETE ON copies TO ${role};
    CREATE PUBLICATION ${walpiper.config.publication} FOR TABLE events, things`);
  await walpiper.start();
  await says(walpiper, /every id is computed/);
  await db.query('INSERT INTO copies SELECT -n, 1 FROM generate_series(1, 20) n');
  await swap(db);
  const mend = `GRANT CREATE ON DATABASE ${db.name} TO ${role}`;
  await isGivenUp(db, walpiper, new RegExp(`the role may not make a schema for the new table: ${mend}`));
  await db.query(mend);
  await swap(db);
  await says(walpiper, over);
  await areCopied(db);
  await isCleared(db);
});

scenario('a target that another operator writes too, and a call, are refused', async (scene) => {
  const db = await scene.database();
  await db.query(`${thingsSchema} CREATE FUNCTION on_thing(jsonb) RETURNS void LANGUAGE sql AS 'SELECT'`);
  const other = { name: 'other', target: 'copies', tables: { things: 'id' }, query: 'UPDATE copies SET v = v WHERE id = $1' };
  const call = { name: 'call', call: 'public.on_thing', tables: ['things'] };
  const walpiper = await scene.walpiper(db, things({}, { operators: [...things({ lanes: 4 }).operators, other, call] }));
  await says(walpiper, /every id is computed/, 5);
  await db.query('INSERT INTO copies VALUES (-1, 1)');
  await swap(db);
  await says(walpiper, /level=error.*gives up.*operator other writes the same target; rebuild without swap/);
  await until('all lanes know', async () => (await checkpoint(db)).every((row) => row.rebuild_step === null));
  await db.query(`SELECT walpiper.rebuild_swap('call')`);
  await says(walpiper, /operator call.*has nothing to rebuild: it calls a function/);
  await until('nothing is left of it', async () => (await checkpoint(db)).every((row) => row.rebuild_step === null));
  await isCleared(db);
  assert.deepEqual(await copied(db), [{ id: -1, v: 1 }]);
  assert.equal(lines(walpiper, /level=error/).length, 1, 'one lane says it for all');
  await walpiper.healthy();
});

scenario('an operator that has not run is told so', async (scene) => {
  const db = await scene.database();
  await db.load(...stateFiles);
  await assert.rejects(swap(db), /there is no operator copies, or it has not run yet/);
});
