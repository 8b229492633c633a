// JSON pull: a service that asks, works off what it gets, and asks again from where it stored that it was.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { Agent, request as undiciRequest } from 'undici';
import { assert, assertInOrder, position, scenario, sleep, until, within } from './harness/lib.mjs';
import { pull, pullAll, pulled } from './harness/pull.mjs';
import { walpiperOfThings } from './harness/plain.mjs';

const insert = (db, from, to) =>
  db.query(`INSERT INTO things SELECT n, 'name ' || n FROM generate_series($1::int, $2::int) n`, [from, to]);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const ids = (events) => events.map((event) => event.new_record.id);

/** What is in the journal as far as TOPIC goes, once COUNT events are there. */
async function untilThere(walpiper, count, topic = 'things') {
  const stream = await walpiper.subscribe(`/streams/${topic}`, { lastEventId: 'earliest' });
  const frames = await stream.first(count);
  stream.close();
  return frames;
}

scenario('an answer has the events of the stream, byte for byte, and says where to go on', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  await insert(db, 1, 3);
  const frames = await untilThere(walpiper, 3);
  const { status, headers, body, answer } = await pull(walpiper, '/streams/things', { after: 'earliest' });
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers.vary, 'Accept');
  const data = frames.map((frame) => frame.data).join(',');
  assert.equal(body, `{"events":[${data}],"next":"${answer.next}","more":false}`);
  assert.equal(answer.next, frames[2].id);
  assert.deepEqual(await pulled(walpiper, '/streams/things', { after: answer.next }), {
    events: [],
    next: answer.next,
    more: false,
  });
  const row = await pulled(walpiper, '/streams/things/2', { after: 'earliest' });
  assert.deepEqual(ids(row.events), [2]);
});

scenario('limit cuts the answer, more says whether there is more, next goes on without gap or repetition', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  await insert(db, 1, 250);
  await untilThere(walpiper, 250);
  const first = await pulled(walpiper, '/streams/things', { after: 'earliest' });
  assert.equal(first.events.length, 100, 'the default');
  assert.equal(first.next, first.events[99].id);
  for (const [limit, answers] of [[100, 3], [125, 2], [250, 1], [1, 250], [10000, 1]]) {
    const all = await pullAll(walpiper, '/streams/things', { after: 'earliest', limit });
    assert.deepEqual(ids(all.events), range(1, 250));
    assert.equal(all.answers, answers, `answers with limit=${limit}`);
    assertInOrder(all.events.map((event) => event.id));
  }
});

scenario('a long poll ends as soon as there is an event of its topic, and the next one goes on behind it', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  const { next } = await pulled(walpiper, '/streams/things');
  const polls = Promise.all([
    pulled(walpiper, '/streams/things', { after: next, wait: 60 }),
    pulled(walpiper, '/streams/things/2', { after: next, wait: 60 }),
  ]);
  polls.catch(() => {});
  await db.query('INSERT INTO quiet VALUES (1)');
  await untilThere(walpiper, 1, 'quiet');
  await insert(db, 1, 3);
  const [table, row] = await polls;
  assert.deepEqual(ids(row.events), [2]);
  // How many of the three had been written when the first one was there is a matter of luck.
  const got = ids(table.events);
  while (got.length < 3) {
    assert.ok(table.events.length > 0 && !table.more, 'it ended without an event');
    Object.assign(table, await pulled(walpiper, '/streams/things', { after: table.next, wait: 60 }));
    got.push(...ids(table.events));
  }
  assert.deepEqual(got, [1, 2, 3]);
});

scenario('a poll that waited in vain says how far it read, and so a quiet topic is not read again', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  const { next } = await pulled(walpiper, '/streams/quiet');
  await insert(db, 1, 50);
  const last = (await untilThere(walpiper, 50)).at(-1).id;
  const answer = await pulled(walpiper, '/streams/quiet', { after: next, wait: 0.25 });
  assert.deepEqual(answer, { events: [], next: last, more: false });
  await db.query('INSERT INTO quiet VALUES (1)');
  const then = await pulled(walpiper, '/streams/quiet', { after: answer.next, wait: 60 });
  assert.deepEqual(ids(then.events), [1]);
});

scenario('where a pull begins: latest without an id, the header before the query, words and names', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  await insert(db, 1, 3);
  const frames = await untilThere(walpiper, 3);
  const got = async (parameters, headers) =>
    ids((await pulled(walpiper, '/streams/things', parameters, headers)).events);
  const none = { events: [], next: frames[2].id, more: false };
  assert.deepEqual(await pulled(walpiper, '/streams/things'), none);
  assert.deepEqual(await pulled(walpiper, '/streams/things', { after: 'latest' }), none);
  assert.deepEqual(await got({ after: 'earliest' }), [1, 2, 3]);
  for (const name of ['after', 'last_event_id', 'lastEventId']) {
    assert.deepEqual(await got({ [name]: frames[0].id }), [2, 3]);
  }
  assert.deepEqual(await got({ after: 'earliest' }, { 'Last-Event-ID': frames[1].id }), [3]);
});

scenario('an id that cannot be served is answered 410 with the reason, and next goes on with all there is', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  const empty = await pull(walpiper, '/streams/things', { after: '00000000-1-1' });
  assert.equal(empty.status, 410);
  assert.deepEqual(empty.answer.reset, { reason: 'epoch', oldest: null, latest: null });
  await insert(db, 1, 3);
  const frames = await untilThere(walpiper, 3);
  const epoch = frames[0].id.slice(0, 8);
  const cases = [
    ['00000000-1-1', 'epoch'],
    [`${epoch}-FFFFFFFFFFFFFFF-1`, 'unknown'],
    ['nonsense', 'unknown'],
    ['7', 'unknown'],
  ];
  for (const [after, reason] of cases) {
    const { status, headers, answer } = await pull(walpiper, '/streams/things', { after, wait: 30 });
    assert.equal(status, 410, after);
    assert.equal(headers.vary, 'Accept');
    assert.deepEqual(answer.reset, { reason, oldest: frames[0].id, latest: frames[2].id });
    const rest = await pulled(walpiper, '/streams/things', { after: answer.next });
    assert.deepEqual(ids(rest.events), [1, 2, 3]);
  }
});

scenario('an id older than the journal is answered 410 expired', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene, { journal: { retention: { bytes: '1MB' } } });
  await insert(db, 1, 1);
  const [{ id: first }] = await untilThere(walpiper, 1);
  let last = 1;
  const grow = async () => {
    await db.query(
      `INSERT INTO things SELECT n, encode(sha256(n::text::bytea), 'hex') || repeat(md5(n::text), 20)
       FROM generate_series($1::int, $2::int) n`,
      [last + 1, last + 2000],
    );
    last += 2000;
  };
  const { answer } = await until('the first event is gone', async () => {
    await grow();
    const response = await pull(walpiper, '/streams/things', { after: first });
    return response.status === 410 && response;
  });
  assert.equal(answer.reset.reason, 'expired');
  assert.ok(position(answer.reset.oldest).lsn > position(first).lsn);
  let { next } = answer;
  let got = [];
  await until('all that is left was pulled', async () => {
    const response = await pull(walpiper, '/streams/things', { after: next, limit: 10000 });
    // The journal is still at work: what `next` named is gone as well by now.
    if (response.status === 410) got = [];
    else got.push(...ids(response.answer.events));
    next = response.answer.next;
    return got.at(-1) === last;
  });
  assert.ok(got[0] > 1);
  assert.deepEqual(got, range(got[0], got.at(-1)), 'no gap behind it');
});

scenario('what a pull cannot do is said: 400 names the parameter, 406 names the three forms', async (scene) => {
  const { walpiper } = await walpiperOfThings(scene);
  const refused = async (parameters) => {
    const { status, body } = await pull(walpiper, '/streams/things', parameters);
    assert.equal(status, 400, JSON.stringify(parameters));
    return body;
  };
  for (const limit of ['0', '10001', '-1', 'x', '1.5', '']) assert.match(await refused({ limit }), /"limit"/);
  for (const wait of ['61', '-1', 'x', '60.5', '']) assert.match(await refused({ wait }), /"wait"/);
  assert.match(await refused({ waits: '5' }), /"waits"/);
  const stream = await walpiper.request('/streams/things?limit=5');
  assert.deepEqual([stream.status, /"limit".*application\/json/.test(stream.body)], [400, true]);
  const none = await walpiper.request('/streams/things', { headers: { Accept: 'text/html, image/*' } });
  assert.deepEqual([none.status, none.headers.vary], [406, 'Accept']);
  for (const form of ['text/event-stream', 'application/json', 'application/x-ndjson']) {
    assert.ok(none.body.includes(form), none.body);
  }
  const unknown = await pull(walpiper, '/streams/nothing');
  assert.equal(unknown.status, 400);
});

scenario('an answer is bounded in bytes whatever the limit', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  await db.query(`INSERT INTO things SELECT n, repeat(md5(n::text), 5000) FROM generate_series(1, 30) n`);
  await untilThere(walpiper, 30);
  const { events, answers } = await pullAll(walpiper, '/streams/things', { after: 'earliest', limit: 10000 });
  assert.deepEqual(ids(events), range(1, 30));
  assert.equal(answers, 5, '30 events of 160 kB, seven to an answer of 1 MiB');
});

scenario('fetch, undici and curl: long polls one after the other over one connection', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  let { next } = await pulled(walpiper, '/streams/things');
  const dispatcher = new Agent({ connections: 1, pipelining: 1 });
  scene.defer(() => dispatcher.close());
  let connected = 0;
  dispatcher.on('connect', () => connected++);
  for (let n = 1; n <= 5; n++) {
    const url = `${walpiper.base}/streams/things?after=${next}&wait=60`;
    const answer = undiciRequest(url, { dispatcher, headers: { accept: 'application/json' } });
    await insert(db, n, n);
    const { body } = await answer;
    const { events, next: then } = await body.json();
    assert.deepEqual(ids(events), [n]);
    next = then;
  }
  assert.equal(connected, 1);

  const fetched = fetch(`${walpiper.base}/streams/things?after=${next}&wait=60`, {
    headers: { Accept: 'application/json' },
  });
  await insert(db, 6, 6);
  ({ next } = await (await fetched).json());

  const curl = scene.curl('-H', 'Accept: application/json', `${walpiper.base}/streams/things?after=${next}&wait=60`);
  await insert(db, 7, 7);
  await until('curl ends with the event', () => /"more":false}$/.test(curl.output()));
  assert.deepEqual(ids(JSON.parse(curl.output()).events), [7]);
});

/** Connections of WALPIPER that are open on both sides, and the bytes that it has not read of each. */
function unreadBytes(walpiper) {
  const port = walpiper.port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${port}`) && state === '01')
    .map((fields) => Number.parseInt(fields[4].split(':')[1], 16));
}

/** COUNT polls whose requests were read, each with a connection of its own. */
async function waitingPolls(scene, walpiper, count, parameters) {
  const agent = new http.Agent({ maxSockets: Infinity });
  scene.defer(() => agent.destroy());
  const url = `${walpiper.base}/streams/things?${new URLSearchParams(parameters)}`;
  const polls = range(1, count).map(() => {
    const request = http.get(url, { agent, headers: { Accept: 'application/json' } });
    const answer = new Promise((resolve, reject) => {
      request.on('error', reject).on('response', async (response) => {
        let text = '';
        for await (const part of response.setEncoding('utf8')) text += part;
        resolve({ status: response.statusCode, headers: response.headers, ...JSON.parse(text) });
      });
    });
    answer.catch(() => {});
    return { request, answer };
  });
  await until('all were sent and read', () => {
    const unread = unreadBytes(walpiper);
    const sent = polls.every(({ request }) => request.writableFinished && request.socket?.bytesWritten > 0);
    return sent && unread.length === count && unread.every((bytes) => bytes === 0);
  });
  return polls;
}

scenario('a thousand polls wait at once, and each gets the event', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  const { next } = await pulled(walpiper, '/streams/things');
  const polls = await waitingPolls(scene, walpiper, 1000, { after: next, wait: 60 });
  await insert(db, 1, 1);
  const answers = await within('a thousand answers', 60_000, Promise.all(polls.map((poll) => poll.answer)));
  for (const { status, events, more } of answers) {
    assert.deepEqual([status, ids(events), more], [200, [1], false]);
  }
});

scenario('a client that leaves while it waits is noticed, and nothing is kept for it', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  const { next } = await pulled(walpiper, '/streams/things');
  const polls = await waitingPolls(scene, walpiper, 100, { after: next, wait: 60 });
  for (const poll of polls.slice(1)) poll.request.destroy();
  await until('those that left are gone', () => unreadBytes(walpiper).length === 1);
  await until('and closed', () => walpiper.descriptors() < 100);
  await insert(db, 1, 1);
  assert.deepEqual(ids((await polls[0].answer).events), [1]);
});

scenario('a service that shuts down answers those who wait', async (scene) => {
  const { walpiper } = await walpiperOfThings(scene);
  const { next } = await pulled(walpiper, '/streams/things');
  const polls = await waitingPolls(scene, walpiper, 20, { after: next, wait: 60 });
  assert.equal((await walpiper.stop()).code, 0);
  for (const poll of polls) {
    const { status, headers, events, next: then } = await poll.answer;
    assert.deepEqual([status, headers.connection, events, then], [200, 'close', [], next]);
  }
});

/** A service that may be killed at any moment: what it has is what it stored, in one step with `next`. */
class Service {
  constructor(walpiper, path, after, headers) {
    Object.assign(this, { walpiper, path, headers, stopped: false, rounds: 0, died: 0 });
    this.stored = { next: after, events: [] };
    this.running = this.run();
  }

  async run() {
    while (!this.stopped) {
      try {
        const parameters = { after: this.stored.next, limit: 7, wait: 1 };
        const { events, next } = await pulled(this.walpiper, this.path, parameters, this.headers);
        // Killed between the answer and its store, as often as not: the answer counts for nothing.
        if (Math.random() < 0.3) this.died++;
        else this.stored = { next, events: [...this.stored.events, ...events] };
        this.rounds++;
      } catch (error) {
        if (/: 410 /.test(error.message)) throw error;
        await sleep(20); // refused, or cut off: walpiper is down, and will be back
      }
    }
  }

  async stop() {
    this.stopped = true;
    await this.running;
  }
}

scenario('a service that is killed at random, like walpiper, has everything once and in order', async (scene) => {
  const { db, walpiper } = await walpiperOfThings(scene);
  const service = new Service(walpiper, '/streams/things', 'earliest');
  scene.defer(() => service.stop());
  let inserted = 0;
  for (let kill = 0; kill < 8; kill++) {
    for (let n = 0; n < 25; n++) {
      const rows = 1 + Math.floor(Math.random() * 5);
      await insert(db, inserted + 1, inserted + rows);
      inserted += rows;
    }
    const goal = service.rounds + 3;
    await until('the service goes on', () => service.rounds >= goal);
    await walpiper.kill();
    await walpiper.start();
  }
  const rows = await db.query('SELECT id FROM things ORDER BY id');
  await until('the service has them all', () => service.stored.events.length >= rows.length);
  await service.stop();
  assert.deepEqual(ids(service.stored.events), rows.map(({ id }) => id));
  assertInOrder(service.stored.events.map((event) => event.id));
  assert.ok(service.died > 0, 'it was never killed');
});

// --- /events ---

const toto = { 'X-Consumer-Id': 'toto' };

const post = (db, from, to, consumer = 'toto') =>
  db.query(
    `INSERT INTO events (type, subscriber, payload)
     SELECT 'insert', $3::text, jsonb_build_object('n', n) FROM generate_series($1::int, $2::int) n`,
    [from, to, consumer],
  );

/** The rows of CONSUMER as a pull has them, in the order of their ids. */
async function rowsOf(db, consumer = 'toto') {
  const rows = await db.query('SELECT id::int, type, payload FROM events WHERE subscriber = $1 ORDER BY events.id', [consumer]);
  return rows.map(({ id, type, payload }) => ({ id, type, payload }));
}

scenario('/events: rows of one consumer, with the id of the last one as next', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const stream = await walpiper.events('toto');
  await post(db, 1, 5);
  await post(db, 1, 5, 'titi');
  await post(db, 6, 9);
  await stream.first(9);
  const rows = await rowsOf(db);
  const all = await pulled(walpiper, '/events', {}, toto);
  assert.deepEqual(all, { events: rows, next: rows[8].id, more: false });
  assert.deepEqual(Object.keys(all.events[0]), ['id', 'type', 'payload']);
  for (const limit of [1, 4, 9]) {
    const some = await pullAll(walpiper, '/events', { after: 0, limit, headers: toto });
    assert.deepEqual(some, { events: rows, next: rows[8].id, answers: Math.ceil(9 / limit) });
  }
  const none = await pulled(walpiper, '/events', { after: rows[8].id, wait: 0.1 }, toto);
  assert.deepEqual(none, { events: [], next: rows[8].id, more: false });
  const latest = await pulled(walpiper, '/events', { after: 'latest' }, toto);
  assert.deepEqual(latest, { events: [], next: 'latest', more: false });
  const earliest = await pulled(walpiper, '/events', { after: 'earliest', limit: 2 }, toto);
  assert.deepEqual(earliest, { events: rows.slice(0, 2), next: rows[1].id, more: true });
  const nobody = await pulled(walpiper, '/events', {}, { 'X-Consumer-Id': 'nobody' });
  assert.deepEqual(nobody, { events: [], next: 0, more: false });
});

scenario('/events: what a pull cannot do is said', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  assert.equal((await pull(walpiper, '/events')).status, 401);
  for (const [parameters, said] of [[{ after: 'x' }, /"after"/], [{ limit: 0 }, /"limit"/], [{ waits: 1 }, /"waits"/]]) {
    const { status, body } = await pull(walpiper, '/events', parameters, toto);
    assert.deepEqual([status, said.test(body)], [400, true], body);
  }
  const html = await walpiper.request('/events', { headers: { ...toto, Accept: 'text/html' } });
  assert.equal(html.status, 406);
});

scenario('/events: a long poll, and a row with a smaller id that was committed later', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db);
  const late = await db.connect();
  await late.query('BEGIN');
  await late.query(`INSERT INTO events (id, type, subscriber, payload) VALUES (6, 'late', 'toto', '6')`);
  const polled = pulled(walpiper, '/events', { after: 5, wait: 60 }, toto);
  await db.query(`INSERT INTO events (id, type, subscriber, payload) VALUES (7, 'early', 'toto', '7')`);
  assert.deepEqual(await polled, { events: [{ id: 7, type: 'early', payload: 7 }], next: 7, more: false });
  const next = pulled(walpiper, '/events', { after: 7, wait: 60 }, toto);
  await late.query('COMMIT');
  late.release();
  assert.deepEqual(await next, { events: [{ id: 6, type: 'late', payload: 6 }], next: 6, more: false });
});

scenario('/events: rows older than the journal, then those of the journal, each once', async (scene) => {
  const db = await scene.database();
  await post(db, 1, 1200);
  await post(db, 1, 50, 'titi');
  const walpiper = await scene.walpiper(db);
  const stream = await walpiper.events('toto');
  await post(db, 1201, 1300);
  await stream.first(100);
  const rows = await rowsOf(db);
  for (const limit of [7, 500, 10000]) {
    const { events } = await pullAll(walpiper, '/events', { after: 0, limit, headers: toto });
    assert.deepEqual(events, rows);
  }
});

scenario('/events: a service that is killed at random has every row once', async (scene) => {
  const db = await scene.database();
  await post(db, 1, 20);
  const walpiper = await scene.walpiper(db);
  const service = new Service(walpiper, '/events', 0, toto);
  scene.defer(() => service.stop());
  for (let kill = 0; kill < 5; kill++) {
    for (let n = 0; n < 10; n++) await post(db, n, n + Math.floor(Math.random() * 5));
    const goal = service.rounds + 3;
    await until('the service goes on', () => service.rounds >= goal);
    await walpiper.kill();
    await walpiper.start();
  }
  const rows = await rowsOf(db);
  await until('the service has them all', () => service.stored.events.length >= rows.length);
  await service.stop();
  assert.deepEqual(service.stored.events, rows);
});
