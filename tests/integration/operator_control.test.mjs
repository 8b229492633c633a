// What people ask of a running operator, through the database: pause, resume, retry, skip, rebuild; and who
// of several processes has it.
import { captured } from './harness/journal.mjs';
import { assert, run, scenario, until } from './harness/lib.mjs';
import { areCopied, copied, lines, parked, retry, says, things, thingsSchema } from './harness/things.mjs';

async function copying(scene, over, config) {
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query('INSERT INTO things SELECT n, n FROM generate_series(1, 20) n');
  const walpiper = await scene.walpiper(db, things(over, config));
  await areCopied(db);
  await says(walpiper, /every id is computed/);
  return { db, walpiper };
}

const health = async (walpiper) => JSON.parse((await walpiper.request('/manage/health')).body);
const isDown = (walpiper, why) =>
  until(`it is DOWN: ${why}`, async () => {
    const { status, reason } = await health(walpiper).catch(() => ({})); // it may be starting
    return status === 'DOWN' && why.test(reason);
  });

scenario('pause: nothing is applied and feeds go on, also after a restart; resume: all that came meanwhile is', async (scene) => {
  const { db, walpiper } = await copying(scene);
  await db.query(`SELECT walpiper.pause('copies')`);
  await says(walpiper, /operator copies.*paused/);
  const feed = await walpiper.subscribe('/streams/things');
  await db.query('UPDATE things SET v = 50 WHERE id = 1');
  await feed.first(1);
  await walpiper.restart();
  await says(walpiper, /operator copies.*paused/, 2);
  await db.query('INSERT INTO things VALUES (30, 30)');
  assert.deepEqual((await copied(db))[0], { id: 1, v: 1 });
  assert.equal((await health(walpiper)).status, 'UP');
  await db.query(`SELECT walpiper.resume('copies')`);
  await areCopied(db);
});

scenario('a command for an operator that is not there is refused', async (scene) => {
  const { db } = await copying(scene);
  for (const command of ['pause', 'resume', 'retry', 'skip', 'rebuild'])
    await assert.rejects(db.query(`SELECT walpiper.${command}('copy')`), /there is no operator copy/);
});

scenario('retry: a parked id is tried at once; skip: it is forgotten until an event touches it', async (scene) => {
  const { db } = await copying(scene, {}, { retry: { min_restart_time: 3600000, max_restart_time: 3600000 } });
  await db.query('UPDATE things SET v = 100 WHERE id IN (3, 4, 5)');
  await until('they are parked', async () => (await parked(db)).length === 3);
  await db.query('ALTER TABLE copies DROP CONSTRAINT small');
  assert.equal(await db.value(`SELECT walpiper.retry('copies', '3')`), '1');
  assert.equal(await db.value(`SELECT walpiper.skip('copies', '4')`), '1');
  await until('only 5 is parked', async () => (await parked(db)).map((row) => row.id).join() === '5');
  await areCopiedBut(db, { 4: 4, 5: 5 });
  await db.query('UPDATE things SET v = 101 WHERE id = 4');
  await areCopiedBut(db, { 5: 5 });
  assert.equal(await db.value(`SELECT walpiper.retry('copies')`), '1');
  await areCopied(db);
  assert.deepEqual(await parked(db), []);
});

/** Waits until all things are copied but those that are as OLD says. */
async function areCopiedBut(db, old) {
  const right = (await db.query('SELECT * FROM things ORDER BY id')).map(({ id, v }) => ({ id, v: old[id] ?? v }));
  await until(`all are copied but ${Object.keys(old)}`, async () => JSON.stringify(await copied(db)) === JSON.stringify(right));
}

scenario('on_error stop: it halts after its retries, the feed goes on, a restart does not change that; resume tries again', async (scene) => {
  const { db, walpiper } = await copying(scene, { on_error: 'stop' });
  const feed = await walpiper.subscribe('/streams/things');
  await db.query('UPDATE things SET v = 100 WHERE id = 3');
  await isDown(walpiper, /operator copies: stopped at id 3, which failed 3 times/);
  await db.query('UPDATE things SET v = 60 WHERE id = 6');
  await feed.first(2);
  await walpiper.stop();
  await walpiper.launch();
  await isDown(walpiper, /operator copies: halted: id 3 failed 3 times: .*walpiper.resume\('copies'\)/);
  assert.equal(lines(walpiper, /level=error.*halted/).length, 1);
  assert.deepEqual((await copied(db))[5], { id: 6, v: 6 });
  await db.query(`SELECT walpiper.resume('copies')`);
  await until('it has failed again', () => lines(walpiper, /stopped at id 3/).length === 2);
  await areCopiedBut(db, { 3: 3 });
  await db.query('ALTER TABLE copies DROP CONSTRAINT small');
  await db.query(`SELECT walpiper.resume('copies')`);
  await areCopied(db);
  await walpiper.healthy();
});

scenario('on_error skip: after its retries the id is dropped with one error, and no other', async (scene) => {
  const { db, walpiper } = await copying(scene, { on_error: 'skip' });
  await db.query('UPDATE things SET v = 90 + id WHERE id IN (3, 14, 15)');
  await says(walpiper, /level=error.*skipped id 15, which failed 3 times/);
  await says(walpiper, /level=error.*skipped id 14, which failed 3 times/);
  await until('none is parked', async () => (await parked(db)).length === 0);
  await areCopiedBut(db, { 14: 14, 15: 15 });
  assert.equal(lines(walpiper, /level=error/).length, 2);
});

scenario('rebuild: every id, or those of a condition, while live events go on; one that the server does not take is given up', async (scene) => {
  const { db, walpiper } = await copying(scene);
  await db.query('DELETE FROM copies WHERE id > 5; UPDATE copies SET v = 0');
  await db.query(`SELECT walpiper.rebuild('copies', 'id BETWEEN 2 AND 7')`);
  await says(walpiper, /the rebuild of the ids where id BETWEEN 2 AND 7 is over/);
  assert.deepEqual(
    (await copied(db)).map(({ id, v }) => [id, v]),
    [[1, 0], [2, 2], [3, 3], [4, 4], [5, 5], [6, 6], [7, 7]],
  );
  await db.query(`SELECT walpiper.rebuild('copies', 'ident = 1')`);
  await says(walpiper, /level=error.*gives up the rebuild of the ids where ident = 1: .*ident/);
  await db.query('UPDATE things SET v = 30 WHERE id = 3');
  await until('live events go on', async () => (await copied(db))[2].v === 30);
  await db.query('INSERT INTO copies VALUES (99, 99)');
  await db.query(`SELECT walpiper.rebuild('copies')`);
  await areCopied(db);
  assert.equal(await db.value('SELECT count(*) FROM walpiper.checkpoint WHERE rebuild_where IS NOT NULL'), '0');
});

scenario('a rebuild that is asked for while one is under way begins again, and goes on after a kill where it was; live events do not wait for it', async (scene) => {
  const { db, walpiper } = await copying(scene, { rebuild_rate: 10 });
  await db.query('INSERT INTO things SELECT n, 1 FROM generate_series(21, 160) n');
  await areCopied(db);
  await db.query('TRUNCATE writes');
  await db.query(`SELECT walpiper.rebuild('copies')`);
  const times = (id) => db.value('SELECT count(*)::int FROM writes WHERE id = $1', [id]);
  await until('it has begun', async () => (await times(2)) === 1);
  await db.query(`SELECT walpiper.rebuild('copies')`);
  await until('it has begun again', async () => (await times(2)) === 2);
  await db.query('UPDATE things SET v = 77 WHERE id = 160');
  await until('the event is applied', async () => (await copied(db)).at(-1).v === 77);
  assert.equal(await times(159), 0, 'the rebuild is not there yet');
  await walpiper.kill();
  const after = Number(await db.value('SELECT rebuild_after FROM walpiper.checkpoint'));
  assert.ok(after >= 10 && after < 159, `${after}`);
  await db.query('TRUNCATE writes');
  walpiper.config.operators = things().operators; // as fast as it goes
  await walpiper.configure();
  await walpiper.start();
  await says(walpiper, /every id is computed/, 2);
  const range = await db.query('SELECT min(id), max(id), count(DISTINCT id)::int AS count FROM writes');
  assert.deepEqual(range, [{ min: after + 1, max: 160, count: 160 - after }]);
});

scenario('whoever was replaced does nothing more; resumed when the other is gone, it takes over again and misses nothing', async (scene) => {
  const { db, walpiper: first } = await copying(scene);
  const second = await scene.walpiper(db, { ...things(), slot: { name: `second_${db.name}` } });
  await says(second, /every id is computed/);
  await isDown(first, /operator copies was taken over by another process/);
  await db.query('UPDATE things SET v = 50 WHERE id = 1');
  await areCopied(db);
  await db.query(`SELECT walpiper.resume('copies')`); // the other is there
  await db.query('UPDATE things SET v = 51 WHERE id = 1');
  await areCopied(db);
  assert.equal(lines(first, /takes over again/).length, 0);
  await second.stop();
  await db.query('UPDATE things SET v = 52 WHERE id = 1');
  await db.query(`SELECT walpiper.resume('copies')`);
  await says(first, /takes over again: the process that had it is gone/);
  await areCopied(db);
  await first.healthy();
});

/** Stops WALPIPER in the middle of a transaction of its operator, with more of it still to be sent. */
async function freeze(db, walpiper) {
  const inside = () => db.value(`SELECT pid FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND query ~ '^INSERT INTO copies'`);
  await db.query(`SELECT walpiper.pause('copies')`);
  await says(walpiper, /paused/);
  await db.query('UPDATE things SET v = v + 1');
  await captured(walpiper);
  await db.query(`SELECT walpiper.resume('copies')`);
  const pid = await until('it is in a transaction', inside, { interval: 1 });
  walpiper.child.kill('SIGSTOP');
  const waits = `SELECT wait_event ~ '^Client' FROM pg_stat_activity WHERE pid = $1`;
  await until('the server waits for it', () => db.value(waits, [pid]));
  assert.equal(await inside(), pid, 'it had sent all of its transaction');
}

scenario('one that is frozen in the middle of a transaction is not waited for by the one that takes over, and does nothing more', async (scene) => {
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query('INSERT INTO things SELECT n, 1 FROM generate_series(1, 10000) n');
  const first = await scene.walpiper(db, things({ batch_size: 10000 }));
  await says(first, /every id is computed/);
  await freeze(db, first);
  const second = scene.unstarted(db, things());
  await run('cp', ['-r', '--sparse=always', first.config.journal.path, second.config.journal.path]);
  await second.start();
  await areCopied(db);
  await db.query('TRUNCATE writes');
  first.child.kill('SIGCONT');
  await isDown(first, /operator copies was taken over by another process/);
  assert.deepEqual(await db.query('TABLE writes'), []);
  await areCopied(db);
});

/** Starts WALPIPER and stops it when its operator is prepared, and has not claimed what it works for. */
async function freezeBeforeClaim(target, walpiper) {
  const locker = await target.connect();
  await locker.query('BEGIN; LOCK TABLE copies');
  await walpiper.launch();
  const waiting = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ '^INSERT INTO copies'`;
  const pid = await until('it waits for the target', () => target.value(waiting));
  walpiper.child.kill('SIGSTOP');
  await locker.query('COMMIT');
  locker.release();
  const idle = `SELECT wait_event = 'ClientRead' FROM pg_stat_activity WHERE pid = $1`;
  await until('the server waits for it', () => target.value(idle, [pid]));
}

for (const elsewhere of [false, true]) {
  const where = elsewhere ? ' in another database' : '';
  scenario(`one that is frozen before it takes its operator${where} does not take it from the one that reads the slot now`, async (scene) => {
    const db = await scene.database();
    const target = elsewhere ? await scene.database() : db;
    await db.query('CREATE TABLE src (id int PRIMARY KEY)');
    await target.query('CREATE TABLE copies (id int PRIMARY KEY)');
    const config = {
      tables: [{ name: 'src' }],
      retry,
      operators: [
        {
          ...{ name: 'o', target: 'copies', target_id: 'id', tables: { src: 'id' } },
          query: 'INSERT INTO copies VALUES ($1) ON CONFLICT DO NOTHING',
          ...(elsewhere && { database: { database: target.name } }),
        },
      ],
    };
    const writes = async (id) => {
      await db.query('INSERT INTO src VALUES ($1)', [id]);
      await until(`${id} is there`, () => target.value('SELECT EXISTS (SELECT FROM copies WHERE id = $1)', [id]));
    };
    const [frozen, heir] = [scene.unstarted(db, config), scene.unstarted(db, config)];
    await heir.start();
    await writes(1);
    await heir.stop(); // it has made the slot, which could not be made while a table is locked
    await freezeBeforeClaim(target, frozen);
    await db.query(`SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1`, [frozen.slot]);
    await heir.start();
    await writes(2);
    frozen.child.kill('SIGCONT');
    await says(frozen, /operator o.*slot .* is read for another walpiper/);
    await writes(3);
    assert.doesNotMatch(heir.logText(), /taken over/);
    assert.equal((await health(heir)).status, 'UP');
    await heir.stop();
    await writes(4);
  });
}

scenario('in another database: who takes an operator and does not read its slot loses it to the one that does, in all lanes; taken again, it halts until it is resumed', async (scene) => {
  const [db, target] = [await scene.database(), await scene.database()];
  await db.query('CREATE TABLE src (id int PRIMARY KEY)');
  await target.query('CREATE TABLE copies (id int PRIMARY KEY)');
  const walpiper = await scene.walpiper(db, {
    tables: [{ name: 'src' }],
    retry,
    operators: [
      {
        ...{ name: 'o', target: 'copies', target_id: 'id', tables: { src: 'id' }, lanes: 2 },
        ...{ query: 'INSERT INTO copies VALUES ($1) ON CONFLICT DO NOTHING', database: { database: target.name } },
      },
    ],
  });
  const writes = async (from) => {
    await db.query('INSERT INTO src SELECT n FROM generate_series($1::int, $1::int + 9) n', [from]);
    const there = 'SELECT count(*)::int = 10 FROM copies WHERE id BETWEEN $1::int AND $1::int + 9';
    await until(`${from} and those after it are there`, () => target.value(there, [from]));
  };
  const claim = `SELECT walpiper.claim('o', 0, 2, 'another', NULL)`;
  const take = async () => assert.equal((await run('psql', ['-X', '-q', target.url, '-c', claim])).code, 0);
  await writes(1);
  await take();
  await writes(11);
  await says(walpiper, /takes it back, if slot .* is still read here/);
  assert.equal((await health(walpiper)).status, 'UP');
  await take();
  await says(walpiper, /operator o was taken over by another process/);
  await until('it says so', async () => (await health(walpiper)).status === 'DOWN');
  await target.query(`SELECT walpiper.resume('o')`);
  await writes(21);
});
