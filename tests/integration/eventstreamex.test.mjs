// The example of EventStreamex: posts with the number of their comments, kept right by an operator.
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { assert, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';
import { lines, says } from './harness/things.mjs';

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

// --- the operator of its README, letter for letter ----------------------------------------------------

const itsQuery = `
      MERGE INTO post_with_comments_counts dest
      USING (
          SELECT
              p.id AS id,
              p.title AS title,
              p.body AS body,
              p.inserted_at AS inserted_at,
              p.updated_at AS updated_at,
              (SELECT COUNT(c.id) FROM comments c WHERE c.post_id = p.id) AS comments_count
          FROM posts p
          WHERE p.id = $1
      ) src ON src.id = dest.id
      WHEN NOT MATCHED THEN
        INSERT (id, title, body, inserted_at, updated_at, comments_count)
        VALUES (src.id, src.title, src.body, src.inserted_at, src.updated_at, src.comments_count)
      WHEN MATCHED THEN
        UPDATE SET
            title = src.title,
            body = src.body,
            inserted_at = src.inserted_at,
            updated_at = src.updated_at,
            comments_count = src.comments_count;
      `;

/** As its migrations make them, with ids of TYPE; comments move, so their old values are needed. */
const itsTables = (type) => `
  CREATE TABLE posts (id ${type} PRIMARY KEY, title varchar(255), body text,
    inserted_at timestamp(0) NOT NULL DEFAULT now(), updated_at timestamp(0) NOT NULL DEFAULT now());
  CREATE TABLE comments (id ${type} PRIMARY KEY, comment text, post_id ${type} REFERENCES posts ON DELETE CASCADE,
    inserted_at timestamp(0) NOT NULL DEFAULT now(), updated_at timestamp(0) NOT NULL DEFAULT now());
  ALTER TABLE comments REPLICA IDENTITY FULL;
  CREATE TABLE post_with_comments_counts (LIKE posts INCLUDING ALL, comments_count integer);`;

const { query_file: _, ...itsOperator } = { ...blog.operators[0], query: itsQuery };

for (const [type, id] of Object.entries({ uuid: () => randomUUID(), integer: (n) => n })) {
  scenario(`the operator of its README as it stands there, with ids of type ${type}`, async (scene) => {
    const db = await scene.database();
    await db.query(itsTables(type));
    const [a, b, ...ids] = Array.from({ length: 7 }, (_unused, n) => id(n + 1));
    await db.query(`INSERT INTO posts (id, title) VALUES ($1, 'there before')`, [a]);
    const tables = [{ name: 'public.posts' }, { name: 'public.comments' }];
    await scene.walpiper(db, { tables, operators: [itsOperator] });
    await countsBecome(db, { 'there before': 0 });
    await db.query(`INSERT INTO posts (id, title, body) VALUES ($1, 'new', 'text')`, [b]);
    await db.query(`INSERT INTO comments (id, post_id) SELECT id, $2 FROM unnest($1::${type}[]) id`, [ids, a]);
    await untilRight(db, 2);
    await db.query('UPDATE comments SET post_id = $2 WHERE id = $1', [ids[0], b]);
    await db.query(`UPDATE posts SET body = 'other' WHERE id = $1`, [b]);
    await untilRight(db, 2);
    await db.query('DELETE FROM comments WHERE id = $1', [ids[1]]);
    await db.query('DELETE FROM posts WHERE id = $1', [b]);
    await untilRight(db, 1);
  });
}

/** The read model has COUNT rows, which are those of the query from scratch. */
async function untilRight(db, count) {
  const expected = await countsFromScratch(db);
  assert.equal(expected.length, count);
  await until('the read model equals the query from scratch', async () => {
    const rows = (await counts(db)).map((row) => ({ ...row, comments_count: String(row.comments_count) }));
    return isDeepStrictEqual(rows.sort(byId), expected.sort(byId));
  });
}

const byId = (one, other) => (one.id < other.id ? -1 : 1);

// --- its retries ------------------------------------------------------------------------------------

const retry = { min_restart_time: 20, max_restart_time: 100, backoff_multiplicator: 2, max_retries: 4 };

/** A blog whose read model refuses titles that begin with '!'. */
async function strictBlog(scene, onError) {
  const db = await emptyBlog(scene);
  await db.query(`ALTER TABLE post_with_comments_counts ADD CONSTRAINT no_shouting CHECK (title NOT LIKE '!%')`);
  const [operator] = blog.operators;
  const titles = { name: 'titles', target: 'titles', target_id: 'id', tables: { posts: 'id' } };
  await db.query('CREATE TABLE titles (id bigint PRIMARY KEY, title text)');
  titles.query = 'INSERT INTO titles SELECT id, title FROM posts WHERE id = $1 ON CONFLICT (id) DO UPDATE SET title = excluded.title';
  const walpiper = await scene.walpiper(db, { ...blog, operators: [{ ...operator, on_error: onError }, titles], retry });
  return { db, walpiper };
}

scenario('a query that fails is tried again after longer and longer waits, which the log tells, and in the end is right', async (scene) => {
  const { db, walpiper } = await strictBlog(scene, 'park');
  await db.query(`INSERT INTO posts (id, title) VALUES (1, '!')`);
  await says(walpiper, /failure 5,/);
  const told = lines(walpiper, /operator post_with_comments_counts.*failure [1-5],/).slice(0, 5);
  const waits = told.map((line) => [...line.matchAll(/failure (\d+), tried again in (\d+) ms/g)][0].slice(1).map(Number));
  assert.deepEqual(waits.slice(0, 4), [[1, 20], [2, 40], [3, 80], [4, 100]]);
  for (const line of told) assert.match(line, /level=warn.*the first is 1 .*no_shouting/);
  await db.query('ALTER TABLE post_with_comments_counts DROP CONSTRAINT no_shouting');
  await countsBecome(db, { '!': 0 });
});

scenario('after max_retries the operator stops; feeds and other operators go on; resumed, it misses nothing', async (scene) => {
  const { db, walpiper } = await strictBlog(scene, 'stop');
  const feed = await walpiper.subscribe('/streams/posts');
  await db.query(`INSERT INTO posts (id, title) VALUES (1, '!')`);
  await says(walpiper, /level=error.*post_with_comments_counts.*stopped at id 1/);
  await db.query(`INSERT INTO posts (id, title) VALUES (2, 'after it')`);
  await db.query(`INSERT INTO comments (post_id, message) VALUES (2, 'x')`);
  await feed.first(2);
  await until('the other operator goes on', async () => (await db.query('TABLE titles')).length === 2);
  assert.deepEqual(await counts(db), []);
  await db.query(`UPDATE posts SET title = 'mended' WHERE id = 1`);
  await db.query(`SELECT walpiper.resume('post_with_comments_counts')`);
  await countsBecome(db, { mended: 0, 'after it': 1 });
  await walpiper.healthy();
});
