// The event, as contract: its fields, its values digit for digit, its topics.
import { assert, assertInOrder, position, scenario } from './harness/lib.mjs';
import { parseExactly } from './harness/exact.mjs';

/** A database with TABLE made by DDL, a walpiper that streams it, and a subscriber of the whole table. */
async function streaming(scene, ddl, table = { name: 'public.things' }) {
  const db = await scene.database();
  await db.query(ddl);
  const walpiper = await scene.walpiper(db, { tables: [table] });
  const stream = await walpiper.subscribe(`/streams/${table.name.replace(/^public\./, '')}`);
  return { db, walpiper, stream };
}

const things = 'CREATE TABLE things (id int PRIMARY KEY, name varchar, price numeric(10,2), big text)';

async function events(stream, count) {
  return (await stream.first(count)).map((frame) => JSON.parse(frame.data));
}

scenario('an insert: every field of the event', async (scene) => {
  const { db, stream } = await streaming(scene, things);
  const client = await db.connect();
  const before = (await client.query('SELECT pg_current_wal_insert_lsn() AS lsn')).rows[0].lsn;
  await client.query('BEGIN');
  await client.query(`INSERT INTO things VALUES (1, 'a', 1.50, NULL)`);
  const xid = (await client.query('SELECT pg_current_xact_id()::text AS xid')).rows[0].xid;
  await client.query('COMMIT');
  client.release();
  const [frame] = await stream.first(1);
  const event = JSON.parse(frame.data);
  assert.deepEqual(Object.keys(event), [
    ...['id', 'name', 'type', 'source', 'new_record', 'old_record', 'changes'],
    ...['timestamp', 'lsn', 'xid'],
  ]);
  assert.equal(frame.id, event.id);
  assert.equal(frame.event, 'insert');
  assert.equal(event.name, 'things');
  assert.equal(event.type, 'insert');
  assert.deepEqual(event.source, {
    name: 'walpiper',
    version: event.source.version,
    db: db.name,
    schema: 'public',
    table: 'things',
    columns: { id: 'int4', name: 'varchar', price: 'numeric', big: 'text' },
  });
  assert.match(event.source.version, /^[0-9]+\.[0-9]+\.[0-9]+/);
  assert.deepEqual(event.new_record, { id: 1, name: 'a', price: 1.5, big: null });
  assert.match(frame.data, /"price":1\.50[,}]/);
  assert.deepEqual([event.old_record, event.changes], [null, null]);
  assert.equal(event.xid, Number(xid));
  const committed = await db.value(
    `SELECT to_char(pg_xact_commit_timestamp($1::text::xid) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
    [xid],
  );
  assert.equal(event.timestamp, committed);
  const lsn = (BigInt(event.lsn[0]) << 32n) | BigInt(event.lsn[1]);
  const [high, low] = before.split('/').map((half) => BigInt(`0x${half}`));
  assert.ok(lsn > ((high << 32n) | low), 'the commit is after the transaction began');
  assert.deepEqual([position(event.id).lsn, position(event.id).ordinal], [lsn, 1]);
});

scenario('default replica identity: update and delete', async (scene) => {
  const { db, stream } = await streaming(scene, things);
  await db.query(`INSERT INTO things VALUES (1, 'a', 1, NULL)`);
  await db.query(`UPDATE things SET name = 'b'`);
  await db.query(`UPDATE things SET id = 2`);
  await db.query(`DELETE FROM things`);
  const [, update, rekeyed, deleted] = await events(stream, 4);
  assert.equal(update.type, 'update');
  assert.deepEqual(update.new_record, { id: 1, name: 'b', price: 1, big: null });
  assert.deepEqual([update.old_record, update.changes], [null, {}]);
  assert.deepEqual(rekeyed.changes, { id: { old_value: 1, new_value: 2 } });
  assert.equal(deleted.type, 'delete');
  assert.deepEqual([deleted.new_record, deleted.old_record, deleted.changes], [null, { id: 2 }, null]);
});

scenario('REPLICA IDENTITY FULL: old and new values', async (scene) => {
  const { db, stream } = await streaming(scene, `${things}; ALTER TABLE things REPLICA IDENTITY FULL`);
  await db.query(`INSERT INTO things VALUES (1, 'a', 4, 'x')`);
  await db.query(`UPDATE things SET name = 'b', price = 5, big = NULL`);
  await db.query(`UPDATE things SET name = 'b'`);
  await db.query(`DELETE FROM things`);
  const [, update, same, deleted] = await events(stream, 4);
  assert.deepEqual(update.changes, {
    name: { old_value: 'a', new_value: 'b' },
    price: { old_value: 4, new_value: 5 },
    big: { old_value: 'x', new_value: null },
  });
  assert.deepEqual(same.changes, {});
  assert.deepEqual(deleted.old_record, { id: 1, name: 'b', price: 5, big: null });
});

scenario('a large value left alone is listed as unchanged; with FULL it is there', async (scene) => {
  const { db, stream } = await streaming(scene, `${things}; ALTER TABLE things ALTER big SET STORAGE EXTERNAL`);
  await db.query(`INSERT INTO things VALUES (1, 'a', 4, repeat('x', 20000))`);
  await db.query(`UPDATE things SET name = 'b'`);
  await db.query('ALTER TABLE things REPLICA IDENTITY FULL');
  await db.query(`UPDATE things SET name = 'c'`);
  const [insert, update, full] = await events(stream, 3);
  assert.equal(insert.new_record.big.length, 20000);
  assert.deepEqual(update.new_record, { id: 1, name: 'b', price: 4 });
  assert.deepEqual(update.unchanged, ['big']);
  assert.deepEqual(update.changes, {});
  assert.equal(full.new_record.big, insert.new_record.big);
  assert.equal(full.unchanged, undefined);
  assert.deepEqual(full.changes, { name: { old_value: 'b', new_value: 'c' } });
});

scenario('truncate', async (scene) => {
  const { db, stream } = await streaming(scene, things);
  await db.query(`INSERT INTO things VALUES (1, 'a', 4, NULL)`);
  await db.query('TRUNCATE things');
  await db.query(`INSERT INTO things VALUES (2, 'b', 4, NULL)`);
  const [, truncate, next] = await events(stream, 3);
  assert.equal(truncate.type, 'truncate');
  assert.equal(truncate.source.table, 'things');
  assert.deepEqual([truncate.new_record ?? null, truncate.old_record ?? null], [null, null]);
  assert.equal(next.new_record.id, 2);
});

scenario('commit order, and inside a transaction the order of the statements', async (scene) => {
  const { db, stream } = await streaming(scene, things);
  const slow = await db.connect();
  await slow.query('BEGIN');
  await slow.query(`INSERT INTO things (id) VALUES (1)`);
  await db.query(`INSERT INTO things (id) VALUES (2), (3)`);
  await slow.query(`UPDATE things SET id = 10 WHERE id = 1`);
  await slow.query(`DELETE FROM things WHERE id = 3`);
  await slow.query('COMMIT');
  slow.release();
  const frames = await stream.first(5);
  assertInOrder(frames.map((frame) => frame.id));
  assert.deepEqual(frames.map((frame) => [frame.event, position(frame.id).ordinal]), [
    ['insert', 1],
    ['insert', 2],
    ['insert', 1],
    ['update', 2],
    ['delete', 3],
  ]);
  const ids = frames.map((frame) => JSON.parse(frame.data)).map((e) => (e.new_record ?? e.old_record).id);
  assert.deepEqual(ids, [2, 3, 1, 10, 3]);
});

// Column type → values whose JSON must be what to_jsonb gives. NaN and Infinity of a number column are
// not among them: wal2json 2.5 sends null for them.
const values = {
  smallint: ['-32768', '0'],
  int: ['2147483647'],
  bigint: ['9007199254740993', '-9223372036854775808'],
  'numeric(38,10)': ['1234567890123456789012345678.0123456789', '0.1000000000'],
  numeric: ['1e30', '0.000000000000000000001', '-0.0'],
  real: ['0.1', '1e10', '1e-10'],
  'double precision': ['0.1', '1e20', '1e-7', '1.7976931348623157e308', '-0'],
  boolean: ['true', 'false'],
  text: ['', 'plain', 'quote " backslash \\ slash /', 'tab\tnewline\ncr\r\u0001', 'žluťoučký 🐎 \u2028'],
  varchar: ['null', '5'],
  'char(5)': ['ab'],
  name: ['pg_class'],
  uuid: ['dd4bc2ba-c7cc-4a05-a1c7-9f26cd9ab79f'],
  date: ['2026-08-25', '0044-03-15 BC', 'infinity', '12345-01-02'],
  time: ['13:13:30.123456', '24:00:00'],
  timetz: ['13:13:30+02'],
  timestamp: ['2026-08-25 13:13:30.123456', '2026-08-25 13:13:30', 'infinity', '0044-03-15 12:00:00 BC'],
  timestamptz: ['2026-08-25 13:13:30.1+05:30', '1890-01-01 00:00:00+00', '-infinity'],
  interval: ['1 year 2 mons -3 days 04:05:06.7'],
  bytea: ['\\x', '\\x00ff5c'],
  json: ['{"a" : [1, 2.50, null, {"b": "\\u00e9 \\" x"}]}', '[]', '"text"', 'true', 'null', ' 12.0 '],
  jsonb: ['{"z": 1, "a": {"b": [1.10, 2]}}', '9007199254740993', 'null', '"\\u0001"'],
  'int[]': ['{}', '{1,NULL,3}', '{{1,2},{3,4}}', '[0:1]={5,6}'],
  'text[]': ['{a,"b c","d\\"e\\\\f",NULL,"NULL",""}', '{"{}",","}'],
  'numeric[]': ['{1.10,NaN,-Infinity}'],
  'boolean[]': ['{t,f,NULL}'],
  'timestamptz[]': ['{"2026-08-25 13:13:30+00"}'],
  'jsonb[]': ['{"{\\"a\\": 1}",null}'],
  'bytea[]': ['{"\\\\x00ff"}'],
  inet: ['192.168.0.1/24'],
  cidr: ['10.0.0.0/8'],
  macaddr: ['08:00:2b:01:02:03'],
  bit: ['1'],
  'bit varying': ['10101'],
  money: ['12.34'],
  oid: ['4294967295'],
  point: ['(1,2)'],
  box: ['(1,1),(0,0)'],
  tsvector: ["'a':1 'b':2"],
  xml: ['<a b="c">d</a>'],
  int4range: ['[1,5)', 'empty'],
  tstzrange: ['["2026-01-01 00:00:00+00",)'],
  pg_lsn: ['16/B374D848'],
  mood: ['glad', 'so "so"'],
  'mood[]': ['{glad,"so \\"so\\""}'],
  digits: ['42'],
  'digits[]': ['{1,2}'],
};

scenario('values are what to_jsonb gives in UTC, digit for digit', async (scene) => {
  const columns = Object.keys(values).map((type, n) => `"c${n} ${type}" ${type}`);
  const { db, stream } = await streaming(
    scene,
    `CREATE TYPE mood AS ENUM ('glad', 'so "so"');
     CREATE DOMAIN digits AS int CHECK (VALUE > 0);
     CREATE TABLE things (id int PRIMARY KEY, ${columns.join(', ')});
     ALTER TABLE things REPLICA IDENTITY FULL`,
  );
  const rows = Math.max(...Object.values(values).map((list) => list.length));
  for (let row = 0; row < rows; row++) {
    const literals = Object.values(values).map((list) => list[row] ?? null);
    const places = literals.map((_, n) => `$${n + 2}`);
    await db.query(`INSERT INTO things VALUES ($1, ${places.join(', ')})`, [row, ...literals]);
  }
  const client = await db.connect();
  await client.query(`SET timezone = 'UTC'`);
  const expected = await client.query('SELECT to_jsonb(things)::text AS row FROM things ORDER BY id');
  client.release();
  await db.query('DELETE FROM things WHERE id = 0');
  const frames = await stream.first(rows + 1);
  for (let row = 0; row < rows; row++) {
    const got = parseExactly(frames[row].data).new_record;
    assert.deepEqual(got, parseExactly(expected.rows[row].row), `row ${row}`);
  }
  const deleted = parseExactly(frames[rows].data).old_record;
  assert.deepEqual(deleted, parseExactly(expected.rows[0].row), 'old_record');
});

scenario('composites stay text, names of tables and columns are what they are', async (scene) => {
  const { db, walpiper } = await streaming(
    scene,
    `CREATE TYPE pair AS (a int, b text);
     CREATE SCHEMA "odd, one";
     CREATE TABLE "odd, one"."my ""table""" ("the id" int PRIMARY KEY, "p\\q" pair);
     CREATE TABLE public.things (id int PRIMARY KEY)`,
  );
  await walpiper.stop();
  walpiper.config.tables = [{ name: '"odd, one"."my ""table"""' }];
  await walpiper.configure();
  await walpiper.start();
  const stream = await walpiper.subscribe(`/streams/${encodeURIComponent('odd, one.my "table"')}`);
  await db.query(`INSERT INTO "odd, one"."my ""table""" VALUES (1, ROW(1, 'x y'))`);
  const [event] = await events(stream, 1);
  assert.deepEqual(event.new_record, { 'the id': 1, 'p\\q': '(1,"x y")' });
  assert.deepEqual(event.source.columns, { 'the id': 'int4', 'p\\q': 'pair' });
  assert.deepEqual([event.source.schema, event.source.table], ['odd, one', 'my "table"']);
});

const comments = {
  ddl: `CREATE TABLE posts (id int PRIMARY KEY);
        CREATE TABLE comments (id int PRIMARY KEY, post_id int, message text);
        ALTER TABLE comments REPLICA IDENTITY FULL`,
  table: { name: 'public.comments', scopes: [{ post_id: 'posts' }] },
};

scenario('topics: the table, one row, one scope', async (scene) => {
  const { db, walpiper, stream } = await streaming(scene, comments.ddl, comments.table);
  const row = await walpiper.subscribe('/streams/comments/2');
  const scope = await walpiper.subscribe('/streams/posts/7/comments');
  await db.query(`INSERT INTO comments VALUES (1, 7, 'a'), (2, 8, 'b'), (3, 7, 'c')`);
  await db.query(`UPDATE comments SET message = 'd' WHERE id = 2`);
  await db.query('DELETE FROM comments WHERE id = 3');
  await db.query(`INSERT INTO comments VALUES (9, 7, 'last')`);
  await db.query('DELETE FROM comments WHERE id = 2');
  const all = await stream.first(7);
  assert.deepEqual(all.map((f) => f.event), [
    ...['insert', 'insert', 'insert', 'update', 'delete', 'insert', 'delete'],
  ]);
  assert.deepEqual(await row.first(3), [all[1], all[3], all[6]]);
  assert.deepEqual(await scope.first(4), [all[0], all[2], all[4], all[5]]);
});

scenario('a row that moves reaches its old and its new scope, and both ids when its id changes', async (scene) => {
  const { db, walpiper, stream } = await streaming(scene, comments.ddl, comments.table);
  const scopes = [await walpiper.subscribe('/streams/posts/7/comments')];
  scopes.push(await walpiper.subscribe('/streams/posts/8/comments'));
  const rows = [await walpiper.subscribe('/streams/comments/1')];
  rows.push(await walpiper.subscribe('/streams/comments/5'));
  await db.query(`INSERT INTO comments VALUES (1, 7, 'a')`);
  await db.query('UPDATE comments SET post_id = 8');
  await db.query('UPDATE comments SET id = 5');
  const [inserted, moved, renamed] = await stream.first(3);
  assert.deepEqual(await scopes[0].first(2), [inserted, moved]);
  assert.deepEqual(await scopes[1].first(2), [moved, renamed]);
  assert.deepEqual(await rows[0].first(3), [inserted, moved, renamed]);
  assert.deepEqual(await rows[1].first(1), [renamed]);
});

scenario('a stream replays from the journal after any id of its topic', async (scene) => {
  const { db, walpiper, stream } = await streaming(scene, comments.ddl, comments.table);
  await db.query(`INSERT INTO comments SELECT n, n % 2, 'x' FROM generate_series(1, 50) n`);
  await db.query(`INSERT INTO comments SELECT n, n % 2, 'x' FROM generate_series(51, 100) n`);
  const all = await stream.first(100);
  for (const at of [0, 1, 48, 49, 50, 97]) {
    const again = await walpiper.subscribe('/streams/comments', { lastEventId: all[at].id });
    assert.deepEqual(await again.first(99 - at), all.slice(at + 1), `after ${at}`);
  }
  const odd = all.filter((f) => JSON.parse(f.data).new_record.post_id === 1);
  const scope = await walpiper.subscribe(`/streams/posts/1/comments?last_event_id=${odd[10].id}`);
  assert.deepEqual(await scope.first(odd.length - 11), odd.slice(11));
  const earliest = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
  assert.deepEqual(await earliest.first(100), all);
  const latest = await walpiper.subscribe('/streams/comments', { lastEventId: 'latest' });
  await db.query(`INSERT INTO comments VALUES (101, 1, 'new')`);
  assert.deepEqual(await latest.first(1), [(await stream.first(101))[100]]);
});

scenario('an id that is none is answered by a reset, then live', async (scene) => {
  const { db, walpiper, stream } = await streaming(scene, comments.ddl, comments.table);
  await db.query(`INSERT INTO comments VALUES (1, 1, 'a')`);
  const [first] = await stream.first(1);
  const lost = await walpiper.subscribe('/streams/comments', { lastEventId: 'no-such-id' });
  const reset = await lost.find('a reset', (f) => f.event === 'reset');
  assert.deepEqual(JSON.parse(reset.data), { reason: 'unknown', oldest: first.id, latest: first.id });
  const other = await walpiper.subscribe('/streams/comments', { lastEventId: '00000000-1-1' });
  const epoch = await other.find('a reset', (f) => f.event === 'reset');
  assert.equal(JSON.parse(epoch.data).reason, 'epoch');
  await db.query(`INSERT INTO comments VALUES (2, 1, 'b')`);
  const [, second] = await stream.first(2);
  assert.deepEqual((await lost.first(2))[1], second);
  assert.deepEqual((await other.first(2))[1], second);
});

scenario('unknown tables and scopes: 400 with the name; paths that are no topic: 404', async (scene) => {
  const { walpiper } = await streaming(scene, comments.ddl, comments.table);
  for (const [path, name] of [['nothing', 'nothing'], ['authors/1/comments', 'authors'], ['comments/1/posts', 'posts'], ['comments/1/2/3', '4 segments']]) {
    const answer = await walpiper.request(`/streams/${path}`);
    assert.equal(answer.status, 400, path);
    assert.match(answer.body, new RegExp(name));
  }
  for (const path of ['comments/', '']) {
    const answer = await walpiper.request(`/streams/${path}`);
    assert.equal(answer.status, 404, path);
    assert.equal(answer.body.trim(), 'Not found');
  }
});
