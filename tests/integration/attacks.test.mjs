// What the world does to a port that is open: whatever comes, those who behave get their events, and
// when it is over walpiper has what it had before.
import { connect } from 'node:net';
import { assert, scenario, sleep, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { scrape } from './harness/metrics.mjs';

/** A connection: `got` is what came, `over` that it has ended. */
function dial(walpiper, text = '', localAddress) {
  const socket = connect({ port: walpiper.port, host: '127.0.0.1', localAddress });
  const made = { socket, got: '', over: false, ended: new Promise((resolve) => socket.on('close', resolve)) };
  socket.setEncoding('latin1').on('data', (part) => (made.got += part));
  socket.on('error', () => {}).on('close', () => (made.over = true));
  if (text) socket.write(text, 'latin1');
  return made;
}

const dialMany = (walpiper, count, text) => Array.from({ length: count }, () => dial(walpiper, text));
const statuses = (text) => text.match(/HTTP\/1\.1 [0-9]{3} /g)?.map((line) => Number(line.slice(9))) ?? [];
const subscribing = 'GET /streams/comments HTTP/1.1\r\nHost: a\r\n\r\n';
const health = 'GET /manage/health HTTP/1.1\r\nHost: a\r\n\r\n';

/** A walpiper with a subscriber that behaves and a writer: attack() is done while events flow. WRAPPER
 *  stands before its command; FIRST rows are written before anything else. */
async function besieged(scene, http, attack, { wrapper = [], first = 0 } = {}) {
  const db = await scene.database({ files: blogFiles });
  const walpiper = scene.unstarted(db, { tables: blog.tables, http });
  walpiper.wrapper = wrapper;
  await walpiper.start();
  const ids = [];
  const onFrame = (frame) => frame.event === 'insert' && ids.push(frame.id);
  const behaved = await walpiper.subscribe('/streams/comments', { keep: false, onFrame });
  await until('the request for its health is over', () => walpiper.connections() === 1);
  let written = 0;
  let over = false;
  const write = async (rows) => {
    await db.query(`INSERT INTO comments (post_id, message) SELECT 1, repeat('x', 1000) FROM generate_series(1, ${rows})`);
    written += rows;
  };
  await write(first);
  await behaved.until('the first events', () => ids.length >= first, 60_000);
  const writing = (async () => {
    while (!over) {
      await write(100);
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

const publishing = 'POST /events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
const perPiece = {
  'a head': { begin: 'GET /streams/comments HTTP/1.1\r\nX: ', piece: 'x', told: [408] },
  'headers': { begin: 'GET /streams/comments HTTP/1.1\r\n', piece: 'X: y\r\n', told: [408] },
  'a body': { begin: `${publishing}Content-Length: 100000\r\n\r\n`, piece: ' ', told: [408] },
  'chunks': { begin: `${publishing}Transfer-Encoding: chunked\r\n\r\n`, piece: '1\r\n \r\n', told: [408] },
  'a body of nobody': { begin: 'GET /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n', piece: 'x', told: [404] },
  'a head behind an answer': { begin: `${health}GET /`, piece: 'x', told: [200, 408] },
  'nothing behind an answer': { begin: health, piece: '', told: [200] },
  'nothing': { begin: '', piece: '', told: [] },
};

scenario('requests without an end, one byte at a time: each ends in time, and nobody waits for them', async (scene) => {
  await besieged(scene, { threads: 1, request_timeout: '2s' }, async (walpiper) => {
    const slow = Object.values(perPiece).flatMap((each) => dialMany(walpiper, 50, each.begin).map((made) => ({ ...each, made })));
    const dripping = setInterval(() => slow.forEach(({ made, piece }) => made.over || piece === '' || made.socket.write(piece)), 100);
    await Promise.all(slow.map(({ made }) => made.ended)).finally(() => clearInterval(dripping));
    for (const { made, begin, told } of slow) assert.deepEqual(statuses(made.got), told, begin);
  });
});

const headersOf = (count) => Array.from({ length: count }, (_, n) => `X-${n}: y\r\n`).join('');
const tooLarge = {
  'a target of 100 kB': `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
  'a header of 100 kB': `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
  'a header without an end': `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(900_000)}`,
  '100 000 topics': `GET /streams?${'topic=comments/1&'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
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
  'two equal lengths': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 44\r\ncontent-length: 44\r\n\r\n',
  'a negative length': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
  'a hexadecimal length': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2c\r\n\r\n',
  'an empty length': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n',
  'a length with a sign': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n',
  'a length past 64 bits': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n',
  'a space before a colon': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 44\r\n\r\n',
  'a folded line': 'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 44\r\n\r\n',
  'a NUL in a name': 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length\0: 44\r\n\r\n',
  'a NUL in a value': 'GET / HTTP/1.1\r\nHost: a\r\nX: \0y\r\n\r\n',
  'an LF of its own': 'GET / HTTP/1.1\r\nHost: a\nContent-Length: 44\r\n\r\n',
  'LFs alone': 'GET / HTTP/1.1\nHost: a\n\n',
  'a tab before a colon': 'POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n',
  'a vertical tab before chunked': 'POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n',
  'chunks in HTTP/1.0': 'POST /events HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'chunks behind another coding': 'POST /events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'a space before the first header': 'GET / HTTP/1.1\r\n Host: a\r\n\r\n',
  'a CR of its own': 'GET / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 44\r\n\r\n',
  'two hosts': 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  'no host': 'GET / HTTP/1.1\r\n\r\n',
  'a target of another scheme': 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'a target of another form': 'CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n',
  'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
};

/** The same in what stands between the chunks of a body. */
const chunked = `${publishing}Transfer-Encoding: chunked\r\n\r\n`;
for (const [name, size] of Object.entries({
  'a chunk with a sign': '+2',
  'a chunk of less than nothing': '-1',
  'a chunk with 0x': '0x2',
  'a chunk with a space before it': ' 2',
  'a chunk past 64 bits': '10000000000000002',
  'a chunk without a size': '',
}))
  smuggling[name] = `${chunked}${size}\r\n{}\r\n0\r\n\r\n`;
smuggling['a chunk with an LF of its own'] = `${chunked}2\n{}\r\n0\r\n\r\n`;
smuggling['a chunk longer than it says'] = `${chunked}2\r\n{}x\r\n0\r\n\r\n`;

scenario('requests that are too large or ambiguous: one refusal, and nothing behind it is a request', async (scene) => {
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

const replaying = 'GET /streams/comments HTTP/1.1\r\nHost: a\r\nLast-Event-ID: earliest\r\n\r\n';
const lines = 'GET /streams/comments?last_event_id=earliest HTTP/1.1\r\nHost: a\r\nAccept: application/x-ndjson\r\n\r\n';

scenario('readers that never read, live or replayed, and writers that never stop: let go, each for its reason', async (scene) => {
  const walpiper = await besieged(scene, { threads: 1, stall_timeout: '1s' }, async (walpiper, written) => {
    await until('there is something to replay', () => written() >= 500);
    const deaf = [subscribing, replaying, lines].flatMap((text) => dialMany(walpiper, 20, text));
    for (const each of deaf) {
      await until('the stream begins', () => each.got.includes('\r\n\r\n'));
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
  assert.match(walpiper.logText(), / 66 streams, closed: ended 1, peer 0, stalled 60, overflow 0, noise 5,/);
});

const endings = [
  (made) => made.socket.destroy(),
  (made) => made.socket.resetAndDestroy(),
  (made) => made.socket.end(),
];

/** COUNT connections, 200 at a time; each sends what TEXTS gives it, and leaves in one of the ways that there are. */
async function comeAndGo(walpiper, count, texts) {
  for (let n = 0; n < count; n += 200) {
    // From some addresses, for one has only so many ports.
    const wave = Array.from({ length: 200 }, (_, i) => dial(walpiper, texts(n + i), `127.0.0.${2 + (n / 200) % 8}`));
    await Promise.all(wave.map(({ socket }) => new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))));
    wave.forEach((made, i) => endings[(n / 200 + i) % endings.length](made));
    await Promise.all(wave.map(({ ended }) => ended));
  }
  await until('all are gone', () => walpiper.connections() === 1);
}

/** Five topics that nobody else has: the Nth text of those that subscribe. */
const ofTopics = (n) => {
  const topics = Array.from({ length: 5 }, (_, i) => `topic=posts/${n}-${i}/comments`).join('&');
  return `GET /streams?${topics} HTTP/1.1\r\nHost: a\r\n${n % 2 ? 'Last-Event-ID: earliest\r\n' : ''}\r\n`;
};

/** What 20 000 connections may leave behind: fragments of the allocator's, KiB. */
const residue = 4096;
/** Sessions with the server, which come and go by themselves. */
const sessions = 2;

scenario('20 000 connections that come and go, with 100 000 topics: memory and descriptors are what they were', async (scene) => {
  await besieged(scene, {}, async (walpiper) => {
    const texts = ['', 'GET /str', subscribing, health, subscribing + health];
    const few = (n) => texts[n % texts.length];
    await comeAndGo(walpiper, 2000, (n) => (n % 2 ? few(n) : ofTopics(n)));
    const before = { memory: walpiper.memory().anonymous, descriptors: walpiper.descriptors() };
    await comeAndGo(walpiper, 20_000, (n) => ofTopics(2000 + n));
    await comeAndGo(walpiper, 1000, few);
    const more = walpiper.memory().anonymous - before.memory;
    assert.ok(more < residue, `${more} KiB more than before`);
    assert.ok(walpiper.descriptors() <= before.descriptors + sessions, `${walpiper.descriptors()} descriptors`);
  }, { first: 12_000 });
});

/** The kernel forgets a connection that was reset before walpiper learns of it: this is walpiper's own count. */
const held = (walpiper) => scrape(walpiper).then((metrics) => metrics.sum('walpiper_http_connections'), () => NaN);

/** Each of a crowd that comes at once is served or told, and there is room when it has gone. */
async function flooded(walpiper, most) {
  const flood = dialMany(walpiper, 1000, subscribing);
  await until('each is served or refused', () => flood.every(({ got, over }) => over || got.includes('\r\n\r\n')), { timeout: 60_000 });
  const served = flood.filter(({ got }) => got.startsWith('HTTP/1.1 200')).length;
  assert.ok(served > 0 && served < most, `${served} were served`);
  assert.ok(flood.every(({ got }) => /^HTTP\/1\.1 (200|503) /.test(got)));
  for (const { socket } of flood) socket.destroy();
  await until('all are gone', async () => (await held(walpiper)) === 1);
  const again = await walpiper.subscribe('/streams/comments');
  await again.until('there is room again', () => again.parser.comments > 0);
  assert.equal(again.hasEnded, false);
  again.close();
}

scenario('more connections at a time than there may be', (scene) =>
  besieged(scene, { max_connections: 300, threads: 1 }, (walpiper) => flooded(walpiper, 300)));

scenario('more connections at a time than there are descriptors', (scene) =>
  besieged(scene, { threads: 2 }, (walpiper) => flooded(walpiper, 200), { wrapper: ['prlimit', '--nofile=200'] }));
