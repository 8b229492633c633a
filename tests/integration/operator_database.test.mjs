// Operators whose target is in another database than their sources, of the same server or of another one.
import { isDeepStrictEqual } from 'node:util';
import { assert, binary, run, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles, countsFromScratch } from './harness/blog.mjs';
import { foreignTables } from './harness/foreign.mjs';
import { proxy } from './harness/network.mjs';

const model = `CREATE TABLE post_with_comments_counts (id bigint PRIMARY KEY, title text NOT NULL, body text NOT NULL,
  inserted_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, comments_count bigint NOT NULL)`;

const row = `SELECT p.id, p.title, p.body, p.inserted_at, p.updated_at,
    (SELECT count(*) FROM comments c WHERE c.post_id = p.id) AS comments_count FROM posts p`;

/** The blog here, its read model there. */
async function blogs(scene, { server } = {}) {
  const db = await scene.database({ files: blogFiles });
  const models = await scene.database({ server });
  await foreignTables(db, models, 'posts, comments');
  await models.query(model);
  return { db, models };
}

const counts = (models) =>
  models.query(`SELECT id, title, body, inserted_at::text, updated_at::text, comments_count
                FROM post_with_comments_counts ORDER BY id`);

async function right(db, models) {
  let last;
  await until(
    'the read model is right',
    async () => isDeepStrictEqual((last = [await counts(models), await countsFromScratch(db)])[0], last[1]),
    { timeout: 60_000 },
  ).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`);
  });
}

const operator = (over) => ({ ...blog.operators[0], query_file: undefined, delete_with: [], ...over });
const selecting = (database, over) => operator({ name: 'counts', select: `${row} WHERE p.id = $1`, database, ...over });

const ended = `SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = ANY ($1) AND backend_type = 'client backend'`;

/** Changes of all kinds, by several sessions, until it is told to stop: resolves then. */
function writers(db, posts) {
  let writing = true;
  const one = async (n) => {
    for (let i = 0; writing; i++) {
      const id = 1000 * n + (i % posts);
      await db.query(`BEGIN;
        INSERT INTO posts (id, title) VALUES (${id}, 'post ${i}') ON CONFLICT (id) DO UPDATE SET title = excluded.title;
        INSERT INTO comments (post_id, message) VALUES (${id}, 'comment ${i}');
        UPDATE comments SET post_id = ${id} WHERE id = (SELECT max(id) FROM comments WHERE post_id = ${1000 * n});
        COMMIT`);
      if (i % 7 === 6) await db.query('DELETE FROM posts WHERE id = $1', [id]);
    }
  };
  const running = Promise.all([1, 2, 3].map(one));
  return async () => {
    writing = false;
    await running;
  };
}

scenario('on another server: under kills of walpiper and of every connection, select over foreign tables and call end right', async (scene) => {
  const { db, models } = await blogs(scene, { server: await scene.postgres({ wal_level: 'replica' }) });
  await models.query(`CREATE TABLE told (id bigint);
    CREATE FUNCTION on_comment(event jsonb) RETURNS void
    LANGUAGE sql AS $$ INSERT INTO told (id) VALUES ((event #>> '{new_record,id}')::bigint) $$`);
  const database = { url: models.url };
  const walpiper = await scene.walpiper(db, {
    ...blog,
    operators: [
      selecting(database, { lanes: 2 }),
      { name: 'told', call: 'public.on_comment', tables: ['comments'], events: ['insert'], database },
    ],
    retry: { min_restart_time: 20, max_restart_time: 500 },
  });
  await until('the call has begun', () => walpiper.logText().includes('gets the events from now on'));
  const first = await db.value('SELECT max(id)::int FROM comments');
  const stop = writers(db, 9);
  const more = async () => {
    const before = await models.value('SELECT count(*)::int FROM told');
    await until('more has come', async () => (await models.value('SELECT count(*)::int FROM told')) > before + 20);
  };
  await more();
  for (let round = 0; round < 2; round++) {
    await walpiper.restart('SIGKILL');
    await more();
    assert.ok((await models.value(ended, [['walpiper']])) > 0);
    await more();
    assert.ok((await db.value(ended, [['walpiper']])) > 0);
    await more();
    await db.value(ended, [['postgres_fdw']]);
    await more();
  }
  await stop();
  await right(db, models);
  const written = Number(await db.value('SELECT last_value FROM comments_id_seq'));
  await until('all events have come', async () => (await models.value('SELECT count(*)::int FROM told')) >= written - first);
  const told = await models.value('SELECT array_agg(id::int ORDER BY id) FROM told');
  assert.deepEqual(told, Array.from({ length: written - first }, (_, i) => first + 1 + i));
  const schemas = await db.query(`SELECT FROM pg_namespace WHERE nspname = 'walpiper'`);
  assert.deepEqual(schemas, []);
});

scenario('of the same server: rows from before, orphans and strangers are computed; commands are given there', async (scene) => {
  const { db, models } = await blogs(scene);
  await models.query(`INSERT INTO post_with_comments_counts VALUES (1, 'wrong', '', now(), now(), 7),
    (99, 'of no post', '', now(), now(), 1)`);
  const query = `MERGE INTO post_with_comments_counts t USING (${row} WHERE p.id = $1) s ON t.id = s.id
    WHEN MATCHED THEN UPDATE SET title = s.title, body = s.body, inserted_at = s.inserted_at,
      updated_at = s.updated_at, comments_count = s.comments_count
    WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.title, s.body, s.inserted_at, s.updated_at, s.comments_count)`;
  const walpiper = await scene.walpiper(db, {
    ...blog,
    operators: [operator({ name: 'counts', query, delete_with: ['posts'], database: { database: models.name } })],
  });
  await right(db, models);
  await db.query(`INSERT INTO posts (title) VALUES ('more'); DELETE FROM posts WHERE id = 2`);
  await right(db, models);
  await models.query(`SELECT walpiper.pause('counts')`);
  await until('it pauses', () => /paused/.test(walpiper.logText()));
  await db.query(`UPDATE posts SET title = title || '!'`);
  await models.query(`SELECT walpiper.resume('counts')`);
  await right(db, models);
  await models.query(`UPDATE post_with_comments_counts SET comments_count = -1`);
  await models.query(`INSERT INTO post_with_comments_counts VALUES (98, 'of no post', '', now(), now(), 1)`);
  await models.query(`SELECT walpiper.rebuild('counts')`);
  await right(db, models);
  await models.query(`UPDATE post_with_comments_counts SET comments_count = -1`);
  await models.query(`INSERT INTO post_with_comments_counts VALUES (97, 'of no post', '', now(), now(), 1)`);
  await models.query(`SELECT walpiper.rebuild_swap('counts')`);
  await right(db, models);
  await db.query('TRUNCATE posts CASCADE');
  await right(db, models);
});

scenario('keys are asked of the sources, page by page', async (scene) => {
  const db = await scene.database();
  const models = await scene.database();
  await db.query(`CREATE TABLE authors (id int PRIMARY KEY, name text);
    CREATE TABLE posts (id int PRIMARY KEY, author int);
    INSERT INTO authors VALUES (1, 'one'), (2, 'two');
    INSERT INTO posts SELECT n, 1 + n % 2 FROM generate_series(1, 11000) n`);
  await foreignTables(db, models, 'posts, authors');
  await models.query('CREATE TABLE t (id bigint PRIMARY KEY, name text)');
  const select = 'SELECT p.id, a.name FROM posts p LEFT JOIN authors a ON a.id = p.author';
  await scene.walpiper(db, {
    tables: [{ name: 'posts' }, { name: 'authors' }],
    operators: [
      {
        ...{ name: 'o', target: 't', target_id: 'id', select: `${select} WHERE p.id = $1` },
        tables: { posts: 'id', authors: { keys: 'SELECT id FROM posts WHERE author = $1', map: 'id' } },
        ...{ database: { database: models.name }, batch_size: 2000 },
      },
    ],
  });
  const same = async () =>
    isDeepStrictEqual(await models.query('SELECT id::int, name FROM t ORDER BY id'), await db.query(`${select} ORDER BY 1`));
  await until('all are there', same);
  await db.query(`UPDATE authors SET name = 'ONE' WHERE id = 1`);
  await until('all of his posts are right', same);
});

scenario('a commit that nobody sees yet is waited for, although the target is elsewhere', async (scene) => {
  const server = await scene.postgres();
  const db = await scene.database({ server, files: blogFiles });
  const models = await scene.database();
  await foreignTables(db, models, 'posts, comments');
  await models.query(model);
  const walpiper = await scene.walpiper(db, { ...blog, operators: [selecting({ url: models.url })] });
  await right(db, models);
  const feed = await walpiper.subscribe('/streams/posts');
  const before = await counts(models);
  await server.holdCommits();
  const insert = db.query(`INSERT INTO posts (title) VALUES ('held back')`);
  insert.catch(() => {}); // when the test has failed already
  await feed.first(1); // it is in the log
  const asking = `SELECT count(*)::int FROM pg_stat_activity WHERE query ~ 'pg_snapshot_xip' AND pid <> pg_backend_pid()`;
  await until('the sources are asked', async () => (await db.value(asking)) > 0);
  assert.deepEqual(await counts(models), before);
  await server.releaseCommits();
  await insert;
  await right(db, models);
});

scenario('a database that cannot be reached: told, without its password; other operators go on; in the end it is right', async (scene) => {
  const { db, models } = await blogs(scene);
  const password = 'pass-word-of-models';
  const role = `models_${models.name}`;
  await models.query(`CREATE ROLE ${role} LOGIN NOINHERIT PASSWORD '${password}'`);
  await models.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role};
    GRANT CREATE ON DATABASE ${models.name} TO ${role}; GRANT USAGE ON FOREIGN SERVER from_${db.name} TO ${role};
    CREATE USER MAPPING FOR ${role} SERVER from_${db.name} OPTIONS (user 'postgres', password_required 'false')`);
  await models.query(`ALTER ROLE ${role} NOLOGIN`);
  const walpiper = scene.unstarted(db, {
    ...blog,
    operators: [
      { ...blog.operators[0], name: 'here' },
      selecting({ database: models.name, username: role, password }),
    ],
    retry: { min_restart_time: 20, max_restart_time: 300 },
  });
  await walpiper.launch();
  await until('it is told', () => /operator counts.*its database: .*not permitted to log in/.test(walpiper.logText()));
  await until('the other one works', () => db.value('SELECT count(*) = 2 FROM post_with_comments_counts'));
  const health = await until('health is down', async () => {
    const answer = await walpiper.request('/manage/health').catch(() => null);
    return answer?.status === 503 && answer;
  });
  assert.match(health.body, /operator counts/);
  await models.query(`ALTER ROLE ${role} LOGIN`);
  await walpiper.healthy();
  await right(db, models);
  const status = await walpiper.admin('/status');
  const metrics = await walpiper.admin('/metrics');
  for (const text of [walpiper.logText(), health.body, status.body, metrics.body]) {
    assert.ok(!text.includes(password), text);
    assert.ok(!text.includes(db.url) && !text.includes(models.url), text);
  }
});

scenario('a database that is that of the sources, by another name, is refused; another database of its server is not', async (scene) => {
  const { db, models } = await blogs(scene);
  const gate = await proxy(scene, db.server);
  const walpiper = scene.unstarted(db, {
    ...blog,
    operators: [selecting({ url: gate.url(db) }, { name: 'same' }), selecting({ url: gate.url(models) }, { name: 'other' })],
  });
  await walpiper.launch();
  const refusal = /operator same.*database: is that of the sources.*leave database out/;
  await until('it is refused', () => refusal.test(walpiper.logText()));
  assert.match((await walpiper.request('/manage/health')).body, /operator same.*leave database out/);
  await right(db, models);
  assert.deepEqual(await counts(db), []);
  assert.doesNotMatch(walpiper.logText(), /operator other.*leave database out/);
});

/** The findings of `walpiper check` with this OBJECT, as "level text", and all that it printed. */
async function check(walpiper, object) {
  await walpiper.configure();
  const { stdout, stderr } = await run(binary, ['check', '--json', '-c', walpiper.file]);
  const rows = JSON.parse(stdout);
  return {
    rows: rows.filter((found) => found.object.startsWith(object)).map(({ level, text, mend }) => `${level} ${text}; ${mend}`),
    text: stdout + stderr,
  };
}

scenario('check examines the database of each operator', async (scene) => {
  const { db, models } = await blogs(scene);
  const query = 'UPDATE nowhere SET id = $1';
  const none = { url: 'postgresql://postgres:pass-word@localhost:1/none' };
  const walpiper = scene.unstarted(db, {
    ...blog,
    operators: [
      selecting({ database: models.name }, { name: 'a' }),
      operator({ name: 'b', query, database: { database: models.name } }),
      operator({ name: 'c', query, database: none }),
      operator({ name: 'd', target: 'nowhere', query, database: { database: models.name } }),
      operator({ name: 'e', select: `${row} WHERE p.id = $1`, database: { database: db.name } }),
    ],
  });
  const of = async (name) => (await check(walpiper, `operator ${name}`)).rows.join('\n');
  const a = await of('a');
  assert.match(a, new RegExp(`^ok its target is in database ${models.name}, PostgreSQL 1`));
  assert.match(a, /ok can run/);
  assert.match(await of('b'), /error query: relation "nowhere" does not exist/);
  assert.match(await of('c'), /error database: .*refused/);
  assert.match(await of('d'), /error target: there is no table public\.nowhere/);
  assert.match(await of('e'), /error its database is that of the sources.*remove database/);
  const schema = await check(walpiper, `schema walpiper in ${models.name}`);
  assert.match(schema.rows[0], /ok the service makes its tables/);
  assert.doesNotMatch(schema.text, /pass-word/);
  const role = `poor_${models.name}`;
  await models.query(`CREATE ROLE ${role} LOGIN`);
  const poor = scene.unstarted(db, {
    ...blog,
    operators: [selecting({ database: models.name, username: role }, { name: 'a' })],
  });
  assert.match((await check(poor, 'schema')).rows.join('\n'), new RegExp(`error .*may not make it; GRANT CREATE ON DATABASE .*${role}`));
  assert.match((await check(poor, 'operator a')).rows.join('\n'), new RegExp(`error the role lacks SELECT, INSERT.*; GRANT .* TO .*${role}`));
});
