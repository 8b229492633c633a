// Authors, their posts, the comments on them, and read models of these in every form that an operator
// has. What a read model should be is one query from scratch.
//
// Nothing ties the tables to each other: a comment may stand at a post that is not there yet, or no
// more. Some ids are hot, and taken again and again; the others are cold, so that what went wrong with
// one of them is not mended by the next event.

export const hot = { authors: 6, posts: 20, comments: 100 };
export const ids = { authors: 6, posts: 600, comments: 3000 };
export const shelves = 4; // comments lie on them by two columns

export const ddl = `
  CREATE TABLE authors (id int PRIMARY KEY, name text NOT NULL);
  CREATE TABLE posts (id bigint PRIMARY KEY, author_id int, title text NOT NULL);
  CREATE TABLE comments (id bigint PRIMARY KEY, post_id bigint, shelf int, rating int NOT NULL);
  ALTER TABLE posts REPLICA IDENTITY FULL;
  ALTER TABLE comments REPLICA IDENTITY FULL;
  CREATE INDEX ON posts (author_id);
  CREATE INDEX ON comments (post_id);
  CREATE INDEX ON comments (shelf, rating);

  -- What a query has read is some milliseconds old when it writes, as if it had more to read.
  CREATE FUNCTION slowly(value bigint) RETURNS bigint VOLATILE LANGUAGE plpgsql AS $$
    BEGIN
      IF random() < 0.2 THEN PERFORM pg_sleep(random() * 0.004); END IF;
      RETURN value;
    END $$;

  CREATE TABLE post_counts (id bigint PRIMARY KEY, title text NOT NULL, comments bigint NOT NULL, ratings bigint NOT NULL);
  CREATE TABLE post_counts_batch (LIKE post_counts INCLUDING ALL);
  CREATE TABLE post_counts_select (LIKE post_counts INCLUDING ALL);
  CREATE TABLE shelf_counts (shelf int, rating int, comments bigint NOT NULL, PRIMARY KEY (shelf, rating));
  CREATE TABLE post_pages (id bigint PRIMARY KEY, title text, author text, comments bigint);
  CREATE TABLE event_log (n bigserial PRIMARY KEY, event text NOT NULL);
  CREATE FUNCTION log_event(event jsonb) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO event_log (event) VALUES (event ->> 'id') RETURNING slowly(n) $$;
  CREATE TABLE author_totals (id int PRIMARY KEY, posts bigint NOT NULL);

  INSERT INTO posts SELECT n, n % ${ids.authors}, 'post' FROM generate_series(1, ${ids.posts}) n;
  INSERT INTO comments SELECT n, n % ${ids.posts}, n % ${shelves}, n % 5 FROM generate_series(1, ${ids.comments}) n;`;

const every = ['insert', 'update', 'delete'];

const counts = `SELECT p.id, p.title, count(c.id) AS comments, slowly(coalesce(sum(c.rating), 0)) AS ratings
                FROM posts p LEFT JOIN comments c ON c.post_id = p.id`;

const pages = `SELECT p.id, p.title, a.name AS author, slowly((SELECT count(*) FROM comments c WHERE c.post_id = p.id)) AS comments
               FROM posts p LEFT JOIN authors a ON a.id = p.author_id`;

/** Sorted: all is read before the first row is written. */
const mergeCounts = (target, where) => `
  MERGE INTO ${target} dest USING (${counts} WHERE ${where} GROUP BY p.id, p.title ORDER BY ratings) src ON src.id = dest.id
  WHEN NOT MATCHED THEN INSERT VALUES (src.id, src.title, src.comments, src.ratings)
  WHEN MATCHED AND (dest.title, dest.comments, dest.ratings) IS DISTINCT FROM (src.title, src.comments, src.ratings) THEN
    UPDATE SET title = src.title, comments = src.comments, ratings = src.ratings`;

/** For the models that are in a database of their own, where the sources are foreign tables. */
export const ddlApart = `
  CREATE TABLE post_counts_apart (id bigint PRIMARY KEY, title text NOT NULL, comments bigint NOT NULL, ratings bigint NOT NULL);
  CREATE FUNCTION slowly(value bigint) RETURNS bigint VOLATILE LANGUAGE plpgsql AS $$
    BEGIN
      IF random() < 0.2 THEN PERFORM pg_sleep(random() * 0.004); END IF;
      RETURN value;
    END $$;`;

/** Each: what walpiper is told (`operator`), and the query from scratch; or for a call, the table that has the
 *  ids of the events that it got (`log`). */
export const models = [
  {
    operator: {
      ...{ name: 'post_counts', target: 'post_counts', target_id: 'id', events: every },
      tables: { comments: 'post_id', posts: 'id' },
      delete_with: ['posts'],
      query: mergeCounts('post_counts', 'p.id = $1'),
    },
    scratch: `${counts} GROUP BY p.id, p.title`,
  },
  {
    operator: {
      ...{ name: 'post_counts_batch', target: 'post_counts_batch', target_id: 'id', events: every },
      tables: { comments: 'post_id', posts: 'id' },
      delete_with: ['posts'],
      ...{ batch: true, query: mergeCounts('post_counts_batch', 'p.id = ANY ($1)') },
    },
    scratch: `${counts} GROUP BY p.id, p.title`,
  },
  {
    operator: {
      ...{ name: 'post_counts_select', target: 'post_counts_select', target_id: 'id', events: every },
      tables: { comments: 'post_id', posts: 'id' },
      ...{ select: `${counts} WHERE p.id = $1 GROUP BY p.id, p.title` },
    },
    scratch: `${counts} GROUP BY p.id, p.title`,
  },
  {
    operator: {
      ...{ name: 'post_counts_apart', target: 'post_counts_apart', target_id: 'id', events: every },
      tables: { comments: 'post_id', posts: 'id' },
      ...{ select: `${counts} WHERE p.id = $1 GROUP BY p.id, p.title` },
    },
    apart: true,
    scratch: `${counts} GROUP BY p.id, p.title`,
  },
  {
    // An id of two columns, which a comment leaves and comes to.
    operator: {
      ...{ name: 'shelf_counts', target: 'shelf_counts', target_id: ['shelf', 'rating'], events: every },
      tables: { comments: ['shelf', 'rating'] },
      query: `MERGE INTO shelf_counts dest
              USING (SELECT $1::int AS shelf, $2::int AS rating, slowly(count(*)) AS comments
                     FROM comments WHERE shelf = $1 AND rating = $2) src
              ON src.shelf = dest.shelf AND src.rating = dest.rating
              WHEN NOT MATCHED THEN INSERT VALUES (src.shelf, src.rating, src.comments)
              WHEN MATCHED AND src.comments = 0 THEN DELETE
              WHEN MATCHED AND dest.comments <> src.comments THEN UPDATE SET comments = src.comments`,
    },
    kept: 'SELECT * FROM shelf_counts WHERE comments > 0',
    scratch: 'SELECT shelf, rating, count(*) FROM comments WHERE shelf IS NOT NULL GROUP BY shelf, rating',
  },
  {
    // Few ids and many events: each is always in work.
    operator: {
      ...{ name: 'author_totals', target: 'author_totals', target_id: 'id', events: every },
      tables: { posts: 'author_id' },
      query: `MERGE INTO author_totals dest
              USING (SELECT $1::int AS id, slowly(count(*)) AS posts FROM posts WHERE author_id = $1) src ON src.id = dest.id
              WHEN NOT MATCHED THEN INSERT VALUES (src.id, src.posts)
              WHEN MATCHED AND dest.posts <> src.posts THEN UPDATE SET posts = src.posts`,
    },
    kept: 'SELECT * FROM author_totals WHERE posts > 0',
    scratch: 'SELECT author_id, count(*) FROM posts WHERE author_id IS NOT NULL GROUP BY author_id',
  },
  {
    // An author that gets another name touches all of the posts.
    operator: {
      ...{ name: 'post_pages', target: 'post_pages', target_id: 'id', events: every },
      tables: { comments: 'post_id', posts: 'id', authors: { keys: 'SELECT id FROM posts WHERE author_id = $1', map: 'id' } },
      select: `${pages} WHERE p.id = $1`,
    },
    scratch: pages,
  },
  {
    operator: { name: 'event_log', call: 'public.log_event', tables: ['authors', 'posts', 'comments'], events: every },
    log: 'event_log',
  },
];

/** What a walpiper is told; each has another number of lanes, but for a call, which has one. APART: the database
 *  of those that have their own. */
export const configuration = (random, apart) => ({
  tables: [{ name: 'public.authors' }, { name: 'public.posts' }, { name: 'public.comments' }],
  operators: models.map((model) => ({
    ...model.operator,
    ...(!model.operator.call && { lanes: random.pick([1, 3]) }),
    ...(model.apart && { database: { database: apart.name } }),
  })),
  journal: { retention: { bytes: '8GB' } },
  retry: { min_restart_time: 50, max_restart_time: 1000 },
});

/** The first rows by which a read model and its query from scratch differ: none when it is right. */
export async function differences(db, { operator, kept = `TABLE ${operator.target}`, scratch }) {
  const less = (one, other, side) => `SELECT '${side}' AS side, to_jsonb(d) AS row FROM ((${one}) EXCEPT ALL (${other})) d`;
  return db.query(`(${less(kept, scratch, 'is')} LIMIT 3) UNION ALL (${less(scratch, kept, 'should be')} LIMIT 3)`);
}
