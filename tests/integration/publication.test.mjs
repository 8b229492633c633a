// The publication while walpiper runs: what others change in it takes effect without a restart.
import { assert, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';

const post = (db, title) =>
  db.value(`INSERT INTO posts (title, body) VALUES ($1, 'b') RETURNING id::text`, [title]);

scenario('a table taken out of the publication and put back: no restart, no other event lost', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const publication = walpiper.config.publication;
  const posts = await walpiper.subscribe('/streams/posts');
  const comments = await walpiper.subscribe('/streams/comments');
  const written = [await post(db, 'first')];
  const parent = written[0];
  const comment = (text) =>
    db.query(`INSERT INTO comments (post_id, message) VALUES ($1, $2)`, [parent, text]);
  await comment('seen');
  await comments.first(1);

  await db.query(`ALTER PUBLICATION ${publication} DROP TABLE comments`);
  const streams = async () => (walpiper.logText().match(/streaming \d+ tables/g) ?? []).map((s) => s.match(/\d+/)[0]);
  const before = (await streams())[0];
  // Posts are written all the while: the new stream begins somewhere between them.
  await until('the stream goes on without comments', async () => {
    written.push(await post(db, `p${written.length}`));
    return (await streams()).at(-1) === String(before - 1);
  });
  await comment('not marked');

  await db.query(`ALTER PUBLICATION ${publication} ADD TABLE comments`);
  await until('the stream goes on with comments', async () => {
    written.push(await post(db, `p${written.length}`));
    return (await streams()).at(-1) === before && (await streams()).length === 3;
  });
  await comment('seen again');
  const seen = await comments.first(2);
  assert.deepEqual(
    seen.map((frame) => JSON.parse(frame.data).new_record.message),
    ['seen', 'seen again'],
  );
  const got = await posts.first(written.length);
  assert.deepEqual(got.map((frame) => String(JSON.parse(frame.data).new_record.id)), written);
});

scenario('a table that the configuration does not name has topics while it is published', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  await db.query('CREATE TABLE others (id int PRIMARY KEY, v text)');
  const status = async (path) => {
    const answer = await walpiper.request(path).catch((error) => error);
    return answer.status;
  };
  assert.equal(await status('/streams/others'), 400);
  await db.query(`ALTER PUBLICATION ${walpiper.config.publication} ADD TABLE others`);
  const stream = await until('others has a topic', () => walpiper.subscribe('/streams/others').catch(() => null));
  const row = await walpiper.subscribe('/streams/others/2');
  await db.query(`INSERT INTO others VALUES (1, 'a'), (2, 'b')`);
  const events = await stream.first(2);
  assert.deepEqual(events.map((frame) => JSON.parse(frame.data).new_record.v), ['a', 'b']);
  assert.deepEqual(await row.first(1), events.slice(1));
  await db.query(`ALTER PUBLICATION ${walpiper.config.publication} DROP TABLE others`);
  await until('others has no topic', async () => (await walpiper.subscribe('/streams/others').then((s) => s.close(), () => 'gone')) === 'gone');
});
