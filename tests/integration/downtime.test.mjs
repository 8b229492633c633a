// Walpiper is away while rows are written. Whoever comes back with its last id has missed nothing.
import { isDeepStrictEqual } from 'node:util';
import { assert, assertInOrder, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';

const rows = 10_000;

scenario('10 000 rows written while walpiper is stopped arrive in order, once', { timeout: 240_000 }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const before = await walpiper.subscribe('/streams/comments');
  const toto = await walpiper.events('toto');
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'seen')`);
  await db.query(`INSERT INTO events (type, subscriber, payload) VALUES ('insert', 'toto', '0')`);
  const [seen] = await before.first(1);
  const [seenByToto] = await toto.first(1);
  assert.deepEqual(await walpiper.stop(), { code: 0, signal: null });

  await db.query(`INSERT INTO posts (title) SELECT 'post ' || n FROM generate_series(1, 50) n`);
  for (let n = 0; n < rows; n += 100) {
    await db.query(
      `INSERT INTO comments (post_id, message)
       SELECT (SELECT min(id) FROM posts) + n % 52, n FROM generate_series($1::int, $2) n`,
      [n + 1, n + 100],
    );
    await db.query(
      `INSERT INTO events (type, subscriber, payload)
       SELECT 'insert', 'toto', to_jsonb(n) FROM generate_series($1::int, $2) n`,
      [n + 1, n + 100],
    );
  }
  await db.query(`DELETE FROM posts WHERE title = 'post 7'`);
  await db.query('UPDATE comments SET post_id = 1 WHERE id % 1000 = 0');

  await walpiper.start();
  const after = await walpiper.subscribe('/streams/comments', { lastEventId: seen.id });
  const events = (await after.first(rows, 120_000)).map((frame) => JSON.parse(frame.data));
  assert.deepEqual(
    events.map((event) => event.new_record.message),
    Array.from({ length: rows }, (_, n) => String(n + 1)),
  );
  const totoAgain = await walpiper.events('toto', { lastEventId: seenByToto.id });
  const payloads = (await totoAgain.first(rows, 120_000)).map((frame) => frame.data);
  assert.deepEqual(payloads, Array.from({ length: rows }, (_, n) => String(n + 1)));

  const expected = await countsFromScratch(db);
  await until('the read model equals the query from scratch', async () =>
    isDeepStrictEqual(await counts(db), expected),
  );
  assertInOrder(after.events.map((frame) => frame.id));
});

scenario('ids are the same after a restart', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const before = await walpiper.subscribe('/streams/comments');
  await db.query(`INSERT INTO comments (post_id, message) SELECT 1, n FROM generate_series(1, 100) n`);
  const frames = await before.first(100);
  await walpiper.restart();
  const after = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
  assert.deepEqual(await after.first(100), frames);
});

scenario('a journal that was lost is answered by a reset, and the new one goes on', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const before = await walpiper.subscribe('/streams/comments');
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'a')`);
  const [frame] = await before.first(1);
  await walpiper.stop();
  walpiper.config.journal.path += '-new';
  await walpiper.configure();
  await walpiper.start();
  const after = await walpiper.subscribe('/streams/comments', { lastEventId: frame.id });
  const reset = await after.find('a reset', (f) => f.event === 'reset');
  assert.equal(JSON.parse(reset.data).reason, 'epoch');
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'b')`);
  const next = (await after.first(2))[1];
  assert.equal(JSON.parse(next.data).new_record.message, 'b');
});
