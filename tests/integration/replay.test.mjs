// Replay: what a subscriber missed comes from the journal, for any number of them, and live ones do not
// wait for it.
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { assert, assertInOrder, position, scenario, until } from './harness/lib.mjs';
import { captured } from './harness/journal.mjs';

const thingsTable = 'CREATE TABLE things (id int PRIMARY KEY, owner int); CREATE TABLE news (id int PRIMARY KEY)';
const tables = [{ name: 'public.things', scopes: [{ owner: 'owners' }] }, { name: 'public.news' }];

async function streaming(scene, config = {}) {
  const db = await scene.database();
  await db.query(thingsTable);
  const walpiper = await scene.walpiper(db, { tables, ...config });
  return { db, walpiper };
}

const insertThings = (db, from, to) =>
  db.query('INSERT INTO things SELECT n, n % 100 FROM generate_series($1::int, $2::int) n', [from, to]);

const recordIds = (frames) => frames.map((frame) => JSON.parse(frame.data).new_record.id);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

scenario('a replay of 200 000 events delays no live event, and gives each of them once and in order', async (scene) => {
  const total = 200_000;
  const { db, walpiper } = await streaming(scene, { http: { threads: 1 } });
  await insertThings(db, 1, total);
  await captured(walpiper);
  const live = await walpiper.subscribe('/streams/news');
  let next = 1;
  let wrong;
  const replay = await walpiper.subscribe('/streams/things', {
    lastEventId: 'earliest',
    keep: false,
    onFrame: ({ data }) => {
      if (!data.includes(`"new_record":{"id":${next++},`)) wrong ??= `${data} came as number ${next - 1}`;
    },
  });
  await replay.until('the replay is under way', () => next > 1000);
  await db.query('INSERT INTO news VALUES (1)');
  await live.first(1);
  const before = next;
  await replay.until('the replay is through', () => next > total || wrong);
  assert.equal(wrong, undefined);
  assert.ok(before < total, 'the live event came after the whole replay');
  await insertThings(db, total + 1, total + 1);
  await replay.until('it is live', () => next > total + 1 || wrong);
  assert.equal(wrong, undefined);
});

scenario('hundreds that come back at once get what they missed, and the database is not asked', async (scene) => {
  const clients = range(1, 200);
  const { db, walpiper } = await streaming(scene);
  const insertEvents = (from, to) =>
    db.query(
      `INSERT INTO events (id, type, subscriber, payload)
         SELECT n, 't', 'consumer ' || n % 250, to_jsonb(n) FROM generate_series($1::int, $2::int) n`,
      [from, to],
    );
  await insertThings(db, 1, 1000);
  await insertEvents(1, 1000);
  const come = (options) =>
    Promise.all(
      clients.flatMap((n) => [
        walpiper.subscribe(`/streams/things/${1000 + n * 17}`, options(`thing ${n}`)),
        walpiper.subscribe(`/streams/owners/${n % 100}/things`, options(`owner ${n}`)),
        walpiper.events(`consumer ${n}`, options(`consumer ${n}`)),
      ]),
    );
  const here = await come((who) => ({ lastEventId: who.startsWith('consumer') ? '1' : 'earliest' }));
  const lastIds = new Map();
  for (const n of clients) {
    const [, owner, consumer] = here.slice((n - 1) * 3, n * 3);
    await owner.first(10);
    await consumer.first(n === 1 ? 3 : 4); // consumer 1 had row 1 before
    lastIds.set(`thing ${n}`, owner.lastId).set(`owner ${n}`, owner.lastId).set(`consumer ${n}`, consumer.lastId);
  }
  for (const subscription of here) subscription.close();
  await insertThings(db, 1001, 20_000);
  await insertEvents(1001, 20_000);
  await captured(walpiper);
  const locker = await db.connect();
  await locker.query('BEGIN; LOCK TABLE events, things IN ACCESS EXCLUSIVE MODE');
  const back = await come((who) => ({ lastEventId: lastIds.get(who) }));
  for (const n of clients) {
    const [thing, owner, consumer] = back.slice((n - 1) * 3, n * 3);
    assert.deepEqual(recordIds(await thing.first(1)), [1000 + n * 17]);
    const owned = range(1001, 20_000).filter((id) => id % 100 === n % 100);
    assert.deepEqual(recordIds(await owner.first(owned.length)), owned);
    assertInOrder(owner.events.map((frame) => frame.id));
    const theirs = range(1001, 20_000).filter((id) => id % 250 === n);
    const rows = await consumer.first(theirs.length);
    assert.deepEqual(rows.map((frame) => [frame.id, frame.data]), theirs.map((id) => [`${id}`, `${id}`]));
  }
  await locker.query('ROLLBACK');
  locker.release();
  await insertEvents(20_001, 20_250);
  for (const n of clients) {
    const consumer = back[(n - 1) * 3 + 2];
    await consumer.first(76 + 1);
    assert.equal(consumer.events.length, 77, 'nothing twice');
  }
});

scenario('each kind of id: where a stream begins, and what it says first', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  await insertThings(db, 1, 5);
  await captured(walpiper);
  const ids = (await (await walpiper.subscribe('/streams/things', { lastEventId: 'earliest' })).first(5)).map(({ id }) => id);
  const { epoch } = position(ids[0]);
  const foreign = `${epoch === '00000000' ? '11111111' : '00000000'}${ids[2].slice(8)}`;
  const reset = (reason) => ({ reason, oldest: ids[0], latest: ids[4] });
  const from = (n) => range(n, 6);
  const cases = [
    ['earliest', null, from(1)],
    ['latest', null, from(6)],
    [ids[2], null, from(4)],
    [ids[4], null, from(6)],
    ['nonsense', reset('unknown'), from(6)],
    ['5', reset('unknown'), from(6)],
    [`${ids[2]} `.repeat(20).trim(), reset('unknown'), from(6)],
    [`${epoch}-FFFFFFFFFFFF-1`, reset('unknown'), from(6)],
    [foreign, reset('epoch'), from(6)],
  ];
  const streams = [];
  for (const [id, ...expected] of cases) {
    const query = (name) => walpiper.subscribe(`/streams/things?${name}=${encodeURIComponent(id)}`);
    streams.push([await walpiper.subscribe('/streams/things', { lastEventId: id }), id, ...expected]);
    streams.push([await query('last_event_id'), id, ...expected]);
    streams.push([await query('lastEventId'), id, ...expected]);
  }
  const header = await walpiper.subscribe(`/streams/things?last_event_id=${ids[0]}`, { lastEventId: ids[3] });
  streams.push([header, 'the header wins', null, from(5)]);
  await insertThings(db, 6, 6);
  for (const [stream, id, expectedReset, expected] of streams) {
    await stream.until(`${id}: row 6`, () => stream.events.at(-1)?.data.includes('"new_record":{"id":6,'));
    const events = [...stream.events];
    if (expectedReset) {
      const first = events.shift();
      assert.deepEqual([first.event, JSON.parse(first.data)], ['reset', expectedReset], id);
    }
    assert.deepEqual(recordIds(events), expected, id);
  }
});

scenario('an id that retention has overtaken: a reset that says so, then live, never a silent gap', async (scene) => {
  const { db, walpiper } = await streaming(scene, { journal: { retention: { bytes: '64kB' } } });
  const early = await walpiper.subscribe('/streams/things');
  await insertThings(db, 1, 1);
  const [first] = await early.first(1);
  early.close();
  await insertThings(db, 2, 20_000);
  let reset;
  for (let n = 20_001; reset === undefined; n++) {
    await insertThings(db, n, n); // trimming goes on with each write
    await captured(walpiper);
    const back = await walpiper.subscribe('/streams/things', { lastEventId: first.id });
    const [frame] = await back.first(1);
    if (frame.event === 'reset') reset = { stream: back, frame, next: n + 1 };
    else assert.deepEqual(recordIds([frame]), [2]);
  }
  const { reason, oldest, latest } = JSON.parse(reset.frame.data);
  assert.equal(reason, 'expired');
  assertInOrder([first.id, oldest, latest]);
  await insertThings(db, reset.next, reset.next);
  const [, live] = await reset.stream.first(2);
  assert.deepEqual(recordIds([live]), [reset.next]);
  assertInOrder([latest, live.id]);
  const whole = await walpiper.subscribe('/streams/things', { lastEventId: oldest });
  const [second] = await whole.first(1);
  assert.notEqual(second.event, 'reset', 'the oldest id that was named can be resumed from');
});

/** Changes a byte wherever MARK lies in the journal on disk. */
function damage(walpiper, mark) {
  const path = join(walpiper.config.journal.path, 'data.mdb');
  const bytes = readFileSync(path);
  const file = openSync(path, 'r+');
  let found = 0;
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1), found++) writeSync(file, '?', at);
  closeSync(file);
  assert.ok(found > 0);
}

scenario('a damaged block: told with a reset once, logged once, and streams stay open', async (scene) => {
  const mark = 'qZ8#kW5!vX2-jY6=';
  const { db, walpiper } = await streaming(scene, { http: { threads: 1 } });
  for (const [from, to, payload] of [[1, 1000, 'before'], [1001, 1001, mark], [1002, 2000, 'behind']]) {
    await db.query(
      `INSERT INTO events (id, type, subscriber, payload)
         SELECT n, 't', 'toto', to_jsonb($3::text) FROM generate_series($1::int, $2::int) n`,
      [from, to, payload],
    );
  }
  await captured(walpiper);
  await walpiper.stop();
  damage(walpiper, mark);
  await walpiper.start(); // and nothing is in memory
  const isReset = ({ event }) => event === 'reset';
  const topic = await walpiper.subscribe('/streams/events', { lastEventId: 'earliest' });
  const toto = await walpiper.events('toto', { lastEventId: '1' });
  const again = await walpiper.subscribe('/streams/events', { lastEventId: 'earliest' });
  for (const stream of [topic, toto, again]) {
    const { data } = await stream.find('a reset', isReset);
    assert.equal(JSON.parse(data).reason, 'expired');
  }
  await db.query(`INSERT INTO events (id, type, subscriber, payload) VALUES (3000, 't', 'toto', '"live"')`);
  for (const stream of [topic, toto, again]) {
    await stream.find('the live row', ({ data }) => data?.includes('live'));
    const at = stream.events.findIndex(isReset);
    assert.equal(stream.events.length, at + 2, 'behind the reset there is the live row only');
    assert.ok(at > 500 && at < 1001, `${at} rows came before the damage`);
  }
  assert.equal(toto.lastId, '3000');
  const lines = () => walpiper.logText().match(/.*are damaged.*/g) ?? [];
  await until('the log tells', () => lines().length > 0);
  assert.match(lines()[0], /walpiper journal verify/);
  assert.ok(lines().length <= 2, `${lines().length} lines`); // the id that a reader comes with is told too
});
