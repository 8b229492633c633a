// NDJSON: the same stream as Server-Sent Events, for programs that read lines.
import { assert, scenario, until } from './harness/lib.mjs';
import { lines } from './harness/ndjson.mjs';
import { walpiperOfThings } from './harness/plain.mjs';

scenario('each line is the data of the frame that the event stream has, byte for byte', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  const sse = await walpiper.subscribe('/streams/things');
  const live = await lines(scene, walpiper, '/streams/things');
  await db.query(`INSERT INTO things SELECT n, E'a\\nb "c" \\u2028 ' || n FROM generate_series(1, 200) n`);
  await db.query('UPDATE things SET name = NULL WHERE id = 7');
  await db.query('DELETE FROM things WHERE id = 8');
  const data = (await sse.first(202)).map((frame) => frame.data);
  await live.first(202);
  assert.deepEqual(live.lines, data);
  const replayed = await lines(scene, walpiper, '/streams/things?after=earliest');
  await replayed.first(202);
  assert.deepEqual(replayed.lines, data);
  const { headers } = live.response;
  assert.deepEqual(
    ['content-type', 'cache-control', 'x-accel-buffering', 'vary'].map((name) => headers[name]),
    ['application/x-ndjson', 'no-cache, no-transform', 'no', 'Accept'],
  );
});

scenario('from an id on, in the header or the query, everything later comes once, then live', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  const live = await lines(scene, walpiper, '/streams/things');
  await db.query('INSERT INTO things SELECT n FROM generate_series(1, 10) n');
  const { id } = (await live.first(10))[3];
  const resumed = [
    await lines(scene, walpiper, '/streams/things', { 'Last-Event-ID': id }),
    await lines(scene, walpiper, `/streams/things?after=${id}`),
    await lines(scene, walpiper, `/streams/things?last_event_id=${id}`),
  ];
  await db.query('INSERT INTO things VALUES (11)');
  const expected = (await live.first(11)).slice(4);
  for (const stream of resumed) assert.deepEqual(await stream.first(7), expected);
});

scenario('an id that cannot be served: the first line says so, then it is live', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  const live = await lines(scene, walpiper, '/streams/things');
  await db.query('INSERT INTO things VALUES (1)');
  const [{ id: oldest }] = await live.first(1);
  for (const [n, after, reason] of [[2, '00000000-1-1', 'epoch'], [3, 'nonsense', 'unknown']]) {
    const latest = (await live.first(n - 1)).at(-1).id;
    const stream = await lines(scene, walpiper, `/streams/things?after=${after}`);
    await stream.first(1);
    assert.equal(stream.lines[0], JSON.stringify({ type: 'reset', reason, oldest, latest }));
    await db.query('INSERT INTO things VALUES ($1)', [n]);
    assert.equal((await stream.first(2))[1].new_record.id, n);
  }
});

scenario('a stream without events shows life, and how far it is: good to resume from', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene, { http: { heartbeat: '100ms' } });
  const quiet = await lines(scene, walpiper, '/streams/quiet');
  const live = await lines(scene, walpiper, '/streams/things');
  await db.query('INSERT INTO things VALUES (1)');
  const [{ id }] = await live.first(1);
  const told = () => quiet.objects.find((line) => line.id === id);
  await until('the quiet stream tells the position', told);
  assert.deepEqual(told(), { type: 'keepalive', id });
  quiet.close();
  await db.query('INSERT INTO quiet VALUES (1)');
  const resumed = await lines(scene, walpiper, `/streams/quiet?after=${id}`);
  assert.deepEqual((await resumed.first(1))[0].new_record, { id: 1 });
});

scenario('a stream ends at a line end when walpiper does, and says nothing that is no event', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  const live = await lines(scene, walpiper, '/streams/things');
  await db.query('INSERT INTO things SELECT n FROM generate_series(1, 10) n');
  await live.first(10);
  assert.equal((await walpiper.stop()).code, 0);
  await live.end();
  assert.equal(live.lines.length, 10);
});

scenario('curl prints one event a line', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  await db.query('INSERT INTO things VALUES (1)');
  const curl = scene.curl(
    ...['-H', 'Accept: application/x-ndjson', `${walpiper.base}/streams/things?after=earliest`],
  );
  await until('curl prints the event', () => /^\{.*\}\n$/.test(curl.output()));
  assert.deepEqual(JSON.parse(curl.output()).new_record, { id: 1, name: null });
});

scenario('/events: a row a line, from the table and the journal, and the heartbeat as a line', async (scene) => {
  const db = await scene.database();
  const insert = (from, to) =>
    db.query(
      `INSERT INTO events (type, subscriber, payload)
       SELECT E'a\n"b"', 'toto', jsonb_build_object('n', n) FROM generate_series($1::int, $2::int) n`,
      [from, to],
    );
  await insert(1, 600);
  const walpiper = await scene.walpiper(db, { http: { heartbeat: '100ms' } });
  const live = await lines(scene, walpiper, '/events', { 'X-Consumer-Id': 'toto' });
  await insert(601, 603);
  const { length } = await live.first(3);
  assert.equal(length, 3);
  await until('a heartbeat', () => live.lines.some((line) => line === '{"id":null,"type":"heartbeat","payload":"thump"}'));
  const all = await lines(scene, walpiper, '/events?after=0', { 'X-Consumer-Id': 'toto' });
  const events = await all.first(603);
  assert.deepEqual(events, Array.from({ length: 603 }, (_, n) => ({ id: n + 1, type: 'a "b"', payload: { n: n + 1 } })));
  assert.deepEqual(live.events, events.slice(600));
  assert.equal(live.response.headers['content-type'], 'application/x-ndjson');
  const none = await walpiper.request('/events', { headers: { Accept: 'application/x-ndjson' } });
  assert.equal(none.status, 401);
});
