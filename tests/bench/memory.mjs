// How cost grows: events a second and memory of a walpiper that has just started, over tables, subscribers,
// filters, operators, rows of one transaction, and events in the journal. Each size has a walpiper of its own.
import { until } from '../integration/harness/wait.mjs';
import { captured } from '../integration/harness/journal.mjs';
import { Walpiper } from '../integration/harness/walpiper.mjs';
import { confirmAll, dropSlot, endOfLog } from './backlog.mjs';
import { Bench, memoryOf, number } from './bench.mjs';
import { Fleet } from './fleet.mjs';
import { connect, drain } from './replay.mjs';
import { descriptors, Stamps } from './stamps.mjs';

const path = '/streams/stamps';
const patience = 900_000;
const scaled = (count, scale) => Math.max(1, Math.round(count * scale));
const rounded = (value) => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
const memory = ({ resident, own, peak }) => ({ 'MiB resident': resident, 'MiB private': own, 'MiB at most': peak });

// --- tables ------------------------------------------------------------------------------------------

const backlogRows = 1_000_000;
const tableName = (n) => `t${String(n).padStart(4, '0')}`;

async function fillTables(db, size, rows) {
  const transactions = Math.ceil(rows / 100);
  await db.query(`CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
    BEGIN
      FOR n IN 0..${transactions - 1} LOOP
        EXECUTE format('INSERT INTO %I SELECT $1 * 100 + k, ''row '' || k FROM generate_series(1, 100) k', 't' || lpad((n % ${size})::text, 4, '0')) USING n;
        COMMIT;
      END LOOP;
    END $$`);
  await db.query('CALL fill()');
  return transactions * 100;
}

async function overTables(bench, size, { scale }) {
  const db = await bench.database('sql/schema.sql');
  const names = Array.from({ length: size }, (_, n) => tableName(n));
  for (const name of names) await db.query(`CREATE TABLE ${name} (id bigint PRIMARY KEY, message text)`);
  await db.query(`CREATE PUBLICATION bench FOR TABLE events, ${names.join(', ')}`);
  await db.query(`SELECT pg_create_logical_replication_slot('growth', 'pgoutput')`);
  const rows = await fillTables(db, size, scaled(backlogRows, scale));
  const tables = names.map((name) => ({ name: `public.${name}` }));
  const run = await confirmAll(bench, db, { slot: { name: 'growth', plugin: 'pgoutput' }, publication: 'bench', tables }, await endOfLog(db));
  await dropSlot(db, 'growth');
  await db.close();
  return { 'events/s': rows / run.seconds, ...memory(run) };
}

// --- subscribers, filters ----------------------------------------------------------------------------

async function burst(bench, options, events) {
  const stamps = await new Stamps().create(bench);
  const walpiper = await stamps.serve(bench.turnDirectory(), { plugin: 'pgoutput' });
  try {
    const fleet = new Fleet({ to: `127.0.0.1:${walpiper.port}`, path, ...options, events, first: stamps.next });
    await fleet.ready();
    const began = await stamps.commitTogether(events);
    await fleet.done();
    const now = memoryOf(walpiper.child.pid);
    const { deliveries, last_us: last } = await fleet.report();
    return { seconds: (last - began) / 1e6, deliveries, now };
  } finally {
    await walpiper.stop();
    await dropSlot(stamps.db, walpiper.slot);
    await stamps.close();
  }
}

async function overSubscribers(bench, size, { scale }) {
  const events = Math.min(scaled(100_000, scale), Math.max(20, scaled(1_000_000 / size, scale)));
  const { seconds, deliveries, now } = await burst(bench, { subscribers: size }, events);
  return { 'deliveries/s': deliveries / seconds, 'events/s': events / seconds, ...memory(now) };
}

/** One subscriber for each filter, and events that only one of them wants. */
async function overFilters(bench, size, { scale }) {
  const events = Math.max(100, scaled(50_000, scale));
  const options = { path: `${path}?k=eq.%d`, subscribers: size, filters: size, receivers: 1 };
  const { seconds, now } = await burst(bench, options, events);
  return { 'events/s': events / seconds, ...memory(now) };
}

// --- operators ---------------------------------------------------------------------------------------

const keys = 1000;
const sums = 'SELECT key AS id, sum(value) AS total FROM facts WHERE key = $1 GROUP BY key';
const operatorName = (n) => `op_${n}`;

function operatorsOf(size) {
  return Array.from({ length: size }, (_, n) => ({
    ...{ name: operatorName(n), target: operatorName(n), target_id: 'id', events: ['insert'], tables: { facts: 'key' } },
    select: sums,
    batch_size: keys,
  }));
}

async function overOperators(bench, size, { scale }) {
  const rows = Math.max(100, scaled(50_000, scale));
  const db = await bench.database('sql/schema.sql');
  await db.query('CREATE TABLE facts (id int PRIMARY KEY, key int NOT NULL, value bigint NOT NULL); CREATE INDEX ON facts (key)');
  for (let n = 0; n < size; n++) await db.query(`CREATE TABLE ${operatorName(n)} (id int PRIMARY KEY, total numeric)`);
  const walpiper = new Walpiper(db, bench.turnDirectory(), {
    ...{ slot: { name: 'growth', plugin: 'pgoutput' }, tables: [{ name: 'public.facts' }], operators: operatorsOf(size) },
    ...{ http: { threads: 1 }, log: { level: 'warn' } },
  });
  const many = async (condition) => (await db.value(`SELECT count(*)::int FROM walpiper.checkpoint WHERE ${condition}`).catch(() => 0)) === size;
  try {
    await walpiper.start();
    await until('all operators are ready', () => many(`epoch <> '' AND rebuild_step IS NULL`), { timeout: patience });
    const began = performance.now();
    await db.query(`INSERT INTO facts SELECT n, n % ${keys}, n FROM generate_series(1, $1::int) n`, [rows]);
    const done = async () => (await db.value(`SELECT coalesce(sum(total), 0)::float8 FROM ${operatorName(size - 1)}`)) === (rows * (rows + 1)) / 2;
    await until('the last operator has applied all', done, { timeout: patience, interval: 10 });
    const lsn = await db.value('SELECT max(lsn)::text FROM walpiper.checkpoint');
    await until('all operators have', () => many(`lsn >= '${lsn}'::pg_lsn`), { timeout: patience, interval: 10 });
    const seconds = (performance.now() - began) / 1000;
    return { 'events/s': rows / seconds, 'applied/s': (rows * size) / seconds, ...memory(memoryOf(walpiper.child.pid)) };
  } finally {
    await walpiper.stop();
    await dropSlot(db, walpiper.slot);
    await db.close();
  }
}

// --- one transaction ---------------------------------------------------------------------------------

async function commitOne(bench, plugin, rows) {
  const db = await bench.database('sql/schema.sql');
  await db.query('CREATE TABLE rows (id int PRIMARY KEY, message text)');
  const config = { slot: { name: 'growth', plugin }, tables: [{ name: 'public.rows' }], http: { threads: 1 }, log: { level: 'warn' } };
  const walpiper = new Walpiper(db, bench.turnDirectory(), config);
  try {
    await walpiper.start();
    await captured(walpiper);
    await db.query(`INSERT INTO rows SELECT n, 'This is row ' || n FROM generate_series(1, $1::int) n`, [rows]);
    const began = performance.now(); // the commit is done: the server has not sent a row before
    await captured(walpiper, patience);
    const seconds = (performance.now() - began) / 1000;
    return { rate: rows / seconds, peak: memoryOf(walpiper.child.pid).peak };
  } finally {
    await walpiper.stop();
    await dropSlot(db, walpiper.slot);
    await db.close();
  }
}

async function overTransactions(bench, size) {
  const pgoutput = await commitOne(bench, 'pgoutput', size);
  const wal2json = await commitOne(bench, 'wal2json', size);
  return {
    'events/s, pgoutput': pgoutput.rate,
    'events/s, wal2json': wal2json.rate,
    'MiB at most, pgoutput': pgoutput.peak,
    'MiB at most, wal2json': wal2json.peak,
  };
}

// --- journals ----------------------------------------------------------------------------------------

const step = 100_000;

/** One walpiper whose journal grows from size to size; it is started again for each. */
class GrowingJournal {
  async open(bench) {
    this.db = await bench.database('sql/schema.sql');
    await this.db.query('CREATE TABLE rows (id int PRIMARY KEY, message text)');
    this.events = 0;
    this.walpiper = new Walpiper(this.db, bench.turnDirectory(), {
      ...{ slot: { name: 'growth', plugin: 'pgoutput' }, tables: [{ name: 'public.rows' }] },
      ...{ journal: { retention: { bytes: '200GB' } }, http: { threads: 1 }, log: { level: 'warn' } },
    });
    await this.walpiper.start();
    return this;
  }

  async growTo(size) {
    while (this.events < size) {
      const last = Math.min(size, this.events + step);
      await this.db.query(`INSERT INTO rows SELECT n, 'This is row ' || n FROM generate_series($1::int, $2::int) n`, [this.events + 1, last]);
      this.events = last;
    }
    await captured(this.walpiper, patience);
  }

  async restart() {
    await this.walpiper.stop();
    const began = performance.now();
    await this.walpiper.start();
    return performance.now() - began;
  }

  /** Events a second of one client that reads all of it. */
  async replay() {
    const last = `"id":${this.events},"message":"This is row ${this.events}"`;
    let tail = '';
    const { seconds } = await drain(connect(this.walpiper, '/streams/rows', 'earliest'), {
      each: (chunk) => {
        tail = (tail + chunk.subarray(-2048).toString()).slice(-4096);
        return tail.includes(last) && tail.endsWith('\n\n');
      },
    });
    return this.events / seconds;
  }

  async close() {
    await this.walpiper.stop();
    await dropSlot(this.db, this.walpiper.slot);
    await this.db.close();
  }
}

async function overJournals(bench, size, settings, journal) {
  await journal.growTo(size);
  const opened = await journal.restart();
  const before = memoryOf(journal.walpiper.child.pid);
  const rate = await journal.replay();
  return { 'events/s replayed': rate, 'ms to open': opened, 'MiB private before': before.own, 'MiB private': memoryOf(journal.walpiper.child.pid).own };
}

// --- all of them -------------------------------------------------------------------------------------

/** As many subscribers as COUNT, or as one process may have here. */
const possible = (count) => Math.min(count, descriptors() - 200);

/** `costly`: the size itself is what takes long. */
const axes = [
  { name: 'tables', title: 'Tables', sizes: [1, 10, 100, 1000], measure: overTables },
  { name: 'subscribers', title: 'Subscribers of one topic', sizes: [1, 10, 100, 1000, 10_000, 20_000].map(possible), measure: overSubscribers },
  { name: 'filters', title: 'Filters, a subscriber for each', sizes: [1, 10, 100, 1000, 10_000], measure: overFilters },
  { name: 'operators', title: 'Operators on one table', sizes: [1, 10, 100], measure: overOperators },
  { name: 'transactions', title: 'Rows of one transaction', sizes: [1, 100, 10_000, 100_000, 1_000_000, 5_000_000], measure: overTransactions, costly: true },
  {
    ...{ name: 'journals', title: 'Events in the journal', measure: overJournals, costly: true },
    sizes: [1000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000],
    context: (bench) => new GrowingJournal().open(bench),
  },
];

/** The sizes that a run at SCALE has time for. */
export function sizesAt({ sizes, costly }, scale) {
  const most = sizes.at(-1) * Math.min(1, costly ? scale : 10 * scale);
  return sizes.filter((size, n) => n === 0 || size <= most);
}

async function measureAxis(bench, axis, settings) {
  const context = await axis.context?.(bench);
  const results = [];
  try {
    for (const size of sizesAt(axis, settings.scale)) {
      const result = await axis.measure(bench, size, settings, context);
      if (results.length === 0) bench.table([axis.title.toLowerCase(), ...Object.keys(result)]);
      bench.row(number(size), ...Object.values(result).map((value) => (value >= 100 ? number(value) : value.toFixed(1))));
      results.push({ size, result });
    }
  } finally {
    await context?.close();
  }
  bench.curve({
    ...{ name: axis.name, title: axis.title, columns: ['size', ...Object.keys(results[0].result)] },
    rows: results.map(({ size, result }) => [size, ...Object.values(result).map(rounded)]),
  });
  return results;
}

export async function memoryBench({ axes: wanted = [], ...settings }) {
  // A walsender sends what is flushed: commits must not wait for that until it happens to be done.
  const bench = new Bench('memory', [], { synchronous_commit: 'on', max_connections: '300' });
  await bench.run(async () => {
    bench.note('pgoutput, one serving thread, one run for each size; memory right after the events, of a walpiper that has done nothing before');
    for (const axis of axes) {
      if (wanted.length > 0 && !wanted.includes(axis.name)) continue;
      const results = await measureAxis(bench, axis, settings);
      const of = (size) => results.find((entry) => entry.size === size)?.result;
      if (axis.name === 'subscribers' && of(10_000)) bench.headline('MiB resident with 10 000 subscribers, at most', [of(10_000)['MiB at most']], { most: 50 }, 1);
    }
  });
}
