// A subscriber does not wait for the journal's disk, and loses nothing by it: when walpiper is killed while
// what it delivered is not on disk yet, who comes back gets what follows, once.
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { assert, assertInOrder, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';
import { startFaulty } from './harness/faults.mjs';
import { captured } from './harness/journal.mjs';
import { startChild } from './harness/process.mjs';

const postgresBin = process.env.POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const forEver = 600_000; // milliseconds that a sync takes: it does not end in a test

const say = (db, message) => db.query('INSERT INTO comments (post_id, message) VALUES (1, $1)', [message]);

const mail = (db, n) =>
  db.query(`INSERT INTO events (subscriber, type, payload) VALUES ('toto', 'mail', $1) RETURNING id`, [{ n }]);

const messages = (frames) => frames.map(({ data }) => JSON.parse(data).new_record.message);

const confirmed = async (db, walpiper) => {
  const [row] = await db.query('SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1', [
    walpiper.slot,
  ]);
  return row.lsn;
};

/** A walpiper that has an event on disk, and whose syncs do not end from now on. */
async function startSlow(scene, config = { ...blog, operators: [] }) {
  const db = await scene.database({ files: blogFiles });
  const { walpiper, faults } = await startFaulty(scene, db, config);
  const stream = await walpiper.subscribe('/streams/comments');
  await say(db, 'on disk');
  await stream.first(1);
  await captured(walpiper);
  faults.slow(forEver);
  return { db, walpiper, faults, stream };
}

/** Killed, and up again with a disk that is well. */
async function killAndStart({ walpiper, faults }) {
  await walpiper.kill();
  faults.none();
  await walpiper.start();
}

scenario('an event arrives while the disk is at work, and is not confirmed before it is on it', async (scene) => {
  const { db, walpiper, stream, faults } = await startSlow(scene);
  const before = await confirmed(db, walpiper);
  for (const n of [1, 2, 3]) await say(db, `early ${n}`);
  assert.deepEqual(messages(await stream.first(4)).slice(1), ['early 1', 'early 2', 'early 3']);
  assert.equal(await confirmed(db, walpiper), before);
  await killAndStart({ walpiper, faults });
  const again = await walpiper.subscribe('/streams/comments', { lastEventId: stream.lastId });
  const all = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
  await say(db, 'after');
  assert.deepEqual(messages(await again.first(1)), ['after']);
  assert.deepEqual(messages(await all.first(5)), ['on disk', 'early 1', 'early 2', 'early 3', 'after']);
  assert.deepEqual(
    all.events.slice(0, 4).map(({ id, data }) => ({ id, data })),
    stream.events.map(({ id, data }) => ({ id, data })),
    'the same events with the same ids',
  );
  assertInOrder(all.events.map(({ id }) => id));
});

/** Keeps walpiper's slot from it, and confirms nothing, until it is killed. */
async function occupySlot(scene, db, walpiper) {
  const args = ['-d', db.url, '-S', walpiper.slot, '--start', '-f', '/dev/null', '-s', '0', '-F', '0'];
  const holder = startChild(join(postgresBin, 'pg_recvlogical'), args, {
    log: join(walpiper.directory, 'pg_recvlogical.log'),
  });
  scene.defer(() => holder.kill('SIGKILL'));
  await until('the slot is taken', () =>
    db.value('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot]),
  );
  return holder;
}

scenario('who comes back before the journal has what it had is waited for: the rest, once', async (scene) => {
  const { db, walpiper, stream, faults } = await startSlow(scene);
  for (const n of [1, 2, 3]) await say(db, `early ${n}`);
  const [, first] = await stream.first(4);
  await walpiper.kill();
  await until('the slot is free', async () => {
    const [row] = await db.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot]);
    return !row.active;
  });
  const holder = await occupySlot(scene, db, walpiper);
  faults.none();
  await walpiper.launch();
  await until('walpiper waits for its slot', () => /is being read by process/.test(walpiper.logText()));
  const again = await walpiper.subscribe('/streams/comments', { lastEventId: first.id });
  const live = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
  assert.deepEqual(messages(await live.first(1)), ['on disk']);
  holder.kill('SIGKILL');
  await walpiper.healthy();
  await say(db, 'after');
  assert.deepEqual(messages(await again.first(3)), ['early 2', 'early 3', 'after']);
  assert.ok(!again.frames.some(({ event }) => event === 'reset'));
});

scenario('/events: who had a row that was not on disk gets the rows after it, once', async (scene) => {
  const { db, walpiper, faults } = await startSlow(scene);
  const toto = await walpiper.events('toto');
  for (const n of [1, 2]) await mail(db, n);
  const [first, second] = await toto.first(2);
  await killAndStart({ walpiper, faults });
  const fromFirst = await walpiper.events('toto', { lastEventId: first.id });
  const fromSecond = await walpiper.events('toto', { lastEventId: second.id });
  await mail(db, 3);
  const data = (frames) => frames.map((frame) => JSON.parse(frame.data).n);
  assert.deepEqual(data(await fromFirst.first(2)), [2, 3]);
  assert.deepEqual(data(await fromSecond.first(1)), [3]);
});

scenario('/events: a client that comes back at once, to the same process, gets no row twice', async (scene) => {
  const { db, walpiper, faults } = await startSlow(scene);
  const toto = await walpiper.events('toto');
  for (const n of [1, 2]) await mail(db, n);
  const [first] = await toto.first(2);
  toto.close();
  const again = await walpiper.events('toto', { lastEventId: first.id });
  faults.none();
  await killAndStart({ walpiper, faults });
  const last = await walpiper.events('toto', { lastEventId: again.lastId });
  await mail(db, 3);
  const frames = [...again.events, ...(await last.first(2 - again.events.length))];
  assert.deepEqual(frames.map((frame) => JSON.parse(frame.data).n), [2, 3]);
});

scenario('pull: `next` of an event that was not on disk is good after the kill', async (scene) => {
  const { db, walpiper, faults } = await startSlow(scene);
  await say(db, 'early');
  const pull = async (after) => {
    const path = `/streams/comments?after=${after}&wait=30`;
    const { status, body } = await walpiper.request(path, { headers: { Accept: 'application/json' } });
    assert.equal(status, 200, body);
    return JSON.parse(body);
  };
  const had = await until('it has the early one', async () => {
    const answer = await pull('earliest');
    return answer.events.length === 2 && answer;
  });
  await killAndStart({ walpiper, faults });
  await say(db, 'after');
  const { events } = await pull(had.next);
  assert.deepEqual(events.map(({ new_record }) => new_record.message), ['after']);
});

scenario('an operator that was ahead of the journal applies each event once', async (scene) => {
  const { db, walpiper, faults } = await startSlow(scene, blog);
  const isRight = async () => isDeepStrictEqual(await counts(db), await countsFromScratch(db));
  await say(db, 'early');
  await until('it is applied', isRight);
  await killAndStart({ walpiper, faults });
  await say(db, 'after');
  await until('it goes on', isRight);
  assert.equal(walpiper.logText().match(/computes every id anew/g).length, 1, 'only when it began');
});
