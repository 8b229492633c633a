// Filters: only the types and rows that a subscriber asks for, compared as PostgreSQL compares.
import { assert, scenario, until } from './harness/lib.mjs';
import { lines } from './harness/ndjson.mjs';
import { pull, pulled } from './harness/pull.mjs';

const comments = `CREATE TABLE comments (id int PRIMARY KEY, post_id int, rating int, body text, secret text);
  CREATE TABLE posts (id int PRIMARY KEY, title text)`;
const tables = [
  { name: 'public.comments', scopes: [{ post_id: 'posts' }], exclude: ['secret'] },
  { name: 'public.posts' },
];

async function streaming(scene, ddl = comments, config = { tables }) {
  const db = await scene.database();
  await db.query(ddl);
  const walpiper = await scene.walpiper(db, config);
  return { db, walpiper };
}

const all = (parameters) => ({ after: 'earliest', limit: 10_000, ...parameters });

/** What a stream had until the row that ends the test, as "type id". */
async function until99(stream) {
  await stream.find('the end', (frame) => frame.data && JSON.parse(frame.data).new_record?.id === 99);
  return stream.events.map(({ data }) => {
    const { type, new_record: now, old_record: before } = JSON.parse(data);
    return `${type} ${(now ?? before)?.id ?? 'all'}`;
  });
}

scenario('rows that pass, and rows that leave the filter, are told; live and replayed alike', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  await db.query('ALTER TABLE comments REPLICA IDENTITY FULL');
  const live = await walpiper.subscribe('/streams/comments?rating=gte.4');
  const scope = await walpiper.subscribe('/streams/posts/1/comments?rating=gte.4&rating=lt.9');
  await db.query('INSERT INTO comments SELECT n, n % 2, n FROM generate_series(1, 6) n');
  await db.query('UPDATE comments SET rating = 1 WHERE id = 5'); // leaves
  await db.query('UPDATE comments SET rating = 2 WHERE id = 5'); // is outside
  await db.query('UPDATE comments SET rating = 4 WHERE id = 1'); // comes
  await db.query('UPDATE comments SET rating = NULL WHERE id = 4'); // leaves
  await db.query('DELETE FROM comments WHERE id IN (2, 6)');
  await db.query('TRUNCATE comments');
  await db.query('INSERT INTO comments VALUES (99, 1, 8)');
  const expected = ['insert 4', 'insert 5', 'insert 6', 'update 5', 'update 1', 'update 4', 'delete 6', 'truncate all', 'insert 99'];
  assert.deepEqual(await until99(live), expected);
  assert.deepEqual(await until99(scope), ['insert 5', 'update 5', 'update 1', 'truncate all', 'insert 99']);
  const again = await walpiper.subscribe('/streams/comments?rating=gte.4&after=earliest');
  assert.deepEqual(await until99(again), expected);
  const [, second] = live.events;
  const resumed = await walpiper.subscribe('/streams/comments?rating=gte.4', { lastEventId: second.id });
  assert.deepEqual(await until99(resumed), expected.slice(2));
  const line = await lines(scene, walpiper, '/streams/comments?rating=gte.4&after=earliest');
  await line.first(expected.length);
  assert.deepEqual(line.lines, live.events.map(({ data }) => data));
});

scenario('without REPLICA IDENTITY FULL every delete is told, an update by its new row', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  const stream = await walpiper.subscribe('/streams/comments?rating=eq.5');
  await db.query('INSERT INTO comments VALUES (1, 1, 5), (2, 1, 1)');
  await db.query('UPDATE comments SET rating = 1');
  await db.query('UPDATE comments SET rating = 5 WHERE id = 2');
  await db.query('DELETE FROM comments');
  await db.query('INSERT INTO comments VALUES (99, 1, 5)');
  assert.deepEqual(await until99(stream), ['insert 1', 'update 2', 'delete 1', 'delete 2', 'insert 99']);
});

scenario('a large value that an update left alone does not hide the update', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  await db.query('ALTER TABLE comments ALTER body SET STORAGE EXTERNAL');
  const stream = await walpiper.subscribe('/streams/comments?body=like.*needle');
  await db.query(`INSERT INTO comments SELECT n, 1, 1, repeat('x', 10000) || CASE n WHEN 1 THEN 'needle' ELSE 'y' END
    FROM generate_series(1, 2) n`);
  await db.query('UPDATE comments SET rating = 2 WHERE id = 1');
  await db.query(`INSERT INTO comments VALUES (99, 1, 1, 'needle')`);
  assert.deepEqual(await until99(stream), ['insert 1', 'update 1', 'insert 99']);
});

scenario('types: only these, also with filters', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  const some = await walpiper.subscribe('/streams/comments?types=insert,delete');
  const both = await walpiper.subscribe('/streams/comments?types=update,truncate&types=insert&rating=gte.2');
  await db.query('INSERT INTO comments VALUES (1, 1, 1), (2, 1, 2)');
  await db.query('UPDATE comments SET rating = 3');
  await db.query('DELETE FROM comments WHERE id = 1');
  await db.query('TRUNCATE comments');
  await db.query('INSERT INTO comments VALUES (99, 1, 9)');
  assert.deepEqual(await until99(some), ['insert 1', 'insert 2', 'delete 1', 'insert 99']);
  assert.deepEqual(await until99(both), ['insert 2', 'insert 99']);
});

scenario('of many filters on one value each only the right one gets the event, also when the value changes', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  const streams = [];
  for (let n = 0; n < 200; n++) streams.push(await walpiper.subscribe(`/streams/comments?rating=eq.${n}`));
  await db.query('INSERT INTO comments SELECT n, 1, n FROM generate_series(0, 199) n');
  await db.query('UPDATE comments SET rating = 199 - rating');
  const seen = await Promise.all(streams.map((stream) => stream.first(2)));
  seen.forEach((events, n) => {
    assert.deepEqual(
      events.map(({ data }) => JSON.parse(data).new_record.id),
      [n, 199 - n],
    );
  });
  for (const stream of streams) assert.equal(stream.events.length, 2);
});

scenario('several topics: a filter counts for the tables that have its column', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  const stream = await walpiper.subscribe('/streams?topic=comments&topic=posts&rating=eq.5');
  await db.query(`INSERT INTO comments VALUES (1, 1, 5), (2, 1, 4)`);
  await db.query(`INSERT INTO posts VALUES (3, 'a')`);
  await db.query(`INSERT INTO comments VALUES (99, 1, 5)`);
  assert.deepEqual(await until99(stream), ['insert 1', 'insert 3', 'insert 99']);
  const refused = await walpiper.request('/streams?topic=comments&topic=posts&nothing=eq.5');
  assert.deepEqual([refused.status, /"nothing"/.test(refused.body)], [400, true]);
});

scenario('what cannot be compared is refused with its name; an excluded column does not exist', async (scene) => {
  const { walpiper } = await streaming(scene, `${comments}; ALTER TABLE comments ADD data jsonb, ADD blog bool`);
  for (const [name, value] of [
    ['nothing', 'eq.1'], ['secret', 'eq.x'], ['rating', '5'], ['rating', 'between.1'], ['rating', 'gte.four'], ['rating', 'eq.'],
    ['rating', 'like.4*'], ['rating', 'in.1,2'], ['rating', 'in.(1,"2)'], ['rating', 'in.(1,)'], ['rating', 'is.true'],
    ['data', 'gt.{}'], ['body', 'like.x\\'], ['blog', 'is.maybe'], ['blog', 'eq.maybe'],
  ]) {
    const { status, body } = await pull(walpiper, '/streams/comments', { [name]: value });
    assert.equal(status, 400, `${name}=${value}`);
    assert.ok(body.includes(`"${name}"`), body);
  }
});

scenario('a column that is added or gets another type can be filtered without a restart', async (scene) => {
  const { db, walpiper } = await streaming(scene);
  await db.query('ALTER TABLE comments ADD price numeric, ALTER body TYPE int USING 0');
  const status = async (query) => (await pull(walpiper, `/streams/comments?${query}`)).status;
  await until('the new columns', async () => (await status('price=gt.1.5')) === 200);
  assert.equal(await status('body=eq.x'), 400);
  const stream = await walpiper.subscribe('/streams/comments?price=gt.1.50');
  await db.query('INSERT INTO comments (id, price) VALUES (1, 1.5), (2, 1.500000000000000000001), (99, 100)');
  assert.deepEqual(await until99(stream), ['insert 2', 'insert 99']);
});

// The oracle for comparisons is PostgreSQL. Numbers come from a generator with a fixed seed.
let state = 20261;
const random = (n) => (state = (state * 48271) % 2147483647) % n;
const repeat = (n, make) => Array.from({ length: n }, make);
const digits = (n) => repeat(n, () => random(10)).join('');
const decimal = () => `${['', '-'][random(2)]}${digits(1 + random(3))}${random(2) ? `.${digits(1 + random(4))}` : ''}`;
const two = (n) => String(n).padStart(2, '0');
const day = () => `${1 + random(2) + 1990 + random(20)}-${two(1 + random(12))}-${two(1 + random(28))}`;
const clock = () => `${two(random(24))}:${two(random(60))}:${two(random(60))}${random(2) ? `.${digits(1 + random(6))}` : ''}`;
const zone = () => ['+00', 'Z', '+02', '-03:30', '+0545', ''][random(6)];
const integers = ['0', '-0', '+7', '007', '-1', '10', '9', '100', '-100', '32767'];

const kinds = {
  int2: integers,
  int4: [...integers, '2147483647', '-2147483648'],
  int8: [...integers, '9223372036854775807', '9223372036854775806', '-9223372036854775808'],
  numeric: [
    ...['0', '-0.00', '1', '1.0', '1.00', '1e2', '100', '0.001', '-0.001', '1E-3', '.5', '5.', '-.5', 'NaN', 'Infinity', '-Infinity'],
    '123456789012345678901234567890.123456789', '123456789012345678901234567890.1234567891', '1e-40', '-1e40', '1e40',
    ...repeat(20, decimal),
  ],
  float8: ['0', '-0', '0.1', '0.10000000000000001', '1e300', '-1e300', '5e-324', '1e15', '1e-7', 'NaN', 'Infinity', '-Infinity', ...repeat(12, decimal)],
  float4: ['0', '0.1', '0.100000001', '16777216', '16777217', '1e38', '-1e-30', 'NaN', 'Infinity', ...repeat(12, decimal)],
  'text COLLATE "C"': ['', 'a', 'A', 'ab', 'b', 'Ä', 'ä', 'z', '😀', 'a b', 'a"b', 'a,b', '(a)', 'a\\b', 'a\nb', '1', '10', '9', 'null', ' a', 'a '],
  'varchar(20) COLLATE "C"': ['', 'a', 'ab', 'a ', 'B', 'é'],
  'char(5) COLLATE "C"': ['', 'a', 'ab', 'a  ', 'b'],
  bool: ['true', 'false', 't', 'f', 'yes', 'off', '1'],
  bytea: ['\\x', '\\x00', '\\xff', '\\xFF', '\\x00ff', '\\x7f'],
  uuid: ['00000000-0000-0000-0000-000000000000', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{a0eebc999c0b4ef8bb6d6bb9bd380a11}', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  date: ['infinity', '-infinity', '0001-01-01', '0044-03-15 BC', '2000-02-29', '1900-03-01', '12345-01-01', ...repeat(10, day)],
  time: ['00:00', '24:00:00', '23:59:59.999999', '12:00', ...repeat(10, clock)],
  timestamp: ['infinity', '-infinity', '2000-01-01', '0044-03-15 12:00:00 BC', '1969-12-31 23:59:59.999999', ...repeat(14, () => `${day()}${'T '[random(2)]}${clock()}`)],
  timestamptz: ['infinity', '-infinity', '2000-01-01', '2000-01-01T02:00:00+02', '2000-01-01 00:00:00Z', '1999-12-31T19:00-05:00', ...repeat(14, () => `${day()}T${clock()}${zone()}`)],
  money_like: ['1', '1.5', '-2', '10'], // a domain over a domain
};
const symbols = { eq: '=', neq: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' };

/** Conditions on column v of table T with what PostgreSQL says: [parameter, SQL]. */
function conditions(values) {
  const literal = (text) => `'${text.replaceAll("'", "''")}'`;
  const some = () => values[random(values.length)];
  const quoted = (text) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const result = [['is.null', 'v IS NULL'], ['is.not_null', 'v IS NOT NULL']];
  for (const value of values)
    for (const [name, symbol] of Object.entries(symbols)) if (random(3) > 0) result.push([`${name}.${value}`, `v ${symbol} ${literal(value)}`]);
  for (let n = 0; n < 5; n++) {
    const list = [some(), some(), some()];
    result.push([`in.(${list.map(quoted).join(',')})`, `v IN (${list.map(literal).join(',')})`]);
  }
  return result;
}

const patterns = ['*', 'a*', '*b', 'a_b', '*a*', '_', '__', '', 'a\\\\b', '*\\**', '*,*', 'a%', '%a%b%', '_\n_', '😀', '*"*', 'Ä', '*_*b'];

scenario('numbers, texts, times and the rest compare as PostgreSQL compares them', { timeout: 240_000 }, async (scene) => {
  const names = Object.keys(kinds).map((_, n) => `t${n}`);
  const ddl = `CREATE DOMAIN cents AS numeric; CREATE DOMAIN money_like AS cents; ${Object.keys(kinds)
    .map((type, n) => `CREATE TABLE t${n} (id serial PRIMARY KEY, v ${type})`)
    .join(';')}`;
  const { db, walpiper } = await streaming(scene, `SET timezone = 'UTC'; ${ddl}`, {
    slot: { plugin: 'pgoutput' }, // wal2json sends null for NaN and Infinity
    tables: names.map((name) => ({ name: `public.${name}` })),
  });
  let compared = 0;
  for (const [n, [type, values]] of Object.entries(kinds).entries()) {
    const table = `t${n}`;
    await db.query(`INSERT INTO ${table} (v) SELECT v::${type.replace(/ COLLATE.*/, '')} FROM unnest($1::text[]) v`, [[...values, null]]);
    await until(`the rows of ${type}`, async () => (await pulled(walpiper, `/streams/${table}`, all())).events.length === values.length + 1);
    const asked = conditions(values);
    if (/^(text|varchar)/.test(type)) {
      for (const pattern of patterns) asked.push([`like.${pattern}`, `v LIKE '${pattern.replace(/\\.|\*/g, (x) => (x === '*' ? '%' : x.replace('\\*', '*')))}'`]);
    }
    const sql = asked.map(([, where]) => `SELECT ARRAY(SELECT id FROM ${table} WHERE ${where} ORDER BY id) AS ids`).join(' UNION ALL ');
    const rows = await db.query(sql);
    for (const [i, [parameter, where]] of asked.entries()) {
      const { events } = await pulled(walpiper, `/streams/${table}`, all({ v: parameter }));
      assert.deepEqual(events.map((event) => event.new_record.id), rows[i].ids, `${type}: ${where}, v=${parameter}`);
      compared++;
    }
  }
  assert.ok(compared > 1000, String(compared));
});
