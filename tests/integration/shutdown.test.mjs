// How walpiper ends: in order, with a goodbye, and leaving room for the next one.
import { createServer } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { assert, scenario, until } from './harness/lib.mjs';
import { position } from './harness/ids.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';

scenario('SIGTERM: streams end with retry:, exit 0, port and slot are free', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const streams = [await walpiper.events('toto'), await walpiper.subscribe('/streams/comments')];
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'last words')`);
  await streams[1].first(1);
  const exit = walpiper.stop();
  for (const stream of streams) {
    await stream.ended;
    stream.check();
    stream.parser.finish();
    assert.ok(stream.retry > 0, 'the stream ended without retry:');
    assert.ok(stream.isComplete, 'the response was cut off');
  }
  assert.deepEqual(await exit, { code: 0, signal: null });
  const taken = await new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', resolve);
    probe.listen(walpiper.port, '127.0.0.1', () => probe.close(() => resolve(null)));
  });
  assert.equal(taken, null);
  await until('the slot is free', async () => {
    const active = await db.value('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot]);
    return active === false;
  });
});

scenario('what was committed before SIGTERM is confirmed by then', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const stream = await walpiper.subscribe('/streams/comments', { keep: false });
  await db.query(`INSERT INTO comments (post_id, message) SELECT 1, n FROM generate_series(1, 5000) n`);
  await stream.until('all of it', () => stream.received >= 5000);
  const { lsn } = position(stream.lastId); // its end: what other sessions wrote since is no part of it
  await walpiper.stop();
  const confirmed = await db.value(
    `SELECT confirmed_flush_lsn - '0/0' >= $2 FROM pg_replication_slots WHERE slot_name = $1`,
    [walpiper.slot, lsn.toString()],
  );
  assert.equal(confirmed, true);
});

scenario('SIGINT is as SIGTERM, and a stream that does not read does not delay the end', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const stuck = await walpiper.subscribe('/streams/comments', { keep: false });
  stuck.response.pause();
  const reader = await walpiper.subscribe('/streams/comments', { keep: false });
  await db.query(`INSERT INTO comments (message) SELECT repeat('x', 1000) FROM generate_series(1, 20000) n`);
  await reader.until('all of it', () => reader.received >= 20000, 60_000);
  assert.deepEqual(await walpiper.stop('SIGINT', 20_000), { code: 0, signal: null });
});

scenario('a stop sends its clients away with waits that differ, and tells how they fared', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, http: { drain: '1s' } });
  const streams = [];
  for (let i = 0; i < 50; i++) streams.push(await walpiper.subscribe('/streams/comments'));
  assert.deepEqual(await walpiper.stop(), { code: 0, signal: null });
  for (const stream of streams) {
    await stream.ended;
    stream.check();
    assert.ok(stream.isComplete, 'a response was cut off');
    assert.ok(stream.retry >= 1000 && stream.retry <= 5000, `retry: ${stream.retry}`);
  }
  assert.ok(new Set(streams.map((stream) => stream.retry)).size > 25, 'they would all come back at once');
  assert.match(walpiper.logText(), / 50 streams, closed: ended 50, peer 0, stalled 0,/);
});

scenario('a second signal ends it at once, and nothing is lost', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, http: { drain: '5m' } });
  const stuck = await walpiper.subscribe('/streams/comments', { keep: false });
  stuck.response.pause();
  const reader = await walpiper.subscribe('/streams/comments');
  await db.query(`INSERT INTO comments (post_id, message) SELECT 1, repeat('x', 1000) FROM generate_series(1, 20000)`);
  await reader.first(20_000, 60_000);
  walpiper.child.kill('SIGTERM');
  await reader.ended; // the stuck one still has its time to read
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'while it stops')`);
  assert.deepEqual(await walpiper.stop('SIGTERM'), { code: 0, signal: null });
  assert.match(walpiper.logText(), /level=warn .*SIGTERM again: ending at once/);
  await walpiper.start();
  const again = await walpiper.subscribe('/streams/comments', { lastEventId: reader.lastId });
  const [missed] = await again.first(1);
  assert.equal(JSON.parse(missed.data).new_record.message, 'while it stops');
  const expected = await countsFromScratch(db);
  await until('the read model equals the query from scratch', async () => isDeepStrictEqual(await counts(db), expected));
});

scenario('SIGTERM under load: the next one goes on, and the read model is right', { timeout: 180_000 }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  for (let round = 0; round < 5; round++) {
    const writing = db.query(
      `INSERT INTO comments (post_id, message) SELECT 1 + n % 2, n FROM generate_series(1, 2000) n`,
    );
    assert.deepEqual(await walpiper.stop(), { code: 0, signal: null });
    await writing;
    await walpiper.start();
  }
  const expected = await countsFromScratch(db);
  await until('the read model equals the query from scratch', async () =>
    isDeepStrictEqual(await counts(db), expected),
  );
});

scenario('SIGTERM while the server is away: it ends all the same', async (scene) => {
  const server = await scene.postgres();
  const db = await scene.database({ server, files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  await server.stop();
  assert.deepEqual(await walpiper.stop('SIGTERM', 20_000), { code: 0, signal: null });
});

scenario('a second walpiper on the same journal is refused, the first goes on', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const second = scene.unstarted(db, { ...blog, journal: walpiper.config.journal });
  const { code, log } = await second.refuse();
  assert.equal(code, 1);
  assert.match(log, /journal/);
  const stream = await walpiper.subscribe('/streams/comments');
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'still here')`);
  await stream.first(1);
});
