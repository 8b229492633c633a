// The ids of an operator spread over several connections, and the tables that keep where each stands.
import { assert, scenario, until } from './harness/lib.mjs';
import { areCopied, lines, parked, says, stateFiles, things, thingsSchema } from './harness/things.mjs';

const numbers = (n) => Array.from({ length: n }, (_, i) => i);
const checkpoints = (db) => db.query('SELECT lane, generation, epoch, lsn, ordinal FROM walpiper.checkpoint ORDER BY lane');

async function things100(scene) {
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query('INSERT INTO things SELECT n, n % 100 FROM generate_series(1, 100) n');
  return db;
}

/** Stops WALPIPER, and starts it with another configuration. */
async function restartWith(walpiper, config) {
  await walpiper.stop();
  Object.assign(walpiper.config, config);
  await walpiper.configure();
  await walpiper.start();
}

scenario('an id goes through one lane, which the hash in the database tells; a truncate reaches all', async (scene) => {
  const db = await things100(scene);
  const walpiper = await scene.walpiper(db, things({ lanes: 4 }));
  await areCopied(db);
  for (const v of [7, 8, 9]) await db.query('UPDATE things SET v = $1', [v]);
  await areCopied(db);
  const lanes = await db.query(
    'SELECT walpiper.hash(id::text) % 4 AS lane, count(DISTINCT pid)::int AS pids, min(pid) AS pid FROM writes GROUP BY 1 ORDER BY 1',
  );
  assert.deepEqual(lanes.map(({ lane, pids }) => [lane, pids]), numbers(4).map((n) => [String(n), 1]));
  assert.equal(new Set(lanes.map(({ pid }) => pid)).size, 4);
  await db.query('TRUNCATE things');
  await areCopied(db);
  await db.query('INSERT INTO things SELECT n, 1 FROM generate_series(1, 100) n');
  await areCopied(db);
  assert.equal(lines(walpiper, /a source was truncated/).length, 4);
});

scenario('many writers, four lanes, few ids: the read model ends right', async (scene) => {
  const db = await things100(scene);
  await scene.walpiper(db, things({ lanes: 4, batch_size: 20 }));
  await areCopied(db);
  const writer = async (seed) => {
    for (const n of numbers(60)) {
      const id = 1 + ((n * 7 + seed) % 10);
      if (n % 5 === 0) await db.query('DELETE FROM things WHERE id = $1', [id]);
      await db.query('INSERT INTO things VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET v = excluded.v', [id, (seed * 60 + n) % 100]);
    }
  };
  await Promise.all(numbers(8).map(writer));
  await areCopied(db);
});

scenario('another number of lanes goes on where the last one stood: nothing is computed anew, and parked ids stay parked', async (scene) => {
  const db = await things100(scene);
  const slow = { retry: { min_restart_time: 3600000, max_restart_time: 3600000 } };
  const walpiper = await scene.walpiper(db, things({}, slow));
  await areCopied(db);
  await db.query('UPDATE things SET v = 100 WHERE id % 10 = 0');
  await until('ten are parked', async () => (await parked(db)).length === 10);
  const bad = numbers(11).map((n) => n * 10);
  for (const lanes of [4, 2, 3, 1]) {
    await restartWith(walpiper, things({ lanes }, slow));
    await db.query('UPDATE things SET v = $1 WHERE id % 10 > 0', [10 + lanes]);
    await areCopiedBut(db, bad);
    assert.equal((await checkpoints(db)).length, lanes);
  }
  assert.equal((await parked(db)).length, 10);
  assert.equal(lines(walpiper, /computes every id anew/).length, 1, 'only the first start does');
  await restartWith(walpiper, things({ lanes: 16 }, slow));
  await db.query(`ALTER TABLE copies DROP CONSTRAINT small; SELECT walpiper.retry('copies')`);
  await areCopied(db);
  await until('none is parked', async () => (await parked(db)).length === 0);
});

async function areCopiedBut(db, ids) {
  await until('the others are copied', async () => {
    const wrong = await db.query(
      'SELECT id FROM things t FULL JOIN copies c USING (id) WHERE id <> ALL ($1) AND t.v IS DISTINCT FROM c.v',
      [ids],
    );
    return wrong.length === 0;
  });
}

scenario('a process with another number of lanes takes over all lanes of the one before it', async (scene) => {
  const db = await things100(scene);
  const first = await scene.walpiper(db, things({ lanes: 3 }));
  await areCopied(db);
  const second = await scene.walpiper(db, { ...things({ lanes: 2 }), slot: { name: `second_${db.name}` } });
  await says(first, /operator copies was taken over by another process/, 3);
  await db.query('UPDATE things SET v = 3; TRUNCATE writes');
  await areCopied(db);
  await second.stop();
  await db.query(`UPDATE things SET v = 4; SELECT walpiper.resume('copies')`);
  await areCopied(db);
  await first.healthy();
  assert.equal((await checkpoints(db)).length, 3);
});

// --- the functions, without a service ---------------------------------------------------------------

scenario('claim: the first lane of a process takes over all of them, the others join; who held them is fenced off', async (scene) => {
  const db = await scene.database();
  await db.load(...stateFiles);
  const claim = async (lane, lanes, process, held = null) =>
    (await db.query('SELECT * FROM walpiper.claim($1, $2, $3, $4, $5)', ['o', lane, lanes, process, held]))[0];
  const advance = (lane, held, lsn) => db.query('SELECT walpiper.advance($1, $2, $3, $4, $5, 1)', ['o', lane, held, 'e', lsn]);
  const fenced = (promise) => assert.rejects(promise, { code: 'WPF01' });
  const [first] = [await claim(1, 2, 'a'), await claim(0, 2, 'a')].map((row) => row.generation);
  await advance(0, first, '0/20');
  await advance(1, first, '0/10');
  const kept = [await claim(1, 2, 'b'), await claim(0, 2, 'b')];
  assert.deepEqual(kept.map(({ lane, lsn, epoch }) => [lane, lsn, epoch]), [[1, '0/10', 'e'], [0, '0/20', 'e']]);
  assert.equal(kept[0].generation, kept[1].generation);
  await fenced(advance(0, first, '0/30'));
  await fenced(advance(1, first, '0/30'));
  await fenced(claim(1, 2, 'a', first)); // a lane that comes late
  // Other lanes begin with the smallest position.
  const third = await claim(2, 3, 'c');
  assert.deepEqual([third.lsn, third.epoch, third.rebuild_step], ['0/10', 'e', null]);
  assert.equal((await claim(0, 3, 'c', third.generation)).lsn, '0/10');
  await fenced(advance(0, kept[0].generation, '0/30'));
  assert.equal((await checkpoints(db)).length, 3);
  // A rebuild under way begins again, as wide as the widest.
  await db.query(`UPDATE walpiper.checkpoint SET rebuild_step = 2, rebuild_after = 'x', rebuild_where = 'id < 9' WHERE lane = 1`);
  const narrow = await claim(0, 2, 'd');
  assert.deepEqual([narrow.rebuild_step, narrow.rebuild_after, narrow.rebuild_where], [0, null, 'id < 9']);
  await db.query(`UPDATE walpiper.checkpoint SET rebuild_where = NULL WHERE lane = 1`);
  const wide = await claim(0, 4, 'e');
  assert.deepEqual([wide.rebuild_step, wide.rebuild_where], [0, null]);
  // Positions of two journals cannot be compared.
  await db.query(`UPDATE walpiper.checkpoint SET epoch = 'f' WHERE lane = 3`);
  assert.equal((await claim(0, 1, 'f')).epoch, '');
});

scenario('a rebuild that was replaced by another moves nothing any more', async (scene) => {
  const db = await scene.database();
  await db.load(...stateFiles);
  const claimed = (await db.query(`SELECT * FROM walpiper.claim('o', 0, 1, 'a', NULL)`))[0];
  const advance = (known, step, after) =>
    db.query(`SELECT walpiper.rebuild_advance('o', 0, $1, $2, $3, $4)`, [claimed.generation, known, step, after]);
  const at = async () => (await db.query('SELECT rebuild, rebuild_step, rebuild_after, rebuild_where FROM walpiper.checkpoint'))[0];
  await db.query(`SELECT walpiper.rebuild('o', 'id < 9')`);
  await advance(1, 1, 'x');
  await db.query(`SELECT walpiper.rebuild('o')`);
  await advance(1, 2, 'y');
  await advance(1, null, null);
  assert.deepEqual(await at(), { rebuild: '2', rebuild_step: 0, rebuild_after: null, rebuild_where: null });
  await db.query(`SELECT walpiper.rebuild('o', 'id < 9')`); // it stays as wide as it was
  assert.equal((await at()).rebuild_where, null);
  await advance(3, null, null);
  assert.equal((await at()).rebuild_step, null);
});

/** A former process of operator 'o', in the middle of a transaction. */
async function former(db) {
  await db.load(...stateFiles);
  const session = await db.connect();
  const [{ generation }] = (await session.query(`SELECT * FROM walpiper.claim('o', 0, 1, 'a', NULL)`)).rows;
  await session.query('BEGIN');
  await session.query(`SELECT walpiper.advance('o', 0, $1, 'e', '0/30', 1)`, [generation]);
  return session;
}

scenario('claim ends the session of the former process, and with it the transaction that it has under way', async (scene) => {
  const db = await scene.database();
  const session = await former(db);
  const [{ lsn }] = await db.query(`SELECT * FROM walpiper.claim('o', 0, 2, 'b', NULL)`);
  assert.equal(lsn, '0/0');
  await assert.rejects(session.query('COMMIT'));
});

scenario('claim waits for a former process whose session it may not end', async (scene) => {
  const db = await scene.database();
  const session = await former(db);
  await db.query(`CREATE ROLE limited; GRANT USAGE ON SCHEMA walpiper TO limited;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA walpiper TO limited`);
  scene.defer(() => db.query('DROP OWNED BY limited; DROP ROLE limited'));
  const other = await db.connect();
  await other.query('SET ROLE limited');
  const claimed = other.query(`SELECT * FROM walpiper.claim('o', 0, 2, 'b', NULL)`);
  await until('it waits', () => db.value(`SELECT count(*)::int FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`));
  await session.query('COMMIT');
  assert.equal((await claimed).rows[0].lsn, '0/30');
});

// --- the tables of an earlier version ---------------------------------------------------------------

const version1 = `
  DROP SCHEMA walpiper CASCADE;
  CREATE SCHEMA walpiper;
  CREATE TABLE walpiper.checkpoint (
      operator text PRIMARY KEY, generation bigint NOT NULL, epoch text NOT NULL DEFAULT '',
      lsn pg_lsn NOT NULL DEFAULT '0/0', ordinal bigint NOT NULL DEFAULT 0, rebuild_step integer,
      rebuild_after text, updated_at timestamptz NOT NULL DEFAULT now()
  ) WITH (fillfactor = 10);
  CREATE TABLE walpiper.parked (
      operator text NOT NULL, id text NOT NULL, wants_delete boolean NOT NULL, error text NOT NULL,
      sqlstate text NOT NULL, attempts integer NOT NULL DEFAULT 0, next_try timestamptz NOT NULL,
      since timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (operator, id)
  );
  CREATE FUNCTION walpiper.fence(operator_name text, held bigint) RETURNS void LANGUAGE sql AS 'SELECT';
  INSERT INTO walpiper.parked VALUES ('copies', '7', false, 'x', '22012', 3, now() + '1 hour');
  COMMENT ON SCHEMA walpiper IS 'walpiper operator state, version 1';`;

scenario('state tables of version 1 are brought up to date: position and parked ids stay, the old functions go', async (scene) => {
  const db = await things100(scene);
  const walpiper = await scene.walpiper(db, things());
  await areCopied(db);
  await says(walpiper, /every id is computed/);
  await walpiper.stop();
  const [before] = await checkpoints(db);
  await db.query(version1);
  await db.query('INSERT INTO walpiper.checkpoint (operator, generation, epoch, lsn, ordinal) VALUES ($1, $2, $3, $4, $5)', [
    ...['copies', before.generation, before.epoch, before.lsn, before.ordinal],
  ]);
  await db.query('UPDATE things SET v = v / 2');
  await restartWith(walpiper, things({ lanes: 2 }));
  await areCopiedBut(db, [7]);
  assert.equal(lines(walpiper, /computes every id anew/).length, 1);
  assert.deepEqual((await parked(db)).map(({ id }) => id), ['7']);
  await db.query(`SELECT walpiper.retry('copies')`);
  await areCopied(db);
  await assert.rejects(db.query(`SELECT walpiper.fence('copies', 1)`), /does not exist/);
  const version = await db.value(`SELECT obj_description('walpiper'::regnamespace)`);
  assert.equal(version, 'walpiper operator state, version 5');
});

scenario('state_schema: all that walpiper keeps is in that schema, and commands are given there', async (scene) => {
  const db = await things100(scene);
  await db.load('sql/schema.sql');
  const walpiper = await scene.walpiper(db, things({ lanes: 2 }, { state_schema: 'user' }));
  await areCopied(db);
  await db.query(`UPDATE things SET v = 5; SELECT "user".rebuild('copies')`);
  await says(walpiper, /as it was asked to/, 2);
  await areCopied(db);
  const answer = await walpiper.request('/events', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'k' },
    body: '{"type": "t", "subscriber": "toto", "payload": {}}',
  });
  assert.equal(answer.status, 201, answer.body);
  assert.equal(await db.value('SELECT count(*)::int FROM "user".published'), 2);
  assert.equal(await db.value(`SELECT to_regnamespace('walpiper') IS NULL`), true);
});
