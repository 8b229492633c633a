// What HTTP/1.x allows a client, by bytes: versions, methods, ends and orders of requests, forms of a
// target, and sockets.
import { connect } from 'node:net';
import { join } from 'node:path';
import { assert, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';

/** A connection to WHERE: `got` is what came, `over` that the other side has ended it. */
function dial(scene, where) {
  const socket = connect(where);
  const made = { socket, got: '', over: false };
  made.ended = new Promise((resolve) => socket.on('end', resolve).on('close', resolve)).then(() => (made.over = true));
  socket.setEncoding('latin1').on('data', (part) => (made.got += part)).on('error', () => {});
  made.send = (text) => socket.write(text, 'latin1');
  scene.defer(() => socket.destroy());
  return made;
}

/** Cuts answers with a Content-Length from TEXT: {status, head, body} each. HEADS: none has a body. */
function answers(text, { heads = false } = {}) {
  const all = [];
  for (let rest = text; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n');
    const head = rest.slice(0, end + 2);
    if (end < 0) throw new Error(`no end of a head: ${rest}`);
    const length = heads ? 0 : Number(head.match(/^Content-Length: ([0-9]+)\r$/m)?.[1] ?? 0);
    all.push({ status: Number(head.slice(9, 12)), head, body: rest.slice(end + 4, end + 4 + length) });
    rest = rest.slice(end + 4 + length);
  }
  return all;
}

async function served(scene, config = {}) {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, ...config });
  const where = { port: walpiper.port, host: '127.0.0.1' };
  /** All that TEXT gets until the other side ends the connection. */
  const told = async (text) => {
    const made = dial(scene, where);
    made.send(text);
    await made.ended;
    return made.got;
  };
  const insert = () => db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'x')`);
  return { db, walpiper, where, told, insert };
}

const up = '{"status":"UP"}';
const head = (start, headers = '') => `${start} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
const health = head('GET /manage/health');
const events = (made) => made.got.split('\nevent: insert\n').length - 1;

scenario('HTTP/1.0: no Host is needed, the end is the connection\'s, unless keep-alive is asked for', async (scene) => {
  const { where, told, insert } = await served(scene);
  const [once, ...more] = answers(await told('GET /manage/health HTTP/1.0\r\n\r\nGET /manage/health HTTP/1.0\r\n\r\n'));
  assert.deepEqual([once.status, once.body, more.length], [200, up, 0]);
  assert.match(once.head, /\r\nConnection: close\r\n/);
  const kept = answers(await told('GET /manage/health HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /manage/health HTTP/1.0\r\n\r\n'));
  assert.deepEqual(kept.map(({ body }) => body), [up, up]);
  assert.match(kept[0].head, /\r\nConnection: keep-alive\r\n/);
  const stream = dial(scene, where);
  stream.send('GET /streams/comments HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  await until('the stream begins', () => stream.got.endsWith('\r\n\r\n:\n'));
  assert.match(stream.got, /\r\nConnection: close\r\n/);
  assert.doesNotMatch(stream.got, /Transfer-Encoding|Content-Length/i);
  await insert();
  await until('the event', () => events(stream) === 1);
});

scenario('HEAD has the head of GET and no body; OPTIONS and other methods are told what there is', async (scene) => {
  const { told } = await served(scene);
  const end = 'Connection: close\r\n';
  const [got] = answers(await told(head('GET /manage/health', end)));
  assert.equal(await told(head('HEAD /manage/health', end)), `${got.head}\r\n`);
  const two = answers(await told(head('HEAD /manage/health') + head('HEAD /nowhere', end)), { heads: true });
  assert.deepEqual(two.map(({ status }) => status), [200, 404]);
  const stream = await told(head('HEAD /streams/comments', 'Last-Event-ID: earliest\r\n'));
  assert.match(stream, /^HTTP\/1\.1 200 OK\r\nConnection: close\r\nContent-Type: text\/event-stream\r\n(.+\r\n)+\r\n$/);
  const other = { OPTIONS: 405, PUT: 405, DELETE: 405, PATCH: 405, TRACE: 405, BREW: 405 };
  for (const [method, status] of Object.entries(other)) {
    const [answer] = answers(await told(head(`${method} /streams/comments`, end)));
    assert.equal(answer.status, status, method);
    assert.match(answer.head, /\r\nAllow: GET, HEAD\r\n/, method);
  }
});

scenario('requests in a row, also in one write, are answered in order; behind a stream there is none', async (scene) => {
  const { where, told, insert, walpiper } = await served(scene);
  const made = dial(scene, where);
  for (let n = 1; n <= 3; n++) {
    made.send(health);
    await until('an answer', () => answers(made.got).length === n && made.got.endsWith(up));
  }
  made.send(health + head('GET /nowhere') + head('GET /streams/comments') + health);
  await until('the stream begins', () => made.got.endsWith('\r\n\r\n:\n'));
  assert.deepEqual(answers(made.got.slice(0, -2)).map(({ status }) => status), [200, 200, 200, 200, 404, 200]);
  const before = made.got.length;
  made.send(health.repeat(100));
  await insert();
  await until('the event', () => events(made) === 1);
  assert.doesNotMatch(made.got.slice(before), /HTTP\/1\.1/);
  assert.equal(made.over, false);
  // A pull that waits is answered before what is behind it.
  const pulling = dial(scene, where);
  pulling.send(head('GET /streams/comments?wait=60', 'Accept: application/json\r\n') + health);
  await until('both wait', () => walpiper.connections() === 2);
  await until('the pull is answered first', async () => (await insert(), pulling.got.endsWith(up)));
  const [first, second] = answers(pulling.got);
  assert.equal(JSON.parse(first.body).events[0].name, 'comments');
  assert.equal(second.body, up);
  // What says that it is the last one is.
  const closing = answers(await told(head('GET /manage/health', 'Connection: x, Close\r\n') + health));
  assert.equal(closing.length, 1);
  assert.match(closing[0].head, /\r\nConnection: close\r\n/);
});

scenario('who shuts its side behind a request gets the answer', async (scene) => {
  const { where, told } = await served(scene);
  const made = dial(scene, where);
  made.socket.end(health + health);
  await made.ended;
  assert.deepEqual(answers(made.got).map(({ body }) => body), [up, up]);
  assert.equal(await told(`\r\n${head('GET /manage/health', 'Connection: close\r\n')}`).then((got) => answers(got)[0].status), 200);
});

scenario('Expect: 100-continue: leave is given before the body, and not to what is refused', async (scene) => {
  const { db, where } = await served(scene);
  const post = (length, headers = '') =>
    head('POST /events', `Content-Type: application/json\r\nContent-Length: ${length}\r\nExpect: 100-Continue\r\n${headers}`);
  const body = JSON.stringify({ type: 't', subscriber: 's', payload: {} });
  const made = dial(scene, where);
  made.send(post(body.length));
  await until('leave is given', () => made.got === 'HTTP/1.1 100 Continue\r\n\r\n');
  made.send(body + health);
  await until('both are answered', () => made.got.endsWith(up));
  assert.deepEqual(answers(made.got).map(({ status }) => status), [100, 201, 200]);
  assert.equal((await db.query('SELECT id FROM events')).length, 1);
  for (const [text, status] of [[post(1e9), 413], [post(2).replace('json', 'pdf'), 415], [post(2).replace('/events', '/nowhere'), 404]]) {
    const refused = dial(scene, where);
    refused.send(text);
    await refused.ended;
    assert.deepEqual(answers(refused.got).map((answer) => answer.status), [status]);
  }
});

scenario('a target may name scheme and host; Host is there once and is one', async (scene) => {
  const { told, where, insert } = await served(scene);
  const status = async (text) => answers(await told(text)).map((answer) => answer.status);
  const last = 'Connection: close\r\n\r\n';
  for (const target of ['http://a.example/manage/health', 'HTTPS://[::1]:4000/manage/health?x=http://b/']) {
    assert.deepEqual(await status(`GET ${target} HTTP/1.1\r\nHost: b\r\n${last}`), [200], target);
  }
  const stream = dial(scene, where);
  stream.send('GET http://a/streams/comments?types=insert HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('the stream begins', () => stream.got.endsWith('\r\n\r\n:\n'));
  await insert();
  await until('the event', () => events(stream) === 1);
  for (const target of ['http://a', 'http:///manage/health', 'http://u:p@a/manage/health', 'ftp://a/manage/health', 'a/manage/health', '*', 'a:80']) {
    assert.deepEqual(await status(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`), [400], target);
  }
  for (const host of ['', 'a', 'a.example:4000', '[::1]:4000', '127.0.0.1']) {
    assert.deepEqual(await status(`GET /manage/health HTTP/1.1\r\nHost: ${host}\r\n${last}`), [200], host);
  }
  for (const lines of ['', 'Host: a\r\nHost: a\r\n', 'Host: a b\r\n', 'Host: a/b\r\n', 'Host: u@a\r\n', 'Host: a,b\x01\r\n']) {
    assert.deepEqual(await status(`GET /manage/health HTTP/1.1\r\n${lines}\r\n`), [400], lines);
  }
});

scenario('a Unix socket serves like a port, and is gone when walpiper is', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const path = join(scene.directory(), 'w.sock');
  const walpiper = scene.unstarted(db, { ...blog, http: { listen: `unix:${path}`, threads: 2 } });
  await walpiper.launch();
  const ask = async () => {
    const made = dial(scene, { path });
    made.send(head('GET /manage/health', 'Connection: close\r\n'));
    await made.ended;
    return made.got;
  };
  await until('it is up', async () => (await ask()).endsWith(up));
  const made = dial(scene, { path });
  made.send(health + head('GET /streams/comments'));
  await until('the stream begins', () => made.got.endsWith('\r\n\r\n:\n'));
  await db.query(`INSERT INTO comments (post_id, message) SELECT 1, repeat('x', 1000) FROM generate_series(1, 5000)`);
  await until('all of them', () => events(made) === 5000);
  await walpiper.stop();
  assert.match(made.got, /\nretry: [0-9]+\n\n$/);
  assert.equal(await ask(), '');
});
