// The example of EventStreamex: posts with the number of their comments, kept right by an operator.
import { isDeepStrictEqual } from 'node:util';
import { assert, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';

/** Waits until the read model says COUNTS for the post titles given. */
function countsBecome(db, expected) {
  let seen;
  return until(`the counts are ${JSON.stringify(expected)}`, async () => {
    seen = Object.fromEntries((await counts(db)).map((row) => [row.title, Number(row.comments_count)]));
    return JSON.stringify(seen) === JSON.stringify(expected);
  }).catch((error) => {
    throw new Error(`${error.message}; they are ${JSON.stringify(seen)}`);
  });
}

async function emptyBlog(scene) {
  const db = await scene.database({ files: blogFiles });
  await db.query('TRUNCATE posts, comments RESTART IDENTITY');
  return db;
}

scenario('counts after insert, update, move and delete of a comment, and delete of the post', async (scene) => {
  const db = await emptyBlog(scene);
  await scene.walpiper(db, blog);
  await db.query(`INSERT INTO posts (id, title) VALUES (1, 'a'), (2, 'b')`);
  await countsBecome(db, { a: 0, b: 0 });
  await db.query(`INSERT INTO comments (id, post_id, message) VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'z')`);
  await countsBecome(db, { a: 2, b: 1 });
  await db.query(`UPDATE posts SET title = 'c' WHERE id = 2`);
  await countsBecome(db, { a: 2, c: 1 });
  await db.query('UPDATE comments SET post_id = 2 WHERE id = 1');
  await countsBecome(db, { a: 1, c: 2 });
  await db.query('DELETE FROM comments WHERE id = 3');
  await countsBecome(db, { a: 1, c: 1 });
  await db.query('UPDATE comments SET post_id = NULL WHERE id = 2');
  await countsBecome(db, { a: 0, c: 1 });
  await db.query('DELETE FROM posts WHERE id = 2'); // its comment goes by cascade
  await countsBecome(db, { a: 0 });
  assert.deepEqual(await counts(db), await countsFromScratch(db));
});

scenario('rows that are there before the first start are counted', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  await scene.walpiper(db, blog);
  const expected = await countsFromScratch(db);
  assert.equal(expected.length, 2);
  await until('the read model equals the query from scratch', async () =>
    isDeepStrictEqual(await counts(db), expected),
  );
});

scenario('a change that changes no count writes no row', async (scene) => {
  const db = await emptyBlog(scene);
  await scene.walpiper(db, blog);
  await db.query(`INSERT INTO posts (id, title) VALUES (1, 'a'), (2, 'marker')`);
  await db.query(`INSERT INTO comments (id, post_id, message, rating) VALUES (100, 1, 'x', 4)`);
  await countsBecome(db, { a: 1, marker: 0 });
  const version = () => db.value('SELECT xmin::text FROM post_with_comments_counts WHERE id = 1');
  const before = await version();
  await db.query('UPDATE comments SET rating = 5 WHERE id = 100');
  await db.query(`INSERT INTO comments (post_id, message) VALUES (2, 'after it')`);
  await countsBecome(db, { a: 1, marker: 1 });
  assert.equal(await version(), before);
});

scenario('the read model is marked too: its changes are a feed', async (scene) => {
  const db = await emptyBlog(scene);
  const tables = [...blog.tables, { name: 'public.post_with_comments_counts' }];
  const walpiper = await scene.walpiper(db, { ...blog, tables });
  const feed = await walpiper.subscribe('/streams/post_with_comments_counts/1');
  await db.query(`INSERT INTO posts (id, title) VALUES (1, 'a')`);
  await feed.first(1);
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'x')`);
  const [first, second] = (await feed.first(2)).map((frame) => JSON.parse(frame.data));
  assert.deepEqual([first.type, first.new_record.comments_count], ['insert', 0]);
  assert.deepEqual([second.type, second.new_record.comments_count], ['update', 1]);
});

scenario('a thousand changes of few posts in many sessions end in the right counts', async (scene) => {
  const db = await emptyBlog(scene);
  await scene.walpiper(db, blog);
  await db.query(`INSERT INTO posts (id, title) SELECT n, 'post ' || n FROM generate_series(1, 5) n`);
  const writer = async (seed) => {
    for (let i = 0; i < 125; i++) {
      const n = seed * 125 + i;
      await db.query(`INSERT INTO comments (id, post_id, message) VALUES ($1, $2, 'x')`, [n, 1 + (n % 5)]);
      if (n % 3 === 0) await db.query('UPDATE comments SET post_id = $2 WHERE id = $1', [n, 1 + (n % 4)]);
      if (n % 7 === 0) await db.query('DELETE FROM comments WHERE id = $1', [n]);
    }
  };
  await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(writer));
  const expected = await countsFromScratch(db);
  await until('the read model equals the query from scratch', async () =>
    isDeepStrictEqual(await counts(db), expected),
  );
});
