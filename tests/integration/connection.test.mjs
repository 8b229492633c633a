// The replication session under faults of network and server: noticed, made anew, nothing lost and
// nothing twice; and a server that is merely busy is left in peace.
import { assert, Follower, scenario, sleep, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { directions, proxy } from './harness/network.mjs';

const lines = (walpiper, pattern) => walpiper.logText().split('\n').filter((line) => pattern.test(line));
const streams = (walpiper) => lines(walpiper, /streaming \d+ tables/).length;

/** The promise is 30 s; the rest is for a machine that is busy with other tests. */
const noticed = { timeout: 33_000 };

/** A walpiper that reaches its server through a proxy, and a subscriber of its comments. */
async function behindProxy(scene, db, slot, config = {}) {
  const gate = await proxy(scene, db.server);
  const walpiper = await scene.walpiper(db, {
    tables: blog.tables,
    slot: { name: slot },
    database: { url: gate.url(db) },
    ...config,
  });
  const comments = new Follower(walpiper, '/streams/comments');
  scene.defer(() => comments.stop());
  await until('the subscriber is there', () => comments.connections > 0);
  return { gate, walpiper, comments };
}

/** Comments '1', '2', ... each a transaction of its own, not through a proxy. */
class Counting {
  constructor(db, { count = 0 } = {}) {
    Object.assign(this, { db, count, stopped: false });
    this.running = this.run();
  }

  async run() {
    while (!this.stopped) {
      await this.db.query('INSERT INTO comments (post_id, message) VALUES (1, $1)', [String(this.count + 1)]);
      this.count++;
      await sleep(10);
    }
  }

  async stop() {
    this.stopped = true;
    await this.running;
    return Array.from({ length: this.count }, (_, n) => String(n + 1));
  }
}

const messages = (comments) => comments.events.map((frame) => JSON.parse(frame.data).new_record.message);

/** All of EXPECTED has come, once, in order. */
async function gotAll(comments, expected) {
  await comments.until('all comments', () => comments.events.length >= expected.length);
  assert.deepEqual(messages(comments), expected);
}

/** Connections go dead, in every way that one can; then each session is made anew by itself. */
async function halfOpen(scene, { load }) {
  const db = await scene.database({ files: blogFiles });
  const ways = [directions, ['to server'], ['to client']];
  const all = [];
  for (const [n, deaf] of ways.entries()) all.push({ deaf, ...(await behindProxy(scene, db, `half_open_${load}_${n}`)) });
  let counting = new Counting(db);
  await until('events flow', () => all.every(({ comments }) => comments.events.length >= 10));
  if (!load) await counting.stop();
  await until('all is quiet', () => load || all.every(({ comments }) => comments.events.length === counting.count));
  for (const { gate, deaf } of all) gate.stall(deaf);
  await until('each one has noticed', () => all.every(({ walpiper }) => streams(walpiper) > 1), noticed);
  if (!load) counting = new Counting(db, { count: counting.count });
  const { count } = counting;
  await until('more is written', () => counting.count > count + 10);
  const expected = await counting.stop();
  for (const { comments } of all) await gotAll(comments, expected);
  for (const { walpiper } of all) assert.equal(streams(walpiper), 2, walpiper.logText());
}

scenario('an idle connection that is half open is noticed within 30 s, and nothing is lost', (scene) =>
  halfOpen(scene, { load: false }));

scenario('a busy connection that is half open is noticed within 30 s, and nothing is lost', (scene) =>
  halfOpen(scene, { load: true }));

scenario('a network that swallows all is noticed within 30 s, and left as soon as it is whole', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const { gate, walpiper, comments } = await behindProxy(scene, db, 'swallowed');
  const counting = new Counting(db);
  await until('events flow', () => comments.events.length >= 10);
  gate.stall(directions, { spread: true });
  const told = /taken for dead/;
  await until('it is noticed', () => lines(walpiper, told).length > 0, noticed);
  const health = await walpiper.request('/manage/health');
  assert.equal(health.status, 503);
  assert.match(health.body, /taken for dead|did not answer|timeout expired/);
  gate.heal();
  await walpiper.healthy();
  await gotAll(comments, await counting.stop());
  assert.equal(lines(walpiper, told).length, 1, walpiper.logText());
});

for (const [what, first] of [
  ['accepts and says nothing', () => true],
  ['goes dead while the stream is prepared', (chunk) => chunk.includes('pg_publication')],
  ['goes dead while the session is opened', (chunk) => chunk.includes('IDENTIFY_SYSTEM')],
]) {
  scenario(`a server that ${what} is noticed within 30 s`, async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const gate = await proxy(scene, db.server);
    let met = false;
    gate.onData = (link, direction, chunk) => {
      if (direction !== 'to server' || !first(chunk)) return;
      met = true;
      for (const way of directions) link.deaf.add(way);
    };
    const walpiper = scene.unstarted(db, { tables: blog.tables, database: { url: gate.url(db) } });
    await walpiper.launch();
    await until('the connection is dead', () => met);
    await until('it is noticed', () => lines(walpiper, /taken for dead|timeout expired/).length > 0, noticed);
    gate.heal();
    await walpiper.healthy();
  });
}

// An enum's label is looked up in pg_enum while a row is written out: who locks pg_enum stops the
// decoding of the row, as silently as a transaction that takes minutes, but without the work. Those
// who connect do not need pg_enum, unless the server's cache of its catalogs is out of date: without
// autovacuum, who has connected last has renewed it.
scenario('a server that decodes for long is not taken for dead', { timeout: 180_000 }, async (scene) => {
  const server = await scene.postgres({ autovacuum: 'off' });
  const db = await scene.database({ server, files: blogFiles });
  await db.query(`CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE moods (id int PRIMARY KEY, m mood)`);
  const walpiper = await scene.walpiper(db, { tables: [{ name: 'public.moods' }], log: { level: 'debug' } });
  const stream = await walpiper.subscribe('/streams/moods');
  const writer = await db.connect();
  await writer.query(`BEGIN; INSERT INTO moods VALUES (1, 'bad')`);
  const lock = await db.connect();
  scene.defer(() => lock.query('ROLLBACK'));
  await lock.query('BEGIN; LOCK TABLE pg_enum IN ACCESS EXCLUSIVE MODE');
  await writer.query('COMMIT');
  const asked = () => lines(walpiper, /process \d+ is there, waiting for relation/).length;
  const again = () => {
    assert.deepEqual(lines(walpiper, /level=error/), []);
    return asked() >= 2;
  };
  await until('it was asked and asked again', again, { timeout: 60_000 });
  assert.equal((await walpiper.request('/manage/health')).status, 200);
  await lock.query('COMMIT');
  await stream.first(1);
  assert.equal(streams(walpiper), 1, walpiper.logText());
  assert.equal(lines(walpiper, /its process is at work/).length, 1, 'told once');
  writer.release();
});

scenario('a slot that waits for an open transaction is waited for', async (scene) => {
  const db = await scene.database();
  const open = await db.connect();
  await open.query('BEGIN; SELECT pg_current_xact_id()');
  const walpiper = scene.unstarted(db);
  await walpiper.launch();
  await until('it is seen to be at work', () => lines(walpiper, /its process is at work/).length > 0);
  await open.query('COMMIT');
  await walpiper.healthy();
  assert.equal(lines(walpiper, /created with/).length, 1);
  assert.equal(lines(walpiper, /taken for dead/).length, 0);
  open.release();
});

scenario('a password that is changed: DOWN with role and mend, and goes on when it is set right', async (scene) => {
  const server = await scene.postgres({ password_encryption: 'scram-sha-256' });
  const db = await scene.database({ server, files: blogFiles });
  await db.query(`CREATE ROLE capture LOGIN SUPERUSER REPLICATION PASSWORD 'first'`);
  await server.hba(['local all capture scram-sha-256']);
  const gate = await proxy(scene, server);
  const database = { url: `postgresql://capture:first@127.0.0.1:${gate.port}/${db.name}` };
  const walpiper = await scene.walpiper(db, { tables: blog.tables, database });
  const comments = await walpiper.subscribe('/streams/comments');
  await db.query(`ALTER ROLE capture PASSWORD 'second'`);
  await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'capture'`);
  const down = await until('it is down for the password', async () => {
    const health = await walpiper.request('/manage/health');
    return health.status === 503 && /password authentication failed/.test(health.body) && health.body;
  });
  assert.match(down, /database\.password.*role capture/);
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'meanwhile')`);
  await db.query(`ALTER ROLE capture PASSWORD 'first'`);
  await walpiper.healthy();
  const [frame] = await comments.first(1);
  assert.equal(JSON.parse(frame.data).new_record.message, 'meanwhile');
  assert.equal(lines(walpiper, /password authentication failed/).length, 1, walpiper.logText());
  assert.doesNotMatch(walpiper.logText(), /first|second/);
});
