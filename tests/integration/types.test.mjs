// Property: whatever the types and values, an event holds what to_jsonb gives, through either plugin.
// SEED=n repeats a run; TABLES=n makes it longer, or shorter.
import { assert, scenario } from './harness/lib.mjs';
import { parseExactly } from './harness/exact.mjs';
import { capturedEvents } from './harness/journal.mjs';
import { arrayOf, asText, dice, extensions, scalars, special, typesSql } from './harness/values.mjs';

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const tableCount = Number(process.env.TABLES ?? 500);
const batchSize = 100;
const changesPerTable = 20;

const quote = (name) => `"${name.replaceAll('"', '""')}"`;

const plain = Object.entries({ ...scalars, ...extensions });
/** [type as in SQL, generator, whether events have it as the server's text]. */
function randomType(d) {
  const stays = d.chance(0.05);
  const [type, make] = d.pick(stays ? Object.entries(asText) : plain);
  return d.chance(0.35) ? [`${type}[]`, arrayOf(make, type === 'box' ? ';' : ','), stays] : [type, make, stays];
}

/** Makes a table: columns in an order of its own, some dropped, some generated; a replica identity. */
async function makeTable(db, d, name) {
  const columns = Array.from({ length: 3 + d.below(12) }, (_, n) => {
    const [type, make, stays] = randomType(d);
    return { name: `${d.pick(['c', 'Odd "', 'ключ\\', '\u{1F600}\t'])}${n}`, type, make, stays };
  });
  const place = () => d.below(columns.length + 1);
  columns.splice(place(), 0, { name: 'id', type: 'int4' });
  columns.splice(place(), 0, { name: 'k', type: 'text NOT NULL' });
  columns.splice(place(), 0, { name: 'gone', type: 'int DEFAULT 1' });
  columns.splice(place(), 0, { name: 'made', type: 'text GENERATED ALWAYS AS (id::text || k) STORED' });
  await db.query(`CREATE TABLE ${name} (${columns.map((c) => `${quote(c.name)} ${c.type}`).join(', ')}, PRIMARY KEY (id), UNIQUE (k));
    ALTER TABLE ${name} DROP gone`);
  const identity = d.pick(['DEFAULT', 'FULL', 'FULL', `USING INDEX ${name}_k_key`]);
  await db.query(`ALTER TABLE ${name} REPLICA IDENTITY ${identity}`);
  const values = columns.filter((c) => c.make);
  const known = { DEFAULT: ['id'], FULL: ['id', 'k', ...values.map((c) => c.name)] }[identity] ?? ['k'];
  return { name, values, known, fresh: 1, returning: `RETURNING (${oracle(name, values)})::text AS row` };
}

/** The row as its events must show it. */
function oracle(name, values) {
  const texts = values
    .filter((c) => c.stays)
    .map((c) => `|| jsonb_build_object('${c.name.replaceAll("'", "''")}', ${quote(c.name)}::text${c.type.endsWith('[]') ? '[]' : ''})`);
  return `to_jsonb(${name}) - 'made' ${texts.join(' ')}`;
}

const randomValue = (d, column) => (d.chance(0.15) ? null : column.make(d));

/** One random change of TABLE, whose ROWS are known by their id; what its event must hold. */
async function change(client, d, table, rows) {
  const run = async (sql, values) => parseExactly((await client.query(`${sql} ${table.returning}`, values)).rows[0].row);
  const id = rows.size > 0 && d.chance(0.6) ? d.pick([...rows.keys()]) : null;
  const fresh = table.fresh++;
  if (id === null) {
    const names = ['id', 'k', ...table.values.map((c) => quote(c.name))];
    const values = [fresh, `k${fresh}`, ...table.values.map((c) => randomValue(d, c))];
    const row = await run(`INSERT INTO ${table.name} (${names}) VALUES (${names.map((_, n) => `$${n + 1}`)})`, values);
    rows.set(fresh, row);
    return { type: 'insert', row };
  }
  const before = rows.get(id);
  rows.delete(id);
  if (d.chance(0.3)) return { type: 'delete', row: await run(`DELETE FROM ${table.name} WHERE id = $1`, [id]) };
  const set = new Map();
  for (let n = d.below(3); n >= 0; n--) {
    const column = d.pick(table.values);
    set.set(column.name, randomValue(d, column));
  }
  if (d.chance(0.2)) set.set('id', fresh);
  if (d.chance(0.2)) set.set('k', `new k${fresh}`);
  const list = [...set.keys()].map((name, n) => `${quote(name)} = $${n + 2}`);
  const row = await run(`UPDATE ${table.name} SET ${list} WHERE id = $1`, [id, ...set.values()]);
  rows.set(set.get('id') ?? id, row);
  return { type: 'update', row, before, set: [...set.keys()] };
}

/** Random transactions over TABLE, some of them rolled back; what the events of the others must hold. */
async function transactions(client, d, table) {
  let rows = new Map();
  const expected = [];
  for (let n = 0; n < changesPerTable; ) {
    const tried = new Map(rows);
    const events = [];
    await client.query('BEGIN');
    for (let m = d.below(6); m >= 0; m--, n++) events.push({ table, ...(await change(client, d, table, tried)) });
    const kept = d.chance(0.85);
    await client.query(kept ? 'COMMIT' : 'ROLLBACK');
    if (!kept) continue;
    rows = tried;
    expected.push(...events);
  }
  return expected;
}

/** wal2json knows not a number's value when JSON has none for it: that is null. Inside arrays, and under
 *  domains, it is the text of the value, and stays. */
function asWal2json(row, table) {
  const numbers = table.values.filter((c) => /^(numeric|float)/.test(c.type) && !c.type.endsWith('[]')).map((c) => c.name);
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, numbers.includes(key) && special.test(value) ? null : value]));
}

const only = (row, keys) => Object.fromEntries(Object.entries(row).filter(([key]) => keys.includes(key)));
const differ = (a, b) => JSON.stringify(a) !== JSON.stringify(b);

function compareUpdate(got, { table, set, ...want }, seen) {
  const [before, after] = [seen(want.before), seen(want.row)];
  // What was left out is large, was not touched, and its old value is not known.
  for (const name of got.unchanged ?? []) {
    assert.ok(!set.includes(name) && !table.known.includes(name), `unchanged: ${name}`);
    assert.ok(JSON.stringify(after[name]).length > 2000, `${name} is not large`);
    delete after[name];
  }
  assert.deepEqual(got.new_record, after);
  assert.equal(got.old_record, null);
  for (const name of table.known) {
    const told = got.changes[name];
    if (differ(before[name], after[name])) assert.deepEqual(told, { old_value: before[name], new_value: after[name] }, name);
    // json keeps its white space: a change of nothing else is a change of the row, not of its value.
    else assert.ok(!told || set.includes(name), `${name} did not change`);
  }
  assert.deepEqual(Object.keys(got.changes).filter((name) => !table.known.includes(name)), []);
}

function compare(json, want, plugin) {
  const got = parseExactly(json);
  const seen = (row) => (plugin === 'wal2json' ? asWal2json(row, want.table) : row);
  assert.deepEqual([got.name, got.type], [want.table.name, want.type]);
  if (want.type === 'update') return compareUpdate(got, want, seen);
  assert.deepEqual(got.new_record, want.type === 'insert' ? seen(want.row) : null);
  assert.deepEqual(got.old_record, want.type === 'delete' ? only(seen(want.row), want.table.known) : null);
  assert.equal(got.changes, null);
}

/** With the table's types and the seed, so that what failed can be had again. */
function compareAll(events, expected, plugin) {
  assert.equal(events.length, expected.length);
  events.forEach((json, n) => {
    try {
      compare(json, expected[n], plugin);
    } catch (error) {
      const { table } = expected[n];
      error.message = `seed ${seed}, ${plugin}, ${table.name}: ${table.values.map((c) => `${c.name} ${c.type}`).join(', ')}\n${error.message}`;
      throw error;
    }
  });
}

async function batch(scene, first, count) {
  const d = dice(seed * 1000 + first);
  const db = await scene.database();
  await db.query(typesSql);
  const tables = [];
  for (let n = 0; n < count; n++) tables.push(await makeTable(db, d, `things${first + n}`));
  const config = { tables: tables.map(({ name }) => ({ name: `public.${name}` })) };
  const walpipers = {};
  for (const plugin of ['wal2json', 'pgoutput']) {
    walpipers[plugin] = await scene.walpiper(db, { ...config, slot: { name: `${db.name}_${plugin}`, plugin } });
  }
  const client = await db.connect();
  await client.query(`SET timezone = 'UTC'`);
  const expected = [];
  for (const table of tables) expected.push(...(await transactions(client, d, table)));
  client.release();
  const [wal2json, pgoutput] = [await capturedEvents(walpipers.wal2json), await capturedEvents(walpipers.pgoutput)];
  compareAll(wal2json, expected, 'wal2json');
  compareAll(pgoutput, expected, 'pgoutput');
  const whole = expected.map((want) => [want.row, want.before ?? {}].every((row) => !differ(asWal2json(row, want.table), row)));
  assert.deepEqual(wal2json.filter((_, n) => whole[n]), pgoutput.filter((_, n) => whole[n]));
}

for (let first = 0; first < tableCount; first += batchSize) {
  const count = Math.min(batchSize, tableCount - first);
  const name = `values equal to_jsonb through both plugins: random tables ${first} to ${first + count - 1}, seed ${seed}`;
  scenario(name, { timeout: 300_000 }, (scene) => batch(scene, first, count));
}
