// How many clients there may be, how slow they may be, and how those are told that are too many.
import { connect } from 'node:net';
import { assert, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { hsToken } from './harness/jwt.mjs';
import { untilMetrics } from './harness/metrics.mjs';
import { pull } from './harness/pull.mjs';

const insert = (db, n = 1, bytes = 1) =>
  db.query(`INSERT INTO comments (post_id, message) SELECT 1, repeat('x', $2) FROM generate_series(1, $1::int)`, [n, bytes]);

/** What a connection that sends TEXT gets until it ends. */
function exchange(walpiper, text, localAddress) {
  return new Promise((resolve, reject) => {
    let got = '';
    const socket = connect({ port: walpiper.port, host: '127.0.0.1', localAddress });
    socket.setEncoding('latin1').on('data', (part) => (got += part));
    socket.on('error', reject).on('close', () => resolve(got));
    socket.write(text);
  });
}

const asked = (headers = '') => `GET /streams/comments HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;

/** An EventSource ends at any status but 200; this one comes back by itself. */
function assertComesBack(answer) {
  const [head, body] = answer.split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(head, /\r\nContent-Type: text\/event-stream/);
  const [, wait] = body.match(/^retry: ([0-9]+)\n\n$/) ?? assert.fail(body);
  assert.ok(wait >= 5000 && wait <= 9000, wait);
}

scenario('one client over its limit is refused, an EventSource so that it comes back; others are served', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const origin = 'https://app.example';
  const http = { max_connections_per_client: 3, threads: 2, cors: { origins: [origin] } };
  const walpiper = await scene.walpiper(db, { ...blog, http });
  const localAddress = '127.0.0.5';
  const streams = [];
  for (let i = 0; i < 3; i++) streams.push(await walpiper.subscribe('/streams/comments', { localAddress }));
  // Over all threads: whichever takes the connection.
  for (let i = 0; i < 6; i++) {
    const answer = await exchange(walpiper, asked(), localAddress);
    assert.match(answer, /^HTTP\/1\.1 429 Too Many Requests\r\n/);
    assert.match(answer, /\r\nRetry-After: 5\r\n/);
    const page = `Accept: text/event-stream\r\nOrigin: ${origin}\r\n`;
    const sentAway = await exchange(walpiper, asked(page), localAddress);
    assertComesBack(sentAway);
    assert.match(sentAway, /\r\nAccess-Control-Allow-Origin: https:\/\/app\.example\r\n/i);
  }
  const other = await walpiper.subscribe('/streams/comments', { localAddress: '127.0.0.6' });
  await insert(db);
  for (const stream of [...streams, other]) await stream.first(1);
  streams[0].close();
  await until('its place is free again', async () =>
    /^HTTP\/1\.1 404/.test(await exchange(walpiper, 'GET /nothing HTTP/1.0\r\n\r\n', localAddress)),
  );
  await walpiper.stop();
  assert.match(walpiper.logText(), /refused 0 by max_connections, 1[2-9] by max_connections_per_client,/);
});

const named = (consumer) => `X-Consumer-Id: ${consumer}\r\nConnection: close\r\n`;
const ofEvents = (headers) => asked(headers).replace('/streams/comments', '/events');

scenario('one consumer over its limit is refused, an EventSource so that it comes back; others are served', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const http = { max_connections_per_consumer: 3, threads: 2 };
  const walpiper = await scene.walpiper(db, { ...blog, http, auth: { mode: 'gateway' } });
  const headers = { 'X-Consumer-Id': 'toto' };
  const stream = await walpiper.subscribe('/streams/comments', { headers });
  const feed = await walpiper.events('toto');
  const waiting = pull(walpiper, '/streams/comments', { after: 'latest', wait: 60 }, headers);
  await untilMetrics(walpiper, { walpiper_subscribers: 3 });
  // Over all threads, and over all that a consumer may have.
  for (let i = 0; i < 6; i++) {
    for (const text of [asked, ofEvents]) {
      for (const accept of ['', 'Accept: application/json\r\n', 'Accept: application/x-ndjson\r\n']) {
        const answer = await exchange(walpiper, text(named('toto') + accept));
        assert.match(answer, /^HTTP\/1\.1 429 Too Many Requests\r\n/);
        assert.match(answer, /\r\nRetry-After: 5\r\n/);
        assert.match(answer, /\r\n\r\nToo many connections of this consumer$/);
      }
      assertComesBack(await exchange(walpiper, text(`${named('toto')}Accept: text/event-stream\r\n`)));
    }
  }
  const others = [await walpiper.events('titi')];
  for (let i = 0; i < 4; i++) others.push(await walpiper.subscribe('/streams/comments'));
  await insert(db);
  for (const each of [stream, ...others.slice(1)]) await each.first(1);
  assert.equal((await waiting).answer.events.length, 1);
  // Whatever ends, its place is free again: here an answer, a stream of each kind.
  const next = [];
  for (const end of [() => {}, () => stream.close(), () => feed.close()]) {
    end();
    await until('its place is free again', async () => {
      const again = await walpiper.subscribe('/streams/comments', { headers });
      await until('it is taken in or not', () => again.hasEnded || again.parser.comments > 0);
      if (!again.hasEnded) next.push(again);
      return !again.hasEnded;
    });
    assert.match(await exchange(walpiper, asked(`${named('toto')}Accept: application/json\r\n`)), /^HTTP\/1\.1 429/);
  }
  await insert(db);
  for (const each of next) await each.first(1);
  await walpiper.stop();
  const [, refused] = walpiper.logText().match(/refused 0 by max_connections, 0 by \S+, ([0-9]+) by max_connections_per_consumer,/);
  assert.ok(refused >= 51, refused);
});

scenario('with a token the limit is of the consumer that it names, and who only says a name has none', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const http = { max_connections_per_consumer: 1 };
  const secret = 'a secret of the tests that is long enough';
  const walpiper = await scene.walpiper(db, { ...blog, http, auth: { mode: 'jwt', jwt: { secret } } });
  const bearer = (claims) => `Authorization: Bearer ${hsToken(secret, { topics: '*', ...claims })}\r\n`;
  const headers = { Authorization: bearer({ consumer: 'toto' }).slice(15).trim() };
  await walpiper.subscribe('/streams/comments', { headers });
  const told = async (text) => Number((await exchange(walpiper, text)).split(' ')[1]);
  const json = `Accept: application/json\r\nConnection: close\r\n`;
  assert.equal(await told(asked(json + bearer({ consumer: 'toto' }))), 429);
  assert.equal(await told(ofEvents(json + bearer({ sub: 'toto' }))), 429);
  assert.equal(await told(asked(json + bearer({ consumer: 'titi' }))), 200);
  assert.equal(await told(asked(json + bearer({}))), 200);
  const open = await scene.walpiper(db, { ...blog, slot: { name: 'open' }, publication: 'open', http });
  for (let i = 0; i < 3; i++) assert.equal((await open.events('toto')).hasEnded, false);
  assert.equal((await open.request('/events', { headers: { Accept: 'application/json', 'X-Consumer-Id': 'toto' } })).status, 200);
});

scenario('topics, filters and bytes of a request: one more than the configuration says is refused, and named', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, http: { max_topics: 3, max_filters: 2, max_head: '4kB' } });
  const pulls = async (query) => {
    const { status, body } = await pull(walpiper, `/streams?${query}`);
    return status === 200 ? 200 : `${status} ${body}`;
  };
  const topics = (count) => Array.from({ length: count }, (_, n) => `topic=comments/${n}`).join('&');
  assert.equal(await pulls(topics(3)), 200);
  assert.equal(await pulls(topics(4)), '400 A request may have 3 topics (http.max_topics); open another for the rest');
  assert.match(await pulls(topics(100)), /^400 .*http\.max_topics/);
  assert.equal(await pulls('topic=comments&rating=gte.4&id=gt.7&types=insert&limit=5'), 200);
  assert.equal(await pulls('topic=comments&rating=gte.4&id=gt.7&rating=lt.9'), '400 A request may have 2 filters (http.max_filters)');
  assert.equal(await pulls(`topic=comments&id=in.(${'7,'.repeat(1500)}7)`), 200);
  assert.match(await pulls(`topic=comments&id=in.(${'7,'.repeat(3000)}7)`), /^431 /);
  assert.equal(await pulls(topics(3)), 200);
});

scenario('past max_connections everybody new is refused, and whoever is there goes on', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, http: { max_connections: 3, threads: 1 } });
  const streams = [];
  while (streams.length < 3) {
    const stream = await walpiper.subscribe('/streams/comments');
    // The request that asked whether it is up may still be counted.
    await until('it is taken in or not', () => stream.hasEnded || stream.parser.comments > 0);
    if (!stream.hasEnded) streams.push(stream);
  }
  assertComesBack(await exchange(walpiper, asked('Accept: text/event-stream\r\n')));
  assert.match(await exchange(walpiper, asked('Accept: application/json\r\n')), /^HTTP\/1\.1 503 /);
  assert.match(await exchange(walpiper, 'GET /manage/health HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 503 /);
  await insert(db);
  for (const stream of streams) await stream.first(1);
});

scenario('who takes nothing for stall_timeout is disconnected, and misses nothing; nobody waits for it', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, http: { stall_timeout: '1s', threads: 1 } });
  const reader = await walpiper.subscribe('/streams/comments', { keep: false });
  await until('the request for its health is over', () => walpiper.connections() === 1);
  const stuck = await walpiper.subscribe('/streams/comments');
  await insert(db);
  await stuck.first(1);
  stuck.response.pause();
  await insert(db, 20_000, 1000);
  await reader.until('all of it', () => reader.received === 20_001, 60_000);
  await until('it is disconnected', () => walpiper.connections() === 1);
  stuck.response.resume();
  await stuck.ended;
  assert.ok(stuck.events.length < 20_001, 'it was never stuck');
  const again = await walpiper.subscribe('/streams/comments', { lastEventId: stuck.lastId });
  await again.first(20_001 - stuck.events.length, 60_000);
  const ids = [...stuck.events, ...again.events].map((event) => event.id);
  assert.equal(new Set(ids).size, 20_001);
  assert.equal(ids.length, 20_001);
  await walpiper.stop();
  assert.match(walpiper.logText(), / 3 streams, closed: ended 2, peer 0, stalled 1,/);
});

scenario('behind a proxy that says who the client is, the limit is the client\'s', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const http = { max_connections_per_client: 1, proxy_protocol: true };
  const walpiper = scene.unstarted(db, { ...blog, http });
  await walpiper.launch();
  const health = (address) => exchange(walpiper, `PROXY TCP4 ${address} 198.51.100.1 5 80\r\nGET /manage/health HTTP/1.0\r\n\r\n`);
  await until('it is up', async () => /^HTTP\/1\.1 200/.test(await health('192.0.2.1').catch(() => '')));
  const socket = connect(walpiper.port, '127.0.0.1');
  scene.defer(() => socket.destroy());
  let got = '';
  socket.setEncoding('latin1').on('data', (part) => (got += part));
  socket.write(`PROXY TCP6 2001:db8::1 2001:db8::2 5 80\r\n${asked()}`);
  await until('the stream begins', () => got.includes('\r\n\r\n:\n'));
  const more = await exchange(walpiper, `PROXY TCP6 2001:db8::ffff 2001:db8::2 6 80\r\n${asked()}`);
  assert.match(more, /^HTTP\/1\.1 429 /);
  assert.match(await health('192.0.2.1'), /^HTTP\/1\.1 200/);
  assert.equal(await exchange(walpiper, 'GET /manage/health HTTP/1.0\r\n\r\n'), '');
  await insert(db);
  await until('the event', () => got.includes('"new_record"'));
});
