// A line to the server that says what no server says: one clear error, DOWN meanwhile, and once it is
// mended everything has come exactly once. Nothing is guessed.
import { createServer } from 'node:net';
import { assert, scenario, until } from './harness/lib.mjs';
import { captured, capturedEvents } from './harness/journal.mjs';
import { Mangler, frame } from './harness/mangler.mjs';

const headerBytes = 25; // of an XLogData, before the plugin's message

/** 'k' for a keepalive; for a message of a plugin its letter: B, I, C... */
function letterOf(content) {
  if (content[0] !== 'w'.charCodeAt(0)) return String.fromCharCode(content[0]);
  const message = content.subarray(headerBytes).toString('latin1');
  return message.startsWith('{') ? message[11] : message[0]; // {"action":"I"
}

/** CONTENT with its message from byte AT on replaced by BYTES. */
function overwritten(content, at, bytes) {
  const copy = Buffer.from(content);
  copy.set(Buffer.from(bytes, 'latin1'), headerBytes + at);
  return copy;
}

/** CONTENT with the first match of PATTERN in its JSON replaced. */
function edited(content, pattern, instead) {
  const message = content.subarray(headerBytes).toString();
  assert.match(message, pattern);
  return Buffer.concat([content.subarray(0, headerBytes), Buffer.from(message.replace(pattern, instead))]);
}

const last = (content, bytes) => content.subarray(0, content.length - bytes);
const errorOfServer = (text) => ({ raw: frame('E', Buffer.from(`SFATAL\0VFATAL\0CXX000\0M${text}\0\0`)) });

/** [what is wrong, with which message, how, what walpiper says; what else is allowed]. */
const ofEither = [
  ['a keepalive that is too short', 'k', (content) => content.subarray(0, 10), /kind 0x6b and 10 bytes/],
  ['a header that is too short', 'I', (content) => content.subarray(0, 20), /kind 0x77 and 20 bytes/],
  ['an unknown kind', 'I', (content) => overwritten(content, -headerBytes, 'x'), /kind 0x78/],
  ['no message', 'I', (content) => content.subarray(0, headerBytes), /message .*at 0\/[0-9A-F]+: /],
  ['a row cut short', 'I', (content) => last(content, 1), / at 0\/[0-9A-F]+, relation public\.rows: /],
  ['a row cut in half', 'U', (content) => last(content, 30), / at 0\/[0-9A-F]+, relation public\.rows: /],
  ['a row with more behind it', 'D', (content) => Buffer.concat([content, Buffer.from('x')]), /relation public\.rows: /],
  ['a begin inside of a transaction', 'B', (content) => [content, content], /message .*at 0\/[0-9A-F]+: transaction [0-9]+ begins/],
  ['no commit', 'C', () => [], /message .*at 0\/[0-9A-F]+: transaction [0-9]+ begins/],
  ['a commit cut short', 'C', (content) => last(content, 3), /message .*at 0\/[0-9A-F]+: /],
  ['a message that is none of the protocol', 'I', () => ({ raw: frame('?', Buffer.from('what')) }), /slot mangled: unexpected response/, { accident: true }],
  ['a length that is none', 'I', () => ({ raw: Buffer.from([0x64, 0, 0, 0, 1]) }), /slot mangled: lost synchronization/, { accident: true }],
  ['an error of many lines', 'I', () => errorOfServer(`broken\n${'line\n'.repeat(3000)}`), /slot mangled: broken/, { accident: true }],
];

const ofPlugin = {
  wal2json: [
    ['no begin', 'B', () => [], /wal2json message at 0\/[0-9A-F]+: it comes outside of a transaction/],
    ['an unknown action', 'I', (content) => overwritten(content, 11, 'Q'), /wal2json message at 0\/[0-9A-F]+/],
    ['a quote that is another byte', 'I', (content) => edited(content, /"v"/, '"v'), /relation public\.rows: /],
    ['bytes that are not UTF-8', 'I', (content) => overwritten(content, 40, '\xff'), /wal2json message at /],
    ['a number that is none', 'I', (content) => edited(content, /"value":([0-9])/, '"value":-x$1'), /relation public\.rows: /],
    ['a row of another transaction', 'U', (content) => edited(content, /"xid":/, '"xid":1'), /it is of transaction 1[0-9]+, but/],
    ['a commit with another LSN', 'C', (content) => edited(content, /"nextlsn":"0\//, '"nextlsn":"0/1'), /another LSN/],
    ['a column twice', 'I', (content) => edited(content, /"name":"v"/, '"name":"id"'), /relation public\.rows.*twice/],
    ['a nesting without end', 'I', (content) => edited(content, /"value":/, `"value":${'['.repeat(100_000)}`), /relation public\.rows: /],
  ],
  pgoutput: [
    // The server says no position with a description: the first has that of the message before, in another stream.
    ['no begin', 'B', () => [], /pgoutput message R at .*: it comes outside of a transaction/, { lines: 2 }],
    ['an unknown message', 'I', (content) => overwritten(content, 0, 'Z'), /pgoutput message Z at .*protocol version 1/],
    ['a row of an unknown relation', 'I', (content) => overwritten(content, 1, '\x7f\xff\xff\xff'), /pgoutput message I at .*: relation 2147483647 was not described/],
    ['a value of an unknown kind', 'I', (content) => overwritten(content, 8, 'b'), /relation public\.rows: column id: .*0x62/],
    ['a value longer than its message', 'I', (content) => overwritten(content, 9, '\x7f\xff\xff\xff'), /relation public\.rows: column id: /],
    ['a value of all memory', 'I', (content) => overwritten(content, 9, '\xff\xff\xff\xff'), /relation public\.rows: column id: /],
    ['a row of more columns', 'U', (content) => overwritten(content, 6, '\xff\xff'), /relation public\.rows: a row of 65535 columns/],
    ['a number that is none', 'I', (content) => overwritten(content, 13, 'x'), /public\.rows: .* column id is no int4 .* at 0\//],
    ['a relation of 65535 columns', 'R', (content) => overwritten(content, content.length - headerBytes - 25, '\xff\xff'), /pgoutput message R at 0\/[1-9A-F]/],
    ['a commit with another LSN', 'C', (content) => overwritten(content, 2, '\x01'), /another LSN|ends before it commits/],
  ],
};

const errorsIn = (log) => log.split('\n').filter((line) => /level=(error|warn)/.test(line));

/** Two transactions, with a row of each kind; and a reason for pgoutput to describe the relation again. */
async function write(db, n) {
  await db.query(`ALTER TABLE rows ALTER v SET STATISTICS ${n}`);
  await db.query(`BEGIN; INSERT INTO rows VALUES (${n}, 'before'), (${n + 1}, 'x');
    UPDATE rows SET v = 'after, and long enough to be cut' WHERE id = ${n}; DELETE FROM rows WHERE id = ${n + 1}; COMMIT`);
  await db.query(`INSERT INTO rows VALUES (${n + 2}, 'second')`);
}

/** Puts FAULT on the line until walpiper has tried again twice. */
async function suffer(walpiper, mangler, db, n, [name, letter, change, told, { lines = 1, accident = false } = {}]) {
  const before = errorsIn(walpiper.logText()).length;
  const { streams } = mangler;
  const states = [];
  mangler.mangle = (content) => (letterOf(content) === letter ? change(content) : content);
  await write(db, n);
  await until(`${name}: walpiper has tried again twice`, async () => {
    const { status, body } = await walpiper.request('/manage/health');
    if (states.at(-1) !== status) states.push(status);
    if (status === 503) assert.match(body, told, name);
    return mangler.streams >= streams + 2;
  });
  const errors = errorsIn(walpiper.logText()).slice(before);
  assert.equal(errors.length, lines, `${name}: ${errors.join('\n')}`);
  for (const error of errors) {
    assert.match(error, told, name);
    assert.ok(error.length < 1500, name);
  }
  // The first lost connection is no reason to doubt the next one.
  if (!accident) assert.ok(states.length <= 2, `${name}: health was ${states}`);
  mangler.mangle = (content) => content;
  await walpiper.healthy();
}

for (const [plugin, faults] of Object.entries(ofPlugin)) {
  scenario(`${plugin}: whatever is wrong with the stream is one error; then everything comes exactly once`, { timeout: 400_000 }, async (scene) => {
    const db = await scene.database();
    await db.query('CREATE TABLE rows (id int PRIMARY KEY, v text)');
    const tables = [{ name: 'public.rows' }];
    const mangler = await Mangler.before(scene, db.server);
    const url = mangler.url(db.name);
    const reference = await scene.walpiper(db, { tables, slot: { name: 'reference', plugin } });
    const walpiper = await scene.walpiper(db, { tables, database: { url }, slot: { name: 'mangled', plugin } });
    let n = 0;
    for (const fault of [...ofEither, ...faults]) {
      await suffer(walpiper, mangler, db, (n += 10), fault);
      await captured(walpiper);
    }
    assert.deepEqual(await capturedEvents(walpiper), await capturedEvents(reference));
  });
}

/** DOWN with one reason and one line of log, however often it has tried. */
async function isDownQuietly(walpiper, name, tries, before) {
  await until(`${name}: walpiper has tried again twice`, async () => {
    const answer = await walpiper.request('/manage/health');
    return answer.status === 503 && tries();
  });
  const errors = errorsIn(walpiper.logText()).slice(before);
  assert.equal(new Set(errors.map((line) => line.replace(/^time=\S+ /, ''))).size, errors.length, `${name}: ${errors.join('\n')}`);
  assert.ok(errors.length >= 1 && errors.length <= 2, `${name}: ${errors.join('\n')}`);
  for (const error of errors) assert.ok(error.length < 1500 && /^[\x20-\x7e]+$/.test(error), `${name}: ${error}`);
}

const web = Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
const ones = Buffer.alloc(100_000, 0xff);
const garbage = {
  'what a web server says': web,
  'bytes of ones': ones,
  'bytes of zeros': Buffer.alloc(100_000),
  'an error without an end': Buffer.concat([Buffer.from('E\0\x0f\0\0SFATAL\0M', 'latin1'), Buffer.alloc(2_000_000, 'x')]),
  'a login of an unknown kind': frame('R', Buffer.from([0, 0, 0, 99])),
  'a login that is too short': frame('R', Buffer.from([0])),
  'nothing, and then the end': Buffer.alloc(0),
};

/** The port of a TCP server that does ON_CONNECTION. */
async function listening(scene, onConnection) {
  const listener = createServer(onConnection);
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  scene.defer(() => listener.close());
  return listener.address().port;
}

scenario('a server that is none: DOWN with one line, and the real one is found when it is there', { timeout: 240_000 }, async (scene) => {
  const db = await scene.database();
  const mangler = await Mangler.before(scene, db.server);
  for (const [name, bytes] of Object.entries(garbage)) {
    let connections = 0;
    const port = await listening(scene, (socket) => {
      connections++;
      socket.on('error', () => {});
      socket.end(bytes);
    });
    const url = `postgresql://postgres@127.0.0.1:${port}/${db.name}?sslmode=disable`;
    const walpiper = scene.unstarted(db, { database: { url } });
    await walpiper.launch();
    await until(`${name}: it listens`, () => walpiper.request('/manage/health').catch(() => null));
    await isDownQuietly(walpiper, name, () => connections >= 3, 0);
    const { code, signal } = await walpiper.stop();
    assert.deepEqual([code, signal], [0, null], name);
  }
  const walpiper = await scene.walpiper(db, { database: { url: mangler.url(db.name) } });
  let n = 0;
  // Answers on the way from the login to the stream.
  const short = (kind) => frame(kind, Buffer.alloc(1));
  const answers = { R: web, S: short('S'), Z: ones, T: short('T'), D: web, W: ones };
  for (const [kind, bytes] of Object.entries(answers)) {
    const before = errorsIn(walpiper.logText()).length;
    const { connections } = mangler;
    mangler.garble = (message) => (String.fromCharCode(message[0]) === kind ? bytes : message);
    mangler.cut();
    await isDownQuietly(walpiper, `a broken ${kind}`, () => mangler.connections >= connections + 3, before);
    mangler.garble = (message) => message;
    await walpiper.healthy();
    await db.query('INSERT INTO events (type, subscriber, payload) VALUES ($1, $2, $3)', ['insert', 'toto', String(n++)]);
    await captured(walpiper);
  }
  const payloads = (await capturedEvents(walpiper)).map((event) => JSON.parse(event).new_record.payload);
  assert.deepEqual(payloads, Array.from({ length: n }, (_, i) => i));
});
