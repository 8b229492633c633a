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
