// What the world does to a port that is open: whatever comes, those who behave get their events, and
// when it is over walpiper has what it had before.
import { connect } from 'node:net';
import { assert, scenario, sleep, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';

/** A connection: `got` is what came, `over` that it has ended. */
function dial(walpiper, text = '') {
  const socket = connect(walpiper.port, '127.0.0.1');
  const made = { socket, got: '', over: false, ended: new Promise((resolve) => socket.on('close', resolve)) };
  socket.setEncoding('latin1').on('data', (part) => (made.got += part));
  socket.on('error', () => {}).on('close', () => (made.over = true));
  if (text) socket.write(text, 'latin1');
  return made;
}

const dialMany = (walpiper, count, text) => Array.from({ length: count }, () => dial(walpiper, text));
const statuses = (text) => text.match(/^HTTP\/1\.1 [0-9]{3}/gm)?.map((line) => Number(line.slice(9))) ?? [];
const subscribing = 'GET /streams/comments HTTP/1.1\r\nHost: a\r\n\r\n';
const health = 'GET /manage/health HTTP/1.1\r\nHost: a\r\n\r\n';

/** A walpiper with a subscriber that behaves and a writer: attack() is done while events flow. */
async function besieged(scene, http, attack) {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables, http });
  const ids = [];
  const onFrame = (frame) => frame.event === 'insert' && ids.push(frame.id);
  const behaved = await walpiper.subscribe('/streams/comments', { keep: false, onFrame });
  await until('the request for its health is over', () => walpiper.connections() === 1);
  let written = 0;
  let over = false;
  const writing = (async () => {
    while (!over) {
      await db.query(`INSERT INTO comments (post_id, message) SELECT 1, repeat('x', 1000) FROM generate_series(1, 100)`);
      written += 100;
      await sleep(20);
    }
  })();
  try {
    await attack(walpiper, () => written);
  } finally {
    over = true;
    await writing;
  }
  await behaved.until('every event', () => ids.length >= written, 60_000);
  assert.equal(new Set(ids).size, written);
  assert.equal(ids.length, written, 'events came twice');
  await until('the connections of the attack are gone', () => walpiper.connections() === 1);
  assert.equal((await walpiper.request('/manage/health')).status, 200);
  assert.ok(walpiper.memory().peak < 64 * 1024, `${walpiper.memory().peak} KiB resident`);
  return walpiper;
}

scenario('heads without an end, one byte at a time: each ends with 408, and nobody waits for them', async (scene) => {
  await besieged(scene, { threads: 1 }, async (walpiper) => {
    const slow = dialMany(walpiper, 200, 'GET /streams/comments HTTP/1.1\r\nX: ');
    const silent = dialMany(walpiper, 100);
    const dripping = setInterval(() => slow.forEach(({ socket, over }) => over || socket.write('x')), 200);
    await Promise.all([...slow, ...silent].map(({ ended }) => ended)).finally(() => clearInterval(dripping));
    for (const { got } of slow) assert.deepEqual(statuses(got), [408]);
    for (const { got } of silent) assert.equal(got, '');
  });
});

const headersOf = (count) => Array.from({ length: count }, (_, n) => `X-${n}: y\r\n`).join('');
const tooLarge = {
  'a target of 100 kB': `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  'a header of 100 kB': `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
  'a header without an end': `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(900_000)}`,
  '1000 headers': `GET / HTTP/1.1\r\nHost: a\r\n${headersOf(1000)}\r\n`,
};

/** Behind each of them comes a request that somebody else is to get the answer of. */
const smuggling = {
  'a length and chunks': 'POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'chunks and a length': 'POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n',
  'chunks of a kind that is none': 'POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  'chunks twice': 'POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
  'two lengths': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n',
  'a list of lengths': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 44\r\n\r\n',
  'a length with a sign': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n',
  'a length past 64 bits': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n',
  'a space before a colon': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 44\r\n\r\n',
  'a folded line': 'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 44\r\n\r\n',
  'a NUL in a name': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length\0: 44\r\n\r\n',
  'a CR of its own': 'GET / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 44\r\n\r\n',
  'two hosts': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'no host': 'GET / HTTP/1.1\r\n\r\n',
  'a target of another scheme': 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'a target of another form': 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n',
  'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
};

scenario('heads that are too large or ambiguous: one refusal, and nothing behind it is a request', async (scene) => {
  await besieged(scene, {}, async (walpiper) => {
    const cases = [
      ...Object.entries(tooLarge).map(([name, text]) => [name, text, [431]]),
      ...Object.entries(smuggling).map(([name, text]) => [name, text, [400, 505]]),
    ];
    for (const [name, text, allowed] of cases) {
      const attacker = dial(walpiper, text + health);
      await attacker.ended;
      const { got } = attacker;
      const [status, ...more] = statuses(got);
      assert.ok(allowed.includes(status), `${name}: ${got.slice(0, 200)}`);
      assert.deepEqual(more, [], `${name}: ${got.slice(0, 400)}`);
    }
  });
});

scenario('readers that never read, and writers that never stop: let go, each for its reason', async (scene) => {
  const walpiper = await besieged(scene, { threads: 1, stall_timeout: '1s' }, async (walpiper, written) => {
    const deaf = dialMany(walpiper, 40, subscribing);
    for (const each of deaf) {
      await until('the stream begins', () => each.got.includes('\r\n\r\n:\n'));
      each.socket.pause();
    }
    const pipelining = dial(walpiper, health.repeat(20_000));
    pipelining.socket.pause();
    const noisy = dialMany(walpiper, 5, subscribing);
    for (const each of noisy) each.socket.write('x'.repeat(4_000_000));
    await Promise.all(noisy.map(({ ended }) => ended));
    const from = written();
    await until('events enough to fill what the kernel holds', () => written() > from + 10_000, { timeout: 60_000 });
    await until('those that do not read are gone', () => walpiper.connections() === 1, { timeout: 60_000 });
    for (const { socket } of [...deaf, pipelining]) socket.destroy();
  });
  await walpiper.stop();
  assert.match(walpiper.logText(), / 46 streams, closed: ended 1, peer 0, stalled 40, overflow 0, noise 5,/);
});

scenario('thousands of connections that come and go, and more at a time than there may be', async (scene) => {
  const walpiper = await besieged(scene, { max_connections: 300, threads: 1 }, async (walpiper) => {
    const endings = [
      (made) => made.socket.destroy(),
      (made) => made.socket.resetAndDestroy(),
      (made) => made.socket.end(),
    ];
    const texts = ['', 'GET /str', subscribing, health, subscribing + health];
    for (let n = 0; n < 3000; n += 200) {
      const wave = Array.from({ length: 200 }, (_, i) => dial(walpiper, texts[(n + i) % texts.length]));
      await Promise.all(wave.map(({ socket }) => new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))));
      wave.forEach((made, i) => endings[i % endings.length](made));
      await Promise.all(wave.map(({ ended }) => ended));
    }
    const flood = dialMany(walpiper, 1000, subscribing);
    await until('each is served or refused', () => flood.every(({ got, over }) => over || got.includes('\r\n\r\n')), { timeout: 60_000 });
    const served = flood.filter(({ got }) => got.startsWith('HTTP/1.1 200')).length;
    assert.ok(served > 0 && served < 300, `${served} were served`);
    assert.ok(flood.every(({ got }) => /^HTTP\/1\.1 (200|503) /.test(got)));
    for (const { socket } of flood) socket.destroy();
  });
  const again = await walpiper.subscribe('/streams/comments');
  await until('there is room again', () => again.parser.comments > 0);
  assert.equal(again.hasEnded, false);
});
