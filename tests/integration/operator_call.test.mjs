// Operators that call a function with each event: in order, each event once, whatever is killed.
import { isDeepStrictEqual } from 'node:util';
import { assert, scenario, until } from './harness/lib.mjs';

const calling = (over) => ({
  tables: [{ name: 'src' }],
  operators: [{ name: 'o', call: 'shop.on_event', tables: ['src'], ...over }],
});

/** A source, and a function that writes down each event, and fails for a row that is bad. */
async function shop(scene) {
  const db = await scene.database();
  await db.query(`
    CREATE SCHEMA shop;
    CREATE TABLE src (id int PRIMARY KEY, bad bool NOT NULL DEFAULT false);
    CREATE TABLE told (nr bigserial PRIMARY KEY, event jsonb);
    CREATE TABLE mended (ok bool);
    CREATE FUNCTION shop.on_event(event jsonb) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
      IF (event #>> '{new_record,bad}')::bool AND NOT EXISTS (SELECT FROM mended) THEN
        RAISE EXCEPTION 'bad row %', event #>> '{new_record,id}' USING ERRCODE = '22023';
      END IF;
      INSERT INTO told (event) VALUES (event);
    END $$`);
  return db;
}

const told = (db) =>
  db.query(`SELECT event ->> 'type' AS type, coalesce(event #>> '{new_record,id}', event #>> '{old_record,id}')::int AS id
            FROM told ORDER BY nr`);

async function tells(db, expected) {
  let seen;
  await until('the function got its events', async () => isDeepStrictEqual((seen = await told(db)), expected)).catch(
    (error) => {
      throw new Error(`${error.message}: it got ${JSON.stringify(seen)}`);
    },
  );
}

const inserts = (ids) => ids.map((id) => ({ type: 'insert', id }));
const upTo = (count) => Array.from({ length: count }, (_, i) => i + 1);

scenario('a function gets each event as subscribers do, in order, from the first start on', async (scene) => {
  const db = await shop(scene);
  await db.query('INSERT INTO src VALUES (100)');
  const walpiper = await scene.walpiper(db, calling());
  const feed = await walpiper.subscribe('/streams/src');
  await until('the operator has begun', () => walpiper.logText().includes('gets the events from now on'));
  await db.query('INSERT INTO src VALUES (1), (2)');
  await db.query('UPDATE src SET id = 3 WHERE id = 1');
  await db.query('TRUNCATE src');
  await db.query('INSERT INTO src VALUES (4)');
  await db.query('DELETE FROM src');
  const expected = [...inserts([1, 2]), { type: 'update', id: 3 }, ...inserts([4]), { type: 'delete', id: 4 }];
  await tells(db, expected);
  const frames = (await feed.first(6)).map((frame) => JSON.parse(frame.data)).filter((event) => event.type !== 'truncate');
  const events = (await db.query('SELECT event FROM told ORDER BY nr')).map((row) => row.event);
  assert.deepEqual(events, frames);
});

scenario('only the listed types are called for', async (scene) => {
  const db = await shop(scene);
  const walpiper = await scene.walpiper(db, calling({ events: ['insert'] }));
  await until('the operator has begun', () => walpiper.logText().includes('gets the events from now on'));
  await db.query('INSERT INTO src VALUES (1)');
  await db.query('UPDATE src SET id = 2');
  await db.query('DELETE FROM src');
  await db.query('INSERT INTO src VALUES (3)');
  await tells(db, inserts([1, 3]));
});

scenario('each event has its effect once, although walpiper and its connections are killed', async (scene) => {
  const db = await shop(scene);
  const walpiper = await scene.walpiper(db, { ...calling({ batch_size: 7 }), retry: { min_restart_time: 50 } });
  await until('the operator has begun', () => walpiper.logText().includes('gets the events from now on'));
  let next = 1;
  let writing = true;
  const writer = (async () => {
    while (writing) {
      await db.query('INSERT INTO src SELECT generate_series($1::int, $1::int + 9)', [next]);
      next += 10;
    }
  })();
  const progress = async () => {
    const before = await db.value('SELECT count(*)::int FROM told');
    await until('more events have come', async () => (await db.value('SELECT count(*)::int FROM told')) > before);
  };
  for (let round = 0; round < 3; round++) {
    await progress();
    await walpiper.kill();
    await walpiper.start();
    for (let i = 0; i < 2; i++) {
      await progress();
      await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query ~ 'on_event|walpiper[._]' AND pid <> pg_backend_pid()`);
    }
  }
  writing = false;
  await writer;
  await until('all events have come', async () => (await db.value('SELECT count(*)::int FROM told')) >= next - 1);
  assert.deepEqual(await told(db), inserts(upTo(next - 1)));
});

scenario('a bad event is set aside with its JSON, those around it have their effect once', async (scene) => {
  const db = await shop(scene);
  const walpiper = await scene.walpiper(db, calling());
  await until('the operator has begun', () => walpiper.logText().includes('gets the events from now on'));
  await db.query('INSERT INTO src SELECT n, n IN (5, 6, 11) FROM generate_series(1, 20) n');
  await tells(db, inserts(upTo(20).filter((id) => ![5, 6, 11].includes(id))));
  const parked = () =>
    db.query(`SELECT (event::jsonb #>> '{new_record,id}')::int AS id, sqlstate FROM walpiper.parked ORDER BY 1`);
  assert.deepEqual(
    await parked(),
    [5, 6, 11].map((id) => ({ id, sqlstate: '22023' })),
  );
  await walpiper.restart('SIGKILL');
  await db.query('INSERT INTO mended VALUES (true)');
  await db.query(`SELECT walpiper.retry('o')`);
  await until('nothing is parked', async () => (await parked()).length === 0);
  const all = (await told(db)).map(({ id }) => id);
  assert.deepEqual(all.slice(17).sort((a, b) => a - b), [5, 6, 11]);
  assert.equal(all.length, 20);
});

scenario('events that the journal has lost are told, and the others come', async (scene) => {
  const db = await shop(scene);
  const walpiper = await scene.walpiper(db, calling());
  await until('the operator has begun', () => walpiper.logText().includes('gets the events from now on'));
  await db.query('INSERT INTO src VALUES (1)');
  await tells(db, inserts([1]));
  await walpiper.stop();
  await db.query(`UPDATE walpiper.checkpoint SET epoch = 'ffffffff'`);
  await walpiper.launch();
  await until('it is told', () => walpiper.logText().includes('events may be lost to it'));
  const health = await until('health is down', async () => {
    const answer = await walpiper.request('/manage/health').catch(() => null);
    return answer?.status === 503 && answer;
  });
  assert.match(health.body, /events may be lost/);
  await db.query('INSERT INTO src VALUES (2)');
  await tells(db, inserts([1, 1, 2]));
});

scenario('a function that is not there is waited for, and told', async (scene) => {
  const db = await shop(scene);
  await db.query('ALTER FUNCTION shop.on_event RENAME TO later');
  const walpiper = scene.unstarted(db, { ...calling(), retry: { max_restart_time: 500 } });
  await walpiper.launch();
  await until('it is told', () => /there is no function shop\.on_event/.test(walpiper.logText()));
  await db.query('ALTER FUNCTION shop.later RENAME TO on_event');
  await until('the operator has begun', () => walpiper.logText().includes('gets the events from now on'));
  await db.query('INSERT INTO src VALUES (1)');
  await tells(db, inserts([1]));
});
