// What EventPiper's README promises, word for word, with the real curl.
import { assert, frameText, scenario, until } from './harness/lib.mjs';

const insert = `insert into events (type, timestamp, subscriber, payload)
                values ('insert', now(), 'toto', '{"foo": "bar"}')`;
const frame = (id) => `id: ${id}\nevent: insert\ndata: {"foo":"bar"}\n\n`;

scenario('curl of GET /events shows the frame of an insert', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const curl = scene.curl('-v', `localhost:${walpiper.port}/events`, '-H', 'X-Consumer-Id: toto');
  await until('the head is here', () => curl.output().includes('text/event-stream'));
  await db.query(insert);
  await until('the frame is here', () => curl.output().includes(frame(1)));
});

scenario('Last-Event-ID: 5 gives 6, 7, 8 at once and then what is new', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  for (let i = 0; i < 8; i++) await db.query(insert);
  const headers = ['-H', 'X-Consumer-Id: toto', '-H', 'Last-Event-ID: 5'];
  const curl = scene.curl(`localhost:${walpiper.port}/events`, ...headers);
  await until('8 is here', () => curl.output().includes(frame(8)));
  await db.query(insert);
  await until('9 is here', () => curl.output().includes(frame(9)));
  const frames = curl.output().replace(/^:\n/gm, ''); // comments keep the connection alive
  assert.equal(frames, frame(6) + frame(7) + frame(8) + frame(9));
});

scenario('two sessions of one consumer both get an event, another consumer does not', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const [first, second] = [await walpiper.events('toto'), await walpiper.events('toto')];
  const other = await walpiper.events('tata');
  await db.query(insert);
  await db.query(`insert into events (type, subscriber, payload) values ('end', 'tata', '[1]')`);
  for (const session of [first, second]) {
    assert.deepEqual(await session.first(1), [{ id: '1', event: 'insert', data: '{"foo":"bar"}' }]);
  }
  assert.deepEqual(await other.first(1), [{ id: '2', event: 'end', data: '[1]' }]);
});

scenario('without an event a heartbeat says thump', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, { http: { heartbeat: '1s' } });
  const toto = await walpiper.events('toto');
  const beat = await toto.find('a heartbeat', (f) => f.event === 'heartbeat', 5000);
  assert.deepEqual(beat, { event: 'heartbeat', data: 'thump' });
});

scenario('an event delays the next heartbeat, those of other consumers do not', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, { http: { heartbeat: '2s' } });
  const toto = await walpiper.events('toto');
  const tata = await walpiper.events('tata');
  for (let i = 0; i < 12; i++) {
    await db.query(insert);
    await toto.first(i + 1);
    await new Promise((resolve) => setTimeout(resolve, 250)); // 3 s of events, each within 2 s of the last
  }
  assert.deepEqual(toto.frames.filter((f) => f.event === 'heartbeat'), []);
  assert.ok(tata.frames.some((f) => f.event === 'heartbeat'));
});

scenario('without X-Consumer-Id: 401', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const answer = await walpiper.request('/events');
  assert.equal(answer.status, 401);
  assert.equal(answer.body, `Request doesn't pass through the API gateway!`);
});

scenario('health, 404 and 405', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const health = await walpiper.request('/manage/health');
  assert.deepEqual([health.status, health.body], [200, '{"status":"UP"}']);
  const unknown = await walpiper.request('/nothing/here');
  assert.deepEqual([unknown.status, unknown.body], [404, 'Not found']);
  const wrong = await walpiper.request('/manage/health', { method: 'DELETE' });
  assert.equal(wrong.status, 405);
  assert.match(wrong.headers.allow, /\bGET\b/);
});

scenario('the head says what proxies and browsers need', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const toto = await walpiper.events('toto');
  const { headers } = toto.response;
  assert.match(headers['content-type'], /^text\/event-stream\b/);
  assert.equal(headers['cache-control'], 'no-cache, no-transform');
  assert.equal(headers['x-accel-buffering'], 'no');
});

scenario('a Last-Event-ID that is no integer is ignored', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  await db.query(insert);
  const before = await walpiper.events('toto', { lastEventId: '0' });
  await before.first(1);
  const toto = await walpiper.events('toto', { lastEventId: 'abc' });
  await db.query(insert);
  assert.deepEqual((await toto.first(1))[0].id, '2');
});

scenario('the query last_event_id works too, and the header wins', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  for (let i = 0; i < 4; i++) await db.query(insert);
  const headers = { 'X-Consumer-Id': 'toto' };
  for (const name of ['last_event_id', 'lastEventId']) {
    const toto = await walpiper.subscribe(`/events?${name}=2`, { headers });
    assert.deepEqual((await toto.first(2)).map((f) => f.id), ['3', '4'], name);
  }
  const both = await walpiper.subscribe('/events?last_event_id=1', { headers, lastEventId: '3' });
  assert.deepEqual((await both.first(1)).map((f) => f.id), ['4']);
});

scenario('a row with a smaller id that commits later is delivered, also after a resume', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const toto = await walpiper.events('toto');
  const late = await db.connect();
  await late.query('BEGIN');
  await late.query(insert); // takes id 1
  await db.query(insert); // id 2, committed first
  assert.deepEqual((await toto.first(1)).map((f) => f.id), ['2']);
  toto.close();
  await late.query('COMMIT');
  late.release();
  await db.query(insert); // id 3
  const resumed = await walpiper.events('toto', { lastEventId: '2' });
  assert.deepEqual((await resumed.first(2)).map((f) => f.id), ['1', '3']);
});

scenario('rows older than the journal are replayed from the table', async (scene) => {
  const db = await scene.database();
  for (let i = 0; i < 7; i++) await db.query(insert);
  await db.query(`insert into events (type, subscriber, payload) values ('insert', 'tata', '{}')`);
  const walpiper = await scene.walpiper(db);
  await db.query(insert); // id 9
  const toto = await walpiper.events('toto', { lastEventId: '5' });
  assert.deepEqual((await toto.first(3)).map((f) => f.id), ['6', '7', '9']);
  await db.query(insert);
  const frames = await toto.first(4);
  assert.equal(frames.map(frameText).join(''), frame(6) + frame(7) + frame(9) + frame(10));
});

scenario('no gap and no duplicate at the seam of replay and live', { timeout: 180_000 }, async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const rows = 3000;
  await db.query(`insert into events (type, subscriber, payload)
                  select 'insert', 'toto', to_jsonb(n) from generate_series(1, 500) n`);
  const writing = (async () => {
    for (let n = 500; n < rows; n += 10) {
      await db.query(
        `insert into events (type, subscriber, payload)
         select 'insert', 'toto', to_jsonb(n) from generate_series($1::int, $2) n`,
        [n + 1, n + 10],
      );
    }
  })();
  const sessions = [];
  for (let i = 0; i < 20; i++) {
    sessions.push(await walpiper.events('toto', { lastEventId: String(i * 20) }));
  }
  await writing;
  for (const [i, session] of sessions.entries()) {
    const expected = Array.from({ length: rows - i * 20 }, (_, n) => String(i * 20 + n + 1));
    const frames = await session.first(expected.length);
    assert.deepEqual(frames.map((f) => f.id), expected);
  }
});
