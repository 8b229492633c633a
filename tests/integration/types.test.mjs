// Property: whatever the types and values, an event holds what to_jsonb gives, through either plugin.
// SEED=n repeats a run; ROUNDS=n makes it longer.
import { assert, scenario } from './harness/lib.mjs';
import { parseExactly } from './harness/exact.mjs';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const rounds = Number(process.env.ROUNDS ?? 6);

/** A small generator of its own, so that a seed says everything (mulberry32). */
function dice(state) {
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return { below, pick: (list) => list[below(list.length)], chance: (p) => next() < p };
}

const digits = (d, n) => Array.from({ length: n }, () => d.below(10)).join('');
const pieces = ['', 'a', 'Ä', '\u{1F600}', '"', '\\', '\n', '\t', '\u0001', '\u007f', "'", ',', '{', '}', '\u2028', ' ', 'null', '</script>'];
const text = (d) => Array.from({ length: d.below(8) }, () => d.pick(pieces)).join('');
const number = (d) => `${d.pick(['', '-'])}${d.below(1000)}${d.pick(['', `.${digits(d, 3)}`, 'e5', 'E-3', '.5e+10'])}`;

function json(d, depth = 0) {
  if (depth > 3 || d.chance(0.5)) return d.pick([number(d), 'true', 'null', JSON.stringify(text(d)), '"\\u00e9\\ud83d\\ude00"']);
  const items = Array.from({ length: d.below(4) }, () => json(d, depth + 1));
  return d.chance(0.5)
    ? `[${items.join(' , ')}]`
    : `{ ${items.map((item) => `${JSON.stringify(d.pick(['k', 'k', text(d)]))} : ${item}`).join(', ')} }`;
}

const date = (d) =>
  d.pick([`2026-0${1 + d.below(9)}-1${d.below(10)}`, '0001-01-01 BC', '0044-03-15 BC', '12345-12-31', 'infinity', '-infinity']);
const clock = (d) => d.pick(['00:00:00', '23:59:59.999999', `1${d.below(10)}:0${d.below(10)}:00.5`]);
const moment = (d) => {
  const day = date(d);
  if (day.endsWith('infinity')) return day;
  return day.endsWith(' BC') ? `${day.slice(0, -3)} ${clock(d)} BC` : `${day} ${clock(d)}`;
};
const hex = (d, n) => Array.from({ length: n }, () => d.below(16).toString(16)).join('');

const scalars = {
  int2: (d) => d.pick(['-32768', '32767', `${d.below(100)}`]),
  int4: (d) => d.pick(['-2147483648', '2147483647', '0']),
  int8: (d) => d.pick(['-9223372036854775808', '9223372036854775807', '9007199254740993']),
  numeric: (d) => d.pick([`${d.below(9) + 1}${digits(d, 60)}.${digits(d, 40)}`, '1.50', '0.000', '-0.10', '1e-20', 'NaN', 'Infinity', '-Infinity']),
  'numeric(38,10)': (d) => `${d.below(10)}.${digits(d, 10)}`,
  float4: (d) => d.pick(['1e20', '1.17549435e-38', '0.1', '-0', '16777216', 'NaN', '-Infinity']),
  float8: (d) => d.pick(['1e300', '5e-324', '0.1', '1e15', '123456789012345680000', '-2.5', 'NaN', 'Infinity']),
  bool: (d) => d.pick(['t', 'f']),
  text,
  varchar: text,
  'char(6)': (d) => d.pick(['', 'ab', 'Ä"']),
  '"char"': (d) => d.pick(['a', '"']),
  name: (d) => d.pick(['n', 'Odd "name"']),
  uuid: (d) => `${hex(d, 8)}-${hex(d, 4)}-${hex(d, 4)}-${hex(d, 4)}-${hex(d, 12)}`,
  date,
  time: clock,
  timetz: (d) => `${clock(d)}${d.pick(['+00', '-07:30', '+14'])}`,
  timestamp: moment,
  'timestamptz(3)': (d) => {
    const when = moment(d);
    return when.endsWith('infinity') ? when : `${when}${when.endsWith('BC') ? '' : d.pick(['+00', '+05:45'])}`;
  },
  interval: (d) => d.pick(['1 year -2 mons 3 days -04:05:06.7', '00:00', '-1 day', '100000 hours']),
  json,
  jsonb: json,
  bytea: (d) => `\\x${hex(d, 2 * d.below(9))}`,
  inet: (d) => d.pick(['10.0.0.1', '::1/64']),
  macaddr: () => '08:00:2b:01:02:03',
  'bit varying': (d) => d.pick(['', '101']),
  point: () => '(1.5,-2)',
  int4range: (d) => d.pick(['empty', '[1,10)', '(,5)']),
  tsvector: () => `'a':1 'b"c':2`,
  oid: (d) => d.pick(['0', '4294967295']),
  mood: (d) => d.pick(['glad', 'so "so"', 'a,b']),
  amount: (d) => d.pick(['1.10', '99999999999999999999.5']),
  words: (d) => d.pick(['{}', '{a,"b,c"}']),
};
const special = /^(NaN|-?Infinity)$/;

/** An array literal of TYPE: nested, with NULLs, with bounds of its own. */
function arrayOf(type) {
  return (d) => {
    const quoted = () => (d.chance(0.2) ? 'NULL' : `"${scalars[type](d).replace(/["\\]/g, '\\$&')}"`);
    const row = (n) => `{${Array.from({ length: n }, quoted).join(',')}}`;
    const n = 1 + d.below(3);
    return d.pick(['{}', row(n), `{${row(n)},${row(n)}}`, `[5:${4 + n}]=${row(n)}`]);
  };
}

const elements = ['int4', 'numeric', 'float8', 'bool', 'text', 'uuid', 'timestamp', 'jsonb', 'bytea', 'mood', 'date', 'amount'];
const types = { ...scalars, ...Object.fromEntries(elements.map((type) => [`${type}[]`, arrayOf(type)])) };

/** With wal2json the numbers that JSON has not are null: in columns, inside arrays they are text. */
function asWal2json(row, columns) {
  const numbers = /^(numeric|float|amount)/;
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => {
      const type = columns[key] ?? '';
      return [key, numbers.test(type) && !type.endsWith('[]') && special.test(value) ? null : value];
    }),
  );
}

async function makeTable(db, d, name) {
  const columns = { id: 'int4' };
  for (let n = 0; n < 6 + d.below(10); n++) columns[d.pick([`c${n}`, `Odd "${n}`])] = d.pick(Object.keys(types));
  const list = Object.entries(columns).map(([column, type]) => `${quote(column)} ${type}`);
  await db.query(`CREATE TABLE ${name} (gone int, ${list.join(', ')}, PRIMARY KEY (id))`);
  await db.query(`ALTER TABLE ${name} DROP gone`);
  const full = d.chance(0.6);
  if (full) await db.query(`ALTER TABLE ${name} REPLICA IDENTITY FULL`);
  return { name, columns, full };
}

const quote = (name) => `"${name.replaceAll('"', '""')}"`;
const value = (d, type) => (d.chance(0.15) ? null : types[type](d));

/** Random changes of TABLE; what each event must hold. */
async function change(client, d, table) {
  const names = Object.keys(table.columns).filter((name) => name !== 'id');
  const rows = new Map();
  const expected = [];
  const returning = `RETURNING to_jsonb(${table.name})::text AS row`;
  const run = async (sql, values) => parseExactly((await client.query(`${sql} ${returning}`, values)).rows[0].row);
  for (let n = 0; n < 40; n++) {
    const old = rows.size > 0 && d.chance(0.5) ? d.pick([...rows.keys()]) : null;
    if (old === null) {
      const values = [n, ...names.map((name) => value(d, table.columns[name]))];
      const row = await run(`INSERT INTO ${table.name} VALUES (${values.map((_, i) => `$${i + 1}`)})`, values);
      rows.set(n, row);
      expected.push({ type: 'insert', row });
    } else if (d.chance(0.7)) {
      const name = d.pick(names);
      const row = await run(`UPDATE ${table.name} SET ${quote(name)} = $2 WHERE id = $1`, [old, value(d, table.columns[name])]);
      expected.push({ type: 'update', row, before: rows.get(old), set: name });
      rows.set(old, row);
    } else {
      expected.push({ type: 'delete', row: await run(`DELETE FROM ${table.name} WHERE id = $1`, [old]) });
      rows.delete(old);
    }
  }
  return expected;
}

function compare(table, plugin, want, frame) {
  const got = parseExactly(frame.data);
  const seen = (row) => (plugin === 'wal2json' ? asWal2json(row, table.columns) : row);
  const what = `seed ${seed}, ${plugin}, ${JSON.stringify(table.columns)}`;
  assert.equal(got.type, want.type, what);
  if (want.type === 'delete') {
    assert.equal(got.new_record, null, what);
    assert.deepEqual(got.old_record, table.full ? seen(want.row) : { id: want.row.id }, what);
    return;
  }
  assert.deepEqual(got.new_record, seen(want.row), what);
  if (want.type === 'insert') return assert.equal(got.changes, null, what);
  const [before, after] = [seen(want.before)[want.set], seen(want.row)[want.set]];
  const differs = JSON.stringify(before) !== JSON.stringify(after);
  const told = got.changes[want.set];
  if (table.full && differs) assert.deepEqual(told, { old_value: before, new_value: after }, what);
  // json keeps its white space: a change of nothing else is a change of the row, not of its value.
  if (!table.full) assert.deepEqual(got.changes, {}, what);
  for (const key of Object.keys(got.changes)) assert.equal(key, want.set, what);
}

scenario(`values equal to_jsonb, for random tables through both plugins (seed ${seed})`, { timeout: 300_000 }, async (scene) => {
  const d = dice(seed);
  const db = await scene.database();
  await db.query(`CREATE TYPE mood AS ENUM ('glad', 'so "so"', 'a,b');
    CREATE DOMAIN amount AS numeric CHECK (value <> 0); CREATE DOMAIN words AS text[]`);
  const tables = [];
  for (let n = 0; n < rounds; n++) tables.push(await makeTable(db, d, `things${n}`));
  const config = { tables: tables.map(({ name }) => ({ name })) };
  const readers = [];
  for (const plugin of ['wal2json', 'pgoutput']) {
    const walpiper = await scene.walpiper(db, { ...config, slot: { name: `types_${plugin}`, plugin } });
    for (const table of tables) readers.push({ plugin, table, stream: await walpiper.subscribe(`/streams/${table.name}`) });
  }
  const client = await db.connect();
  await client.query(`SET timezone = 'UTC'`);
  const expected = new Map();
  for (const table of tables) expected.set(table, await change(client, d, table));
  client.release();
  for (const { plugin, table, stream } of readers) {
    const want = expected.get(table);
    const frames = await stream.first(want.length);
    want.forEach((event, n) => compare(table, plugin, event, frames[n]));
  }
});
