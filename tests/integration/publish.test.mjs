// POST /events: what is posted is in the table, once and whole or not at all, and reaches its subscriber in order.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { promisify } from 'node:util';
import { Client, fetch } from 'undici';
import { hsToken } from './harness/jwt.mjs';
import { assert, scenario, until } from './harness/lib.mjs';

const curl = async (...args) => (await promisify(execFile)('curl', ['--noproxy', '*', '-sS', ...args])).stdout;

async function post(walpiper, body, headers = {}) {
  const response = await fetch(`${walpiper.base}/events`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' || body?.getReader ? body : JSON.stringify(body),
    duplex: 'half',
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  return { status: response.status, headers: response.headers, text, answer: isJson ? JSON.parse(text) : undefined };
}

async function posted(walpiper, body, headers) {
  const { status, text, answer } = await post(walpiper, body, headers);
  assert.equal(status, 201, text);
  return answer.ids;
}

const rows = (db, columns = 'id') => db.query(`SELECT ${columns} FROM events ORDER BY id`);

scenario('one event, an array, NDJSON: in the table, and to the subscriber in order with the ids of the answers', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const toto = await walpiper.events('toto');
  const one = await posted(walpiper, { type: 'a', subscriber: 'toto', payload: { n: 1 } });
  const array = await posted(walpiper, [
    { type: 'b', subscriber: 'toto', payload: 2 },
    { type: 'b', subscriber: 'other', payload: 2 },
    { type: 'c', consumer: 'toto', payload: 'three' },
  ]);
  const lines = await posted(
    walpiper,
    '{"type":"d","subscriber":"toto"}\n\n  {"subscriber":"toto","type":"e","payload":[null]}',
    { 'Content-Type': 'application/x-ndjson; charset=utf-8' },
  );
  assert.deepEqual([one.length, array.length, lines.length], [1, 3, 2]);
  const events = await toto.first(5);
  assert.deepEqual(
    events.map(({ id, event, data }) => [Number(id), event, data]),
    [
      [one[0], 'a', '{"n":1}'],
      [array[0], 'b', '2'],
      [array[2], 'c', '"three"'],
      [lines[0], 'd', 'null'],
      [lines[1], 'e', '[null]'],
    ],
  );
  const xids = await rows(db, 'xmin::text');
  assert.equal(new Set(xids.slice(1, 4).map((row) => row.xmin)).size, 1, 'an array is one transaction');
});

scenario('a payload reaches table and subscriber with every digit, whatever the type of the column', async (scene) => {
  const payload = '{"big":12345678901234567890.123456789012345678901,"e":1E400,"deep":"\\u00e9\\ud83d\\ude00 \\"q\\" \\\\"}';
  for (const type of ['jsonb', 'json', 'text']) {
    const db = await scene.database();
    await db.query(`ALTER TABLE events ALTER payload TYPE ${type} USING payload::${type}`);
    const walpiper = await scene.walpiper(db);
    const [id] = await posted(walpiper, `{"type":"t","subscriber":"s","payload": ${payload} }`);
    const stored = await db.value('SELECT payload::text FROM events WHERE id = $1', [id]);
    const expected = type === 'jsonb' ? await db.value('SELECT $1::jsonb::text', [payload]) : payload;
    assert.equal(stored, expected);
    const [text] = await posted(walpiper, { type: 't', subscriber: 's', payload: 'a "plain" text\n' });
    const column = await db.value('SELECT payload::text FROM events WHERE id = $1', [text]);
    assert.equal(column, type === 'text' ? 'a "plain" text\n' : '"a \\"plain\\" text\\n"');
  }
});

scenario('an array of 10 000 is one transaction, all in order', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const toto = await walpiper.events('toto');
  const ids = await posted(walpiper, Array.from({ length: 10_000 }, (_, n) => ({ type: 't', subscriber: 'toto', payload: n })));
  assert.equal(ids.length, 10_000);
  const events = await toto.first(10_000);
  assert.deepEqual(events.map((event) => [Number(event.id), Number(event.data)]), ids.map((id, n) => [id, n]));
  assert.equal(await db.value('SELECT count(DISTINCT xmin::text)::int FROM events'), 1);
});

scenario('one bad event of many: 400 names it and its field, and nothing is inserted', async (scene) => {
  const db = await scene.database();
  await db.query(`ALTER TABLE events ADD CHECK (type <> 'forbidden')`);
  const walpiper = await scene.walpiper(db);
  const good = { type: 't', subscriber: 's', payload: {} };
  const cases = [
    [[good, { subscriber: 's' }], 1, 'type', /"type" is missing/],
    [[good, good, { type: 't' }], 2, 'subscriber', /"subscriber" is missing/],
    [[{ type: 7, subscriber: 's' }], 0, 'type', /must be a string/],
    [[good, { ...good, timestamp: 12 }], 1, 'timestamp', /must be a string/],
    [[good, { ...good, playload: {} }, good], 1, undefined, /field "playload" is not known/],
    [[good, { ...good, type: 'a\0b' }], 1, 'type', /\\u0000/],
    [[good, { ...good, payload: 'a\0b' }], 1, 'payload', /\\u0000/],
    [[good, { ...good, payload: { x: ['a\0b'] } }, good], 1, 'payload', /\\u0000/],
    [[good, good, { ...good, timestamp: 'yesterdayish' }, good], 2, undefined, /timestamp/],
    [[good, { ...good, type: 'forbidden' }, good], 1, undefined, /check constraint/],
    [`[{"type":"t","subscriber":"s","payload":${'['.repeat(5000)}`, 0, 'payload', /nested too deeply/],
    [`[{"type":"t","subscriber":"s","type":"u"}]`, 0, 'type', /twice/],
    ['[{"type":"t","subscriber":"s"},]', 1, undefined, /an object is expected/],
    ['{"type":"t","subscriber":"s"', 0, undefined, /ends too early/],
    ['{"type":"t","subscriber":"s"} {}', undefined, undefined, /text follows/],
    ['[]', undefined, undefined, /no event/],
    ['', undefined, undefined, /no event/],
  ];
  for (const [body, item, field, what] of cases) {
    const { status, answer, text } = await post(walpiper, body);
    assert.equal(status, 400, text);
    assert.deepEqual([answer.item, answer.field], [item, field], text);
    assert.match(answer.error, what);
  }
  const { status, answer } = await post(walpiper, '{"type":"t","subscriber":"s"}\n{"type":1}', {
    'Content-Type': 'application/x-ndjson',
  });
  assert.deepEqual([status, answer.item, answer.field], [400, 1, 'type']);
  assert.deepEqual(await rows(db), []);
  assert.equal((await posted(walpiper, { ...good, timestamp: '2020-02-03T04:05:06Z' })).length, 1);
  assert.equal(await db.value(`SELECT timestamp = '2020-02-03 04:05:06+00' FROM events`), true);
});

scenario('what is no event at all: 413, 415 and their like, and nothing is inserted', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const { status } = await post(walpiper, { type: 't', subscriber: 's', payload: 'x'.repeat(1 << 20) });
  assert.equal(status, 413);
  for (const type of ['text/plain', 'application/jsonp', '']) {
    assert.equal((await post(walpiper, '{}', { 'Content-Type': type })).status, 415);
  }
  assert.equal((await post(walpiper, '{}', { 'Content-Encoding': 'gzip' })).status, 415);
  assert.equal((await post(walpiper, '{}', { 'Idempotency-Key': 'a b' })).status, 400);
  assert.deepEqual(await rows(db), []);
});

scenario('curl: from a file with Expect, from a pipe in chunks', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const line = '{"type":"t","subscriber":"toto","payload":"' + 'x'.repeat(1000) + '"}\n';
  const file = `${scene.directory()}/events.ndjson`;
  writeFileSync(file, line.repeat(1000));
  const ndjson = ['-H', 'Content-Type: application/x-ndjson'];
  const expecting = await curl(...ndjson, '-H', 'Expect: 100-continue', '--data-binary', `@${file}`, `${walpiper.base}/events`);
  assert.equal(JSON.parse(expecting).ids.length, 1000);
  const chunked = await curl(...ndjson, '-H', 'Transfer-Encoding: chunked', '-X', 'POST', '-T', file, `${walpiper.base}/events`);
  assert.equal(JSON.parse(chunked).ids.length, 1000);
  assert.equal((await rows(db)).length, 2000);
});

scenario('undici: pipelined on one connection, answered in order', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, { http: { threads: 1 } });
  const client = new Client(walpiper.base, { pipelining: 20 });
  scene.defer(() => client.destroy());
  const ids = await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      const { statusCode, body } = await client.request({
        path: '/events',
        method: 'POST',
        idempotent: true,
        blocking: false,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ type: 't', subscriber: 's', payload: n }),
      });
      assert.equal(statusCode, 201);
      return (await body.json()).ids[0];
    }),
  );
  const stored = await rows(db, 'id::int, payload::int AS n');
  assert.deepEqual(stored, ids.map((id, n) => ({ id, n })));
});

scenario('who publishes: in mode gateway, whom the gateway names', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, { auth: { mode: 'gateway' } });
  const event = { type: 't', subscriber: 's' };
  assert.equal((await post(walpiper, event)).status, 401);
  assert.equal((await post(walpiper, event, { 'X-Consumer-Id': 'a' })).status, 201);
  const key = { 'Idempotency-Key': 'k' };
  const first = await posted(walpiper, event, { ...key, 'X-Consumer-Id': 'a' });
  assert.deepEqual(await posted(walpiper, event, { ...key, 'X-Consumer-Id': 'a' }), first);
  assert.notDeepEqual(await posted(walpiper, event, { ...key, 'X-Consumer-Id': 'b' }), first);
});

scenario('who publishes: in mode jwt, whose token says so; its Idempotency-Keys are its own', async (scene) => {
  const db = await scene.database();
  const secret = 'a secret of the tests that is long enough for HS256';
  const walpiper = await scene.walpiper(db, { auth: { mode: 'jwt', jwt: { secret } } });
  const event = { type: 't', subscriber: 's' };
  const send = (claims) =>
    post(walpiper, event, { Authorization: `Bearer ${hsToken(secret, claims)}`, 'Idempotency-Key': 'k' });
  assert.equal((await post(walpiper, event)).status, 401);
  assert.equal((await send({ topics: '*', consumer: 'a' })).status, 403);
  const first = await send({ consumer: 'a', publish: true });
  assert.equal(first.status, 201, first.text);
  assert.deepEqual((await send({ consumer: 'a', publish: true })).answer, first.answer);
  assert.notDeepEqual((await send({ sub: 'b', publish: true })).answer, first.answer);
  assert.equal((await rows(db)).length, 2);
});

scenario('an Idempotency-Key inserts once: at once from many, after kill -9, for these events only', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, { http: { threads: 2 } });
  const batch = [{ type: 't', subscriber: 's', payload: 1 }, { type: 't', subscriber: 's', timestamp: '2020-01-01' }];
  const key = { 'Idempotency-Key': 'order-17' };
  const many = await Promise.all(Array.from({ length: 20 }, () => posted(walpiper, batch, key)));
  for (const ids of many) assert.deepEqual(ids, many[0]);
  await walpiper.restart('SIGKILL');
  assert.deepEqual(await posted(walpiper, batch, key), many[0]);
  assert.equal((await rows(db)).length, 2);
  assert.equal((await post(walpiper, [...batch].reverse(), key)).status, 422);
  const bad = { 'Idempotency-Key': 'order-18' };
  assert.equal((await post(walpiper, [batch[0], { ...batch[0], timestamp: 'x' }], bad)).status, 400);
  assert.equal((await posted(walpiper, batch, bad)).length, 2, 'a key whose events were refused is free');
  await db.query(`UPDATE walpiper.published SET at = now() - interval '2 days' WHERE key = 'order-17'`);
  await posted(walpiper, batch, { 'Idempotency-Key': 'order-19' });
  assert.equal(await db.value(`SELECT count(*)::int FROM walpiper.published WHERE key = 'order-17'`), 0);
});

scenario('killed while many post with keys: sent again, each is there exactly once', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const send = (n) =>
    until(`event ${n} is posted`, async () => {
      const event = [{ type: 't', subscriber: 's', payload: n }];
      const answer = await post(walpiper, event, { 'Idempotency-Key': `event-${n}` }).catch(() => null);
      return answer?.status === 201 && answer.answer.ids[0];
    });
  const all = Promise.all(Array.from({ length: 300 }, (_, n) => send(n)));
  for (let round = 1; round <= 3; round++) {
    await until('some are there', async () => (await rows(db)).length >= round * 40);
    await walpiper.restart('SIGKILL');
  }
  const ids = await all;
  assert.deepEqual(
    (await rows(db, 'id::int, payload::int AS n')).sort((a, b) => a.n - b.n),
    ids.map((id, n) => ({ id, n })),
  );
});

scenario('a server that is away: 503 with Retry-After, and the next post goes through once it is back', async (scene) => {
  const server = await scene.postgres();
  const db = await scene.database({ server });
  const walpiper = await scene.walpiper(db);
  const event = { type: 't', subscriber: 's' };
  await posted(walpiper, event);
  await server.stop();
  const away = await until('it is noticed', async () => {
    const answer = await post(walpiper, event);
    return answer.status === 503 && answer;
  });
  assert.equal(away.headers.get('retry-after'), '1');
  await server.start();
  await until('it goes through', async () => (await post(walpiper, event)).status === 201);
});

scenario('a role that may not insert: 500, and the log says what to grant; granted, it works', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  await db.query(`CREATE FUNCTION deny() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN RAISE insufficient_privilege USING MESSAGE = 'permission denied for table events'; END$$`);
  await db.query('CREATE TRIGGER deny BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION deny()');
  const { status, answer } = await post(walpiper, { type: 't', subscriber: 's' });
  assert.equal(status, 500);
  assert.doesNotMatch(answer.error, /permission/, 'what the server says is for the log');
  assert.match(walpiper.logText(), /POST \/events.*permission denied.*GRANT INSERT/);
  await db.query('DROP TRIGGER deny ON events');
  await posted(walpiper, { type: 't', subscriber: 's' });
});

scenario('http.publish_rate: one that posts too fast is told to wait, the others are not', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, { auth: { mode: 'gateway' }, http: { publish_rate: 1, threads: 2 } });
  const send = (name) => post(walpiper, { type: 't', subscriber: 's' }, { 'X-Consumer-Id': name });
  await until('one is told to wait', async () => {
    const { status, headers } = await send('fast');
    assert.ok(status === 201 || (status === 429 && headers.get('retry-after') === '1'), `${status}`);
    return status === 429;
  });
  assert.equal((await send('other')).status, 201);
  await until('it may go on', async () => (await send('fast')).status === 201);
});

scenario('requests that could be read in two ways are refused, and nothing behind them is served', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const body = '{"type":"t","subscriber":"s"}';
  const post = (headers, rest) => `POST /events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${headers}\r\n${rest}`;
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
  const smuggled = 'GET /manage/health HTTP/1.1\r\nHost: a\r\n\r\n';
  const cases = [
    post(`Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`, `${chunk}0\r\n\r\n`),
    post(`Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n`, `${chunk}0\r\n\r\n`),
    post(`Transfer-Encoding: xchunked\r\n`, `${chunk}0\r\n\r\n`),
    post(`Transfer-Encoding: chunked\r\n`, `${chunk}0\r\nContent-Length: 3\r\n\r\n`),
    post(`Transfer-Encoding: chunked\r\n`, `${chunk.replace('\r\n', ';a=b\r\n')}0\r\n\r\n`),
    post(`Transfer-Encoding: chunked\r\n`, `${chunk.replaceAll('\r\n', '\n')}0\n\n`),
  ];
  for (const text of cases) {
    const answer = await new Promise((resolve, reject) => {
      let got = '';
      const socket = net.connect(new URL(walpiper.base).port, '127.0.0.1', () => socket.write(text + smuggled));
      socket.on('data', (part) => (got += part)).on('error', reject).on('close', () => resolve(got));
    });
    assert.match(answer, /^HTTP\/1\.1 400 /, text);
    assert.doesNotMatch(answer, /"UP"/, text);
  }
  assert.deepEqual(await rows(db), []);
});
