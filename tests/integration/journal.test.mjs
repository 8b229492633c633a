// walpiper journal info and verify: what they say is so, beside a running service and without one, and
// what the disk damaged is told and never served.
import { randomBytes } from 'node:crypto';
import { mkdirSync, openSync, closeSync, readSync, writeSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { assert, binary, run, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';
import { captured } from './harness/journal.mjs';

const command = (walpiper, ...words) => run(binary, ['journal', ...words, '-c', walpiper.file]);

async function info(walpiper) {
  const { code, stdout, stderr } = await command(walpiper, 'info', '--json');
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

async function verified(walpiper) {
  const { code, stdout, stderr } = await command(walpiper, 'verify');
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^ok, \d+ records in \d+ blocks, .*\n$/);
  return Number(stdout.match(/^ok, (\d+) records/)[1]);
}

function insertPosts(db, from, to) {
  return db.query(
    `INSERT INTO posts (id, title, body)
     SELECT n, md5(n::text), md5((-n)::text) FROM generate_series($1::int, $2::int) n`,
    [from, to],
  );
}

scenario('info says what is there, beside the service and without it', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, journal: { retention: { bytes: '64MB', age: '2d' } } });
  const frames = await walpiper.subscribe('/streams/posts');
  await insertPosts(db, 1000, 1499);
  await until('500 events', () => frames.frames.filter((frame) => frame.event === 'insert').length === 500);
  const ids = frames.frames.filter((frame) => frame.event === 'insert').map((frame) => frame.id);
  await captured(walpiper);
  await until('the operator has read all', async () => (await info(walpiper)).holds[0]?.records_behind === 0);
  const there = await info(walpiper);
  assert.equal(there.format, 'walpiper journal 3');
  assert.equal(there.path, walpiper.config.journal.path);
  assert.equal(there.in_use, true);
  assert.equal(there.epoch, ids[0].slice(0, 8));
  const cluster = await db.value('SELECT system_identifier::text FROM pg_control_system()');
  assert.deepEqual(there.source, { cluster, timeline: 1, database: db.name, slot: walpiper.slot });
  assert.equal(there.records, 500);
  assert.equal(there.first.id, ids[0]);
  assert.equal(there.last.id, ids.at(-1));
  assert.ok(Date.parse(there.first.kept_since) <= Date.parse(there.last.kept_since));
  assert.deepEqual(there.retention, { bytes: 64 << 20, age_ms: 2 * 86400_000 });
  assert.match(there.durable_lsn, /^[0-9A-F]+\/[0-9A-F]+$/);
  assert.match(there.holds[0].name, /post_with_comments_counts/);
  assert.equal(await verified(walpiper), 500);
  await walpiper.stop();
  assert.deepEqual({ ...(await info(walpiper)), durable_lsn: '' }, { ...there, in_use: false, durable_lsn: '', file_bytes: (await info(walpiper)).file_bytes });
  const { stdout } = await command(walpiper, 'info');
  for (const text of [there.epoch, ids[0], ids.at(-1), 'records    500 in ', '64.0 MB, 2d', 'does not run']) {
    assert.ok(stdout.includes(text), `${text} in\n${stdout}`);
  }
});

scenario('verify is right beside a service that appends, trims and is killed', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, operators: [], journal: { retention: { bytes: '128kB' } } });
  for (let round = 0; round < 12; round++) {
    await Promise.all([insertPosts(db, 1000 + round * 1000, 1999 + round * 1000), verified(walpiper), info(walpiper)]);
    if (round % 4 === 3) await walpiper.restart('SIGKILL');
  }
  await captured(walpiper);
  const there = await info(walpiper);
  assert.ok(there.bytes <= (128 << 10) + (64 << 10), `${there.bytes} bytes`);
  assert.equal(await verified(walpiper), there.records);
});

/** Changes one bit. */
function flip(file, offset) {
  const fd = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, offset);
  byte[0] ^= 1;
  writeSync(fd, byte, 0, 1, offset);
  closeSync(fd);
}

/** Where TEXT, bytes of an event, lie in FILE. */
function find(file, text) {
  const fd = openSync(file, 'r');
  const bytes = Buffer.alloc(8 << 20);
  const end = readSync(fd, bytes, 0, bytes.length, 0);
  closeSync(fd);
  const at = bytes.subarray(0, end).indexOf(text);
  assert.notEqual(at, -1, `${text} is not in ${file}`);
  return at;
}

/** Twenty events, each alone in pages of its own, so that its bytes can be found: they do not compress. */
async function twenty(scene, config = { ...blog, operators: [] }, before = () => {}) {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, config);
  await before(db);
  const bodies = Array.from({ length: 20 }, () => randomBytes(6000).toString('base64'));
  for (const [n, body] of bodies.entries()) {
    await db.query('INSERT INTO posts (id, title, body) VALUES ($1, $2, $3)', [1000 + n, 'large', body]);
    await captured(walpiper);
  }
  await walpiper.stop();
  const data = join(walpiper.config.journal.path, 'data.mdb');
  const damage = (n) => flip(data, find(data, bodies[n].slice(3000, 3020)));
  return { walpiper, data, damage };
}

scenario('one damaged block: verify names it and what is readable; it is never served, the others are', async (scene) => {
  const { walpiper, damage } = await twenty(scene);
  const before = await info(walpiper);
  damage(9);
  const { code, stdout, stderr } = await command(walpiper, 'verify');
  assert.equal(code, 1);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 3, stdout);
  assert.match(lines[0], /^damaged: [0-9a-f]{8}-[0-9A-F]+-1: the records of the block that ends here do not fit/);
  assert.ok(lines[1].startsWith(`readable: 9 records from ${before.first.id} to `), lines[1]);
  assert.ok(lines[2].startsWith('readable: 10 records from ') && lines[2].endsWith(` to ${before.last.id}`), lines[2]);
  assert.match(stderr, /^walpiper: journal .* is damaged in 1 places; .*remove the directory: a new epoch begins.*\n$/);

  await walpiper.start();
  const stream = await walpiper.subscribe('/streams/posts', { lastEventId: 'earliest' });
  await walpiper.database.query("INSERT INTO posts (id, title, body) VALUES (3000, 'after', 'text')");
  await until('the live event', () => stream.frames.some((frame) => frame.data?.includes('"id":3000')));
  const posts = stream.frames.map((frame) => Number(/"new_record":{"id":(\d+)/.exec(frame.data ?? '')?.[1])).filter(Boolean);
  assert.deepEqual(posts.slice(0, 9), Array.from({ length: 9 }, (_, n) => 1000 + n));
  assert.ok(!posts.includes(1009));
  // What follows the damage comes, if at all, only after the subscriber was told of the gap.
  assert.equal(stream.frames.findIndex((frame) => frame.event === 'reset'), 9);
});

scenario('an operator that comes to a damaged block computes every id anew', async (scene) => {
  const rename = (from, to) => `ALTER TABLE ${from} RENAME TO ${to}`;
  // It has read none of them: its target is away.
  const { walpiper, damage } = await twenty(scene, blog, async (db) => {
    await until('the operator has begun', async () => (await counts(db)).length === (await countsFromScratch(db)).length);
    await db.query(rename('post_with_comments_counts', 'away'));
  });
  const db = walpiper.database;
  damage(9);
  await db.query(rename('away', 'post_with_comments_counts'));
  assert.notDeepEqual(await counts(db), await countsFromScratch(db));
  await walpiper.start();
  await until('the read model is right', async () => isDeepStrictEqual(await counts(db), await countsFromScratch(db)));
  assert.match(walpiper.logText(), /computes every id anew: the journal is damaged after its checkpoint/);
});

scenario('a service refuses a journal whose end is damaged, and leaves it as it is', async (scene) => {
  const { walpiper, damage } = await twenty(scene);
  damage(19);
  const { code, log } = await walpiper.refuse();
  assert.equal(code, 1);
  assert.match(log, /journal .* is damaged: its newest or oldest block.*walpiper journal verify.*remove the directory: a new epoch begins/);
  assert.equal((await command(walpiper, 'verify')).code, 1);
  rmSync(walpiper.config.journal.path, { recursive: true });
  await walpiper.start();
});

scenario('what is no journal is told in one line', async (scene) => {
  const { walpiper, data } = await twenty(scene);
  const refused = async (reason) => {
    for (const what of ['verify', 'info']) {
      const { code, stdout, stderr } = await command(walpiper, what);
      assert.deepEqual([code, stdout], [1, ''], stderr);
      assert.match(stderr, /^walpiper: journal [^\n]+; [^\n]+\n$/);
      assert.match(stderr, reason);
    }
  };
  truncateSync(data, 16384);
  await refused(/is shorter than it was/);
  truncateSync(data, 0);
  await refused(/journal/);
  writeFileSync(data, 'this is no journal\n'.repeat(1000));
  await refused(/is not an LMDB file/);
  rmSync(walpiper.config.journal.path, { recursive: true });
  await refused(/cannot be read/);
  mkdirSync(walpiper.config.journal.path);
  await refused(/cannot be read/);
});

scenario('wrong usage is refused', async (scene) => {
  const walpiper = scene.unstarted(await scene.database());
  await walpiper.configure();
  for (const words of [[], ['look'], ['info', 'verify'], ['verify', '--json']]) {
    const { code, stderr } = await command(walpiper, ...words);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^walpiper: journal[^\n]+\n$/);
  }
});
