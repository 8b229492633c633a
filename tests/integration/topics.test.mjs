// Several topics over one connection.
import { assert, scenario } from './harness/lib.mjs';
import { hsToken } from './harness/jwt.mjs';
import { lines } from './harness/ndjson.mjs';
import { pull, pullAll } from './harness/pull.mjs';

const ddl = `CREATE TABLE comments (id text PRIMARY KEY, post_id int); CREATE TABLE posts (id int PRIMARY KEY)`;
const tables = [{ name: 'public.comments', scopes: [{ post_id: 'posts' }] }, { name: 'public.posts' }];

async function streaming(scene) {
  const db = await scene.database();
  await db.query(ddl);
  return { db, walpiper: await scene.walpiper(db, { tables }) };
}

const rows = (events) => events.map(({ data }) => JSON.parse(data).new_record.id);

scenario('an event of several of the topics comes once, in commit order, and none of others', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  const query = 'topic=posts%2F1%2Fcomments&topic=comments/a&topic=posts&topic=comments/a&topic=posts/2/comments';
  const stream = await walpiper.subscribe(`/streams?${query}`);
  await db.query(`INSERT INTO comments VALUES ('a', 1), ('b', 3), ('c', 2)`);
  await db.query('INSERT INTO posts VALUES (7)');
  await db.query(`INSERT INTO comments VALUES ('d', 3), ('e', 1)`);
  await db.query(`UPDATE comments SET post_id = 2 WHERE id = 'a'`);
  const expected = ['a', 'c', 7, 'e', 'a'];
  const seen = await stream.first(5);
  assert.deepEqual(rows(seen), expected);
  const again = await walpiper.subscribe(`/streams?${query}&after=earliest`);
  const resumed = await walpiper.subscribe(`/streams?${query}`, { lastEventId: seen[1].id });
  const line = await lines(scene, walpiper, `/streams?${query}&after=earliest`);
  const mixed = await walpiper.subscribe('/streams/comments/a?topic=posts&after=earliest');
  const pulls = await pullAll(walpiper, `/streams?${query}`, { after: 'earliest', limit: 2 });
  assert.deepEqual(pulls.events, seen.map(({ data }) => JSON.parse(data)));
  await db.query('INSERT INTO posts VALUES (8)');
  assert.deepEqual(rows(await again.first(6)), [...expected, 8]);
  assert.deepEqual(rows(await resumed.first(4)), [...expected.slice(2), 8]);
  assert.deepEqual(rows(await mixed.first(4)), ['a', 7, 'a', 8]);
  await line.first(6);
  assert.deepEqual(line.lines, again.events.map(({ data }) => data));
  for (const one of [stream, again, resumed, mixed]) assert.equal(new Set(one.events.map(({ id }) => id)).size, one.events.length);
});

scenario('an id with a slash, a percent sign or a blank is a topic, encoded once more in the parameter', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  const ids = ['a/b', '50%', 'a b', 'a+b', 'ä', 'a%2Fb'];
  const query = new URLSearchParams(ids.slice(0, 5).map((id) => ['topic', `comments/${encodeURIComponent(id)}`]));
  const stream = await walpiper.subscribe(`/streams?${query}`);
  await db.query(`INSERT INTO comments SELECT unnest($1::text[])`, [ids]);
  await db.query(`DELETE FROM comments`);
  await db.query(`INSERT INTO comments VALUES ('ä')`);
  const events = await stream.first(11);
  assert.deepEqual(rows(events.slice(0, 5)), ids.slice(0, 5));
});

scenario('TRUNCATE comes once; a thousand topics are fine, one more is refused', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  const query = (count) => Array.from({ length: count }, (_, n) => `topic=posts/${n}`).join('&');
  const stream = await walpiper.subscribe(`/streams?${query(1000)}`);
  await db.query('INSERT INTO posts SELECT generate_series(998, 1001)');
  await db.query('TRUNCATE posts');
  await db.query('INSERT INTO posts VALUES (0), (1001), (1)');
  const events = (await stream.first(5)).map(({ data }) => JSON.parse(data));
  assert.deepEqual(events.map(({ type, new_record: row }) => row?.id ?? type), [998, 999, 'truncate', 0, 1]);
  const refused = await pull(walpiper, `/streams?${query(1001)}`);
  assert.deepEqual([refused.status, /1000 topics/.test(refused.body)], [400, true]);
});

scenario('one topic that does not exist refuses the request and is named', async (scene) => {
  const { walpiper } = await streaming(scene);
  for (const [query, name] of [['topic=comments&topic=nothing', 'nothing'], ['topic=comments/1/posts', 'comments'], ['topic=', 'empty'], ['', 'topic=']]) {
    const { status, body } = await walpiper.request(`/streams?${query}`);
    assert.equal(status, 400, query);
    assert.ok(body.includes(name), body);
  }
});

scenario('with a token each of the topics must be granted, before it is looked up', async (scene) => {
  const secret = 'a secret of the tests that is long enough for HS256';
  const db = await scene.database();
  await db.query(ddl);
  const walpiper = await scene.walpiper(db, { tables, auth: { mode: 'jwt', jwt: { secret } } });
  const headers = { Authorization: `Bearer ${hsToken(secret, { topics: 'comments, posts/1/*' })}` };
  const status = async (path) => (await pull(walpiper, path, {}, headers)).status;
  assert.equal(await status('/streams?topic=comments&topic=posts/1/comments'), 200);
  assert.equal(await status('/streams?topic=comments&topic=posts'), 403);
  assert.equal(await status('/streams/comments?topic=posts'), 403);
  assert.equal(await status('/streams?topic=comments&topic=nothing'), 403);
  assert.equal(await status('/streams/comments?topic=posts%2F2%2Fcomments&id=eq.1'), 403);
});
