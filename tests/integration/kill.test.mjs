// Whatever is killed under load, walpiper or PostgreSQL: nothing committed is lost, nothing comes twice.
import { isDeepStrictEqual } from 'node:util';
import { assert, assertInOrder, Follower, scenario, sleep, until } from './harness/lib.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';
import { Load, Replica } from './harness/load.mjs';

/** Followers of the whole table and of toto's events, under load, while TROUBLE goes on. */
async function survive(scene, db, walpiper, trouble) {
  await db.query('TRUNCATE posts, comments, events RESTART IDENTITY');
  await walpiper.start();
  const replica = new Replica();
  const apply = ({ event, data }) => {
    if (['insert', 'update', 'delete'].includes(event)) replica.apply(JSON.parse(data));
  };
  const comments = new Follower(walpiper, '/streams/comments', { onFrame: apply });
  const toto = new Follower(walpiper, '/events', { headers: { 'X-Consumer-Id': 'toto' } });
  scene.defer(() => Promise.all([comments.stop(), toto.stop()]));
  await until('both subscribe', () => comments.connections > 0 && toto.connections > 0);

  const load = new Load(db);
  scene.defer(() => load.stop());
  await trouble(load);
  await load.stop();

  const committed = await db.query(`SELECT id::text, payload FROM events ORDER BY events.id`);
  assert.ok(committed.length >= load.transactions, 'a commit that was acknowledged is gone');
  await toto.until('toto has all events', () => toto.events.length >= committed.length);
  const rows = await db.query('SELECT id, post_id, message, rating FROM comments ORDER BY id');
  const seen = () =>
    [...replica.rows.values()]
      .sort((a, b) => a.id - b.id)
      .map(({ id, post_id, message, rating }) => ({ id: String(id), post_id: String(post_id), message, rating }));
  await comments.until('the subscriber has the rows of the table', () => isDeepStrictEqual(seen(), rows));

  assert.deepEqual(replica.problems, []);
  assertInOrder(comments.events.map((frame) => frame.id));
  const byId = [...toto.events].sort((a, b) => a.id - b.id);
  assert.deepEqual(
    byId.map(({ id, data }) => ({ id, payload: JSON.parse(data) })),
    committed,
    'each event once',
  );
  const expected = await countsFromScratch(db);
  await until(
    'the read model equals the query from scratch',
    async () => isDeepStrictEqual(await counts(db), expected),
    { timeout: 60_000 },
  );
  return { comments, toto, committed };
}

scenario('kill -9 of walpiper at 20 random moments', { timeout: 300_000 }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = scene.unstarted(db, blog);
  const { comments } = await survive(scene, db, walpiper, async () => {
    for (let kill = 0; kill < 20; kill++) {
      await sleep(Math.random() * 1000); // the random moment
      await walpiper.kill();
      await walpiper.launch();
      // Every other time it may be killed before it is even up.
      if (kill % 2 === 0) await walpiper.healthy();
    }
    await walpiper.healthy();
  });
  assert.ok(comments.connections > 1, 'the subscriber was never cut off');
});

scenario('PostgreSQL restarts under load, gently and by a crash', { timeout: 300_000 }, async (scene) => {
  const server = await scene.postgres();
  const db = await scene.database({ server, files: blogFiles });
  const walpiper = scene.unstarted(db, blog);
  const { committed } = await survive(scene, db, walpiper, async (load) => {
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGINT']) {
      const goal = load.transactions + 100;
      await until('the load goes on', () => load.transactions >= goal);
      await server.restart(signal);
    }
    const goal = load.transactions + 100;
    await until('the load goes on', () => load.transactions >= goal);
  });
  assert.ok(committed.length >= 400);
});

scenario('PostgreSQL is away for a moment: DOWN, then UP by itself', async (scene) => {
  const server = await scene.postgres();
  const db = await scene.database({ server, files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const stream = await walpiper.subscribe('/streams/comments');
  await server.stop();
  await until('health is DOWN', async () => {
    const { status, body } = await walpiper.request('/manage/health');
    return status === 503 && JSON.parse(body).status === 'DOWN';
  });
  await server.start();
  await walpiper.healthy();
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'after')`);
  const [frame] = await stream.first(1);
  assert.equal(JSON.parse(frame.data).new_record.message, 'after');
});
