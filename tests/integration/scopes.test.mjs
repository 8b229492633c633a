// Nested scopes: the rows that belong to several parents at once. The oracle is the table.
import { assert, binary, run, scenario, until } from './harness/lib.mjs';
import { hsToken } from './harness/jwt.mjs';
import { lines } from './harness/ndjson.mjs';
import { pull, pullAll } from './harness/pull.mjs';
import { tail } from './harness/tail.mjs';

const ddl = `CREATE TABLE comments (id int PRIMARY KEY, org text, post int, author int, rating int);
  ALTER TABLE comments REPLICA IDENTITY FULL`;
const scopes = [
  { post: 'posts' },
  { org: 'organizations', post: 'posts' },
  { org: 'organizations', author: 'crm.people', post: 'blog.posts' },
];
const tables = [{ name: 'public.comments', scopes }];

async function streaming(scene, config = {}) {
  const db = await scene.database();
  await db.query(ddl);
  return { db, walpiper: await scene.walpiper(db, { tables, ...config }) };
}

/** The topics of all scopes, and which rows of the table belong to each. */
function topics() {
  const all = [];
  const part = encodeURIComponent;
  for (const post of [1, 2, 3]) {
    all.push({ path: `posts/${post}/comments`, where: { post } });
    for (const org of ['a', 'b/c']) {
      all.push({ path: `organizations/${part(org)}/posts/${post}/comments`, where: { org, post } });
      for (const author of [1, 2]) {
        all.push({ path: `organizations/${part(org)}/crm.people/${author}/blog.posts/${post}/comments`, where: { org, author, post } });
      }
    }
  }
  return all;
}

const belongs = (row, where) => row !== null && Object.entries(where).every(([column, value]) => row[column] === value);

/** The row before EVENT. */
function before({ type, new_record: now, old_record: old, changes }) {
  if (type !== 'update') return old;
  const row = { ...now };
  for (const [column, { old_value: value }] of Object.entries(changes)) row[column] = value;
  return row;
}

/** What somebody who reads only these events knows of a topic's rows. Each event must concern it. */
function stateOf(events, where) {
  const rows = new Map();
  for (const event of events) {
    const [was, is] = [belongs(before(event), where), belongs(event.new_record, where)];
    assert.ok(was || is, `not of ${JSON.stringify(where)}: ${JSON.stringify(event)}`);
    const id = (event.new_record ?? event.old_record).id;
    assert.equal(rows.has(id), was, `row ${id} of ${JSON.stringify(where)}`);
    if (is) rows.set(id, event.new_record);
    else rows.delete(id);
  }
  return [...rows.values()].sort((a, b) => a.id - b.id);
}

/** Rows that come, go, and move in any of their columns, NULL included; the same each time. */
async function moveAbout(db) {
  const org = `(ARRAY['a', 'b/c', NULL])[1 + ((id * 7 + k) % 3)]`;
  const value = (factor, count) => `nullif((id * ${factor} + k * ${factor + 2}) % ${count + 1}, 0)`;
  await db.query(`INSERT INTO comments SELECT id, ${org}, ${value(1, 3)}, ${value(3, 2)} FROM generate_series(1, 40) id, (SELECT 0 AS k) k`);
  const moves = [`org = ${org}`, `post = ${value(1, 3)}`, `author = ${value(3, 2)}`, `org = ${org}, post = ${value(5, 3)}`, 'rating = k'];
  for (let k = 1; k <= 15; k++) {
    await db.query(`UPDATE comments SET ${moves[k % moves.length].replace(/\bk\b/g, k)} WHERE (id + ${k}) % 3 = 0`);
    await db.query(`DELETE FROM comments WHERE id = ${k * 2}`);
  }
}

scenario('who follows a scope knows exactly its rows, wherever they come from and go to', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  const all = topics();
  const live = await Promise.all(all.map(({ path }) => walpiper.subscribe(`/streams/${path}`)));
  await moveAbout(db);
  await db.query('INSERT INTO comments VALUES (0)'); // the last one
  const rows = await db.query('SELECT * FROM comments ORDER BY id');
  const everything = async () => (await pullAll(walpiper, '/streams/comments', { after: 'earliest', limit: 10_000 })).events;
  await until('all of it is here', async () => (await everything()).at(-1)?.new_record?.id === 0);
  const moved = await everything();
  assert.ok(moved.filter(({ type }) => type === 'update').length > 100, 'rows were moved');
  for (const [i, { path, where }] of all.entries()) {
    const { events } = await pullAll(walpiper, `/streams/${path}`, { after: 'earliest', limit: 10_000 });
    assert.deepEqual(stateOf(events, where), rows.filter((row) => belongs(row, where)), path);
    assert.deepEqual(events, moved.filter((event) => belongs(before(event), where) || belongs(event.new_record, where)), path);
    assert.deepEqual((await live[i].first(events.length)).map(({ data }) => JSON.parse(data)), events, path);
  }
});

scenario('several scopes over one connection give an event once; TRUNCATE reaches each of them', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  const wanted = ['organizations/a/posts/1/comments', 'organizations/b%2Fc/posts/1/comments', 'posts/1/comments', 'comments/7'];
  const query = new URLSearchParams(wanted.map((topic) => ['topic', topic]));
  const stream = await walpiper.subscribe(`/streams?${query}`);
  const alone = await walpiper.subscribe('/streams/organizations/nobody/posts/9/comments');
  await db.query(`INSERT INTO comments VALUES (1, 'a', 1), (2, 'b/c', 1), (3, 'a', 2), (7, 'z', 9), (8, NULL, 2)`);
  await db.query('UPDATE comments SET post = 2 WHERE id IN (1, 7)');
  await db.query('UPDATE comments SET post = 1 WHERE id = 8');
  await db.query('TRUNCATE comments');
  await db.query(`INSERT INTO comments VALUES (9, 'nobody', 9), (1, 'a', 1)`);
  const told = (await stream.first(8)).map(({ event, data }) => `${event} ${JSON.parse(data).new_record?.id ?? ''}`.trim());
  assert.deepEqual(told, ['insert 1', 'insert 2', 'insert 7', 'update 1', 'update 7', 'update 8', 'truncate', 'insert 1']);
  assert.deepEqual((await alone.first(2)).map(({ event }) => event), ['truncate', 'insert']);
  const line = await lines(scene, walpiper, `/streams?${query}&after=earliest`);
  assert.deepEqual(await line.first(8), stream.events.map(({ data }) => JSON.parse(data)));
});

scenario('without old values a row is told where it comes to, and where all of its values are its key', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE plain (id int PRIMARY KEY, org int, post int); CREATE TABLE keyed (org int, post int, id int, PRIMARY KEY (org, post, id))`);
  const nested = [{ org: 'organizations', post: 'posts' }];
  const walpiper = await scene.walpiper(db, { tables: [{ name: 'plain', scopes: nested }, { name: 'keyed', scopes: nested }] });
  await db.query('INSERT INTO plain VALUES (1, 1, 1); INSERT INTO keyed VALUES (1, 1, 1)');
  for (const table of ['plain', 'keyed']) {
    await db.query(`UPDATE ${table} SET post = 2; UPDATE ${table} SET org = 2; DELETE FROM ${table}`);
  }
  const types = async (topic) => (await pullAll(walpiper, `/streams/${topic}`, { after: 'earliest' })).events.map(({ type }) => type);
  await until('the last delete is here', async () => (await types('keyed')).length === 4);
  const seen = {};
  for (const table of ['plain', 'keyed']) {
    seen[table] = await Promise.all(['1/posts/1', '1/posts/2', '2/posts/2', '2/posts/1'].map((at) => types(`organizations/${at}/${table}`)));
  }
  assert.deepEqual(seen.plain, [['insert'], ['update'], ['update'], []]);
  assert.deepEqual(seen.keyed, [['insert', 'update'], ['update', 'update'], ['update', 'delete'], []]);
});

scenario('types, filters and columns count on a nested scope as on a table', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  const topic = '/streams/organizations/a/posts/1/comments';
  await until('the columns are known', async () => (await pull(walpiper, `${topic}?rating=gte.4`)).status === 200);
  await db.query(`INSERT INTO comments SELECT n, CASE WHEN n < 6 THEN 'a' ELSE 'b' END, 1, 1, n FROM generate_series(1, 9) n`);
  await db.query('UPDATE comments SET rating = 0 WHERE id = 4; DELETE FROM comments WHERE id = 5');
  const told = async (query) => {
    const { events } = await pullAll(walpiper, `${topic}?${query}`, { after: 'earliest' });
    return events.map(({ type, new_record: now, old_record: old }) => `${type} ${(now ?? old).id}`);
  };
  await until('the delete is here', async () => (await told('types=delete')).length === 1);
  assert.deepEqual(await told('rating=gte.4'), ['insert 4', 'insert 5', 'update 4', 'delete 5']);
  assert.deepEqual(await told('rating=gte.4&types=insert'), ['insert 4', 'insert 5']);
  const { status, body } = await pull(walpiper, `${topic}?ratting=gte.4`);
  assert.deepEqual([status, body.includes('"ratting"')], [400, true], body);
});

scenario('a token opens the scopes below what it grants, and nothing beside them', async (scene) => {
  const secret = 'a secret of the tests that is long enough for HS256';
  const { walpiper } = await streaming(scene, { auth: { mode: 'jwt', jwt: { secret } } });
  const status = async (granted, path) =>
    (await pull(walpiper, `/streams${path}`, {}, { Authorization: `Bearer ${granted.includes('.') ? granted : hsToken(secret, { topics: granted })}` })).status;
  assert.equal(await status('organizations/a/*', '/organizations/a/posts/1/comments'), 200);
  assert.equal(await status('organizations/a/*', '/organizations/a/crm.people/1/blog.posts/2/comments'), 200);
  assert.equal(await status('organizations/a/posts/1/comments', '?topic=organizations/a/posts/1/comments'), 200);
  assert.equal(await status('organizations/b%2Fc/*', '/organizations/b%2Fc/posts/1/comments'), 200);
  assert.equal(await status('organizations/b/*', '/organizations/b%2Fc/posts/1/comments'), 403);
  assert.equal(await status('organizations/a/*', '/organizations/b/posts/1/comments'), 403);
  assert.equal(await status('organizations/a/*', '/posts/1/comments'), 403);
  assert.equal(await status('posts/1/*', '/organizations/a/posts/1/comments'), 403);
  assert.equal(await status('organizations/a/posts/1/comments', '/organizations/a/posts/2/comments'), 403);
  assert.equal(await status('organizations/a/*', '?topic=organizations/a/posts/1/comments&topic=organizations/b/posts/1/comments'), 403);
  assert.equal(await status('organizations/a/*', '/organizations/b/nothing/1/at/2/all'), 403, 'granted before it is looked up');
  assert.equal(await status('organizations/a/*', '/organizations/a/nothing/1/comments'), 400);
  const made = await run(binary, ['token', '-c', walpiper.file, '--topics', 'organizations/a/*']);
  assert.equal(await status(made.stdout.trim(), '/organizations/a/posts/1/comments'), 200);
  assert.equal(await status(made.stdout.trim(), '/organizations/b/posts/1/comments'), 403);
});

scenario('walpiper tail takes nested scopes, and says what is none', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  await db.query(`INSERT INTO comments VALUES (1, 'b/c', 1), (2, 'a', 1), (3, 'b/c', 2)`);
  await db.query(`UPDATE comments SET org = 'a' WHERE id = 1`);
  const printed = await tail(scene, walpiper, '--json', '--from', 'earliest', 'organizations/b%2Fc/posts/1/comments', 'comments/3');
  await printed.until('insert, insert and update are printed', () => printed.lines().length === 3);
  assert.deepEqual(printed.events().map(({ type, new_record: row }) => `${type} ${row.id}`), ['insert 1', 'insert 3', 'update 1']);
  for (const [topic, why] of [
    ['posts/1/organizations/a/comments', /no scope "posts", "organizations"/],
    ['organizations/a/posts/1', /4 segments; write/],
    [`${'a/1/'.repeat(9)}comments`, /at most 8 parents/],
  ]) {
    const { code, stderr } = await run(binary, ['tail', '-c', walpiper.file, topic]);
    assert.equal(code, 1);
    assert.match(stderr, why);
  }
});

scenario('what is no scope is 400, and says which', async (scene) => {
  const { walpiper } = await streaming(scene);
  for (const [path, why] of [
    ['posts/1/organizations/a/comments', 'no scope "posts", "organizations"'],
    ['organizations/a/comments', 'no scope "organizations"'],
    ['organizations/a/blog.posts/1/comments', 'no scope "organizations", "blog.posts"'],
    ['organizations/a/posts/1/replies', '"public.replies" is not streamed'],
    ['organizations/a/posts/1/blog.comments', '"blog.comments" is not streamed'],
    ['organizations/a/posts/1', '4 segments'],
    [`${'a/1/'.repeat(9)}comments`, 'at most 8 parents'],
    [`${'a/1/'.repeat(50)}comments`, 'at most 8 parents'],
  ]) {
    for (const url of [`/streams/${path}`, `/streams?topic=${encodeURIComponent(path)}`]) {
      const { status, body } = await walpiper.request(url);
      assert.deepEqual([status, body.includes(why)], [400, true], `${url}: ${body}`);
    }
  }
});

scenario('a column that is not there is refused at start, and named; one that goes later stops nothing', async (scene) => {
  const db = await scene.database();
  await db.query(ddl);
  const wrong = { name: 'comments', id: 'idd', scopes: [{ org: 'organizations', postt: 'posts' }, { org: 'o', postt: 'p' }] };
  const refused = scene.unstarted(db, { tables: [wrong] });
  const { code, log } = await refused.refuse();
  assert.equal(code, 1);
  assert.match(log, /public\.comments: (id names column idd|scopes names column postt), which does not exist: correct tables\[\]\.(id|scopes)/);
  const checked = await run(binary, ['check', '-c', refused.file]);
  assert.equal(checked.code, 1);
  assert.deepEqual(checked.stdout.match(/\w+ names column \w+/g), ['id names column idd', 'scopes names column postt']);
  const walpiper = await scene.walpiper(db, { tables });
  const other = await walpiper.subscribe('/streams/posts/1/comments');
  await db.query(`INSERT INTO comments VALUES (1, 'a', 1); ALTER TABLE comments DROP COLUMN org; INSERT INTO comments VALUES (2, 1)`);
  assert.equal((await other.first(2)).length, 2);
  const { events } = await pullAll(walpiper, '/streams/organizations/a/posts/1/comments', { after: 'earliest' });
  assert.deepEqual(events.map(({ new_record: row }) => row.id), [1]);
});
