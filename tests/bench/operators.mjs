// What read models cost: events a second that an operator applies when it has fallen behind, in each form
// of its query, beside one MERGE a transaction as fast as pgbench can over one connection (prepared, the
// same MERGE of the same row, unix socket); turn by turn. Ids are uniform, or 80 % of the events on 1 % of them.
// Each event changes its derived row. Commits are on disk, as servers have it unless they are told otherwise;
// pgbench is also run without, for the reader whose disk is slow or fast.
//
// Then how long after its commit an event is applied, at 1 000 commits a second: by the commit timestamps of
// the source's row and of the derived one.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { captured } from '../integration/harness/journal.mjs';
import { startChild } from '../integration/harness/process.mjs';
import { until, within } from '../integration/harness/wait.mjs';
import { Walpiper } from '../integration/harness/walpiper.mjs';
import { Bench, median, number, spread, threadSeconds } from './bench.mjs';
import { program, runToEnd } from './fleet.mjs';
import { Stamps } from './stamps.mjs';

const bin = process.env.POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const posts = 100_000;
const eventsAtScaleOne = 50_000;
const singlesAtScaleOne = 6_000; // MERGEs of pgbench
const manyIds = 5000;
const rate = 1000;
const lagEventsAtScaleOne = 3000;

/** How an id is drawn, in SQL and for pgbench. */
const draws = {
  uniform: {
    sql: `1 + floor(random() * ${posts})::int`,
    pgbench: `\\set id random(1, ${posts})`,
  },
  '80 % on 1 %': {
    sql: `1 + floor(random() * CASE WHEN random() < 0.8 THEN ${posts / 100} ELSE ${posts} END)::int`,
    pgbench: `\\set hot random(1, 10)\n\\set id random(1, case when :hot <= 8 then ${posts / 100} else ${posts} end)`,
  },
};

const sums = (where) => `SELECT p.id, p.title, count(*) AS comments, sum(c.rating) AS ratings
                         FROM posts p JOIN comments c ON c.post_id = p.id WHERE ${where} GROUP BY p.id, p.title`;

const merge = (target, where) => `MERGE INTO ${target} t USING (${sums(where)}) s ON s.id = t.id
  WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.title, s.comments, s.ratings)
  WHEN MATCHED THEN UPDATE SET title = s.title, comments = s.comments, ratings = s.ratings`;

/** The forms, and what is asked of each: times as many events a second as pgbench. */
const forms = [
  { name: 'query', query: merge('query', 'p.id = $1'), goals: { uniform: 5 } },
  { name: 'batch', batch: true, query: merge('batch', 'p.id = ANY ($1)'), goals: { uniform: 15, '80 % on 1 %': 40 } },
  { name: 'selected', select: sums('p.id = $1'), goals: { uniform: 15, '80 % on 1 %': 40 } },
];

const operators = forms.map(({ goals: _, ...form }) => ({
  ...form,
  ...(form.name === 'query' ? {} : { batch_size: manyIds }),
  target: form.name,
  target_id: 'id',
  events: ['update'],
  tables: { comments: 'post_id' },
}));

const ddl = `
  CREATE TABLE posts (id int PRIMARY KEY, title text NOT NULL);
  CREATE TABLE comments (id int PRIMARY KEY, post_id int NOT NULL, rating int NOT NULL) WITH (fillfactor = 50);
  INSERT INTO posts SELECT n, 'post ' || n FROM generate_series(1, ${posts}) n;
  INSERT INTO comments SELECT n, n, 0 FROM generate_series(1, ${posts}) n;
  CREATE INDEX ON comments (post_id);
  ALTER TABLE comments REPLICA IDENTITY FULL;
  ${['pgbench', ...forms.map(({ name }) => name)].map((name) => `
    CREATE TABLE ${name} (id int PRIMARY KEY, title text, comments bigint, ratings bigint) WITH (fillfactor = 50);`).join('')}
  INSERT INTO pgbench ${sums('true')};
  -- One row a transaction, each with a rating that is new. How fast that goes is not measured.
  CREATE PROCEDURE rate(events int, draw text) LANGUAGE plpgsql AS $$
    DECLARE
      post int;
    BEGIN
      PERFORM set_config('synchronous_commit', 'off', false);
      FOR n IN 1..events LOOP
        EXECUTE 'SELECT ' || draw INTO post;
        UPDATE comments SET rating = rating + 1 WHERE id = post;
        COMMIT;
      END LOOP;
      PERFORM set_config('synchronous_commit', 'on', false);
    END $$;`;

function isApplied(db, operator, lsn) {
  return db.value('SELECT lsn >= $2::text::pg_lsn FROM walpiper.checkpoint WHERE operator = $1', [operator, lsn]);
}

/** All that was there before the operator is computed. */
function isReady(db, operator) {
  return db.value(`SELECT epoch <> '' AND rebuild_step IS NULL FROM walpiper.checkpoint WHERE operator = $1`, [operator]).catch(() => false);
}

/** A walpiper with operators of all forms, which have computed what was there, and are paused. */
async function serve(bench, db) {
  const walpiper = new Walpiper(db, bench.turnDirectory(), {
    tables: [{ name: 'public.comments' }, { name: 'public.posts' }],
    operators,
    log: { level: 'warn' },
  });
  await walpiper.start();
  for (const { name } of forms) {
    await until(`operator ${name} has computed all`, () => isReady(db, name), { timeout: 120_000 });
    await db.query('SELECT walpiper.pause($1)', [name]);
  }
  return walpiper;
}

/** Events a second that operator NAME applies of what has come while it was paused. */
async function runOperator(walpiper, name, events, lsn) {
  const db = walpiper.database;
  const before = threadSeconds(walpiper.child.pid);
  const began = performance.now();
  await db.query('SELECT walpiper.resume($1)', [name]);
  await until(`operator ${name} has applied all`, () => isApplied(db, name, lsn), { timeout: 120_000, interval: 5 });
  const seconds = (performance.now() - began) / 1000;
  await db.query('SELECT walpiper.pause($1)', [name]);
  return { rate: events / seconds, cpu: threadSeconds(walpiper.child.pid) - before };
}

/** MERGEs a second, each a transaction, of ids that are drawn alike. */
async function runPgbench(bench, db, draw, transactions, synchronous) {
  const [script, log] = [join(bench.directory, 'merge.sql'), join(bench.directory, 'pgbench.log')];
  writeFileSync(script, `${draw.pgbench}\n${merge('pgbench', 'p.id = :id').replaceAll('\n', ' ')};\n`);
  const args = ['-n', '-M', 'prepared', '-c', '1', '-t', transactions, '-f', script, db.url];
  const env = { PGOPTIONS: `-c synchronous_commit=${synchronous}` };
  const { code } = await within('pgbench ends', 120_000, startChild(join(bin, 'pgbench'), args.map(String), { log, env }).exited);
  const text = readFileSync(log, 'utf8');
  if (code !== 0) throw new Error(text);
  return Number([...text.matchAll(/tps = ([0-9.]+) /g)].at(-1)[1]);
}

async function runTurn(bench, walpiper, draw, { events, singles }) {
  const db = walpiper.database;
  await db.query('VACUUM ANALYZE');
  await db.query('CHECKPOINT'); // nobody else's writes are in the way of the disk
  const single = await runPgbench(bench, db, draw, singles, 'on');
  const unsynced = await runPgbench(bench, db, draw, singles, 'off');
  await db.query(`CALL rate($1, $2)`, [events, draw.sql]);
  const lsn = await db.value('SELECT pg_current_wal_insert_lsn()::text');
  // The last event that all operators have to come to.
  await db.query('UPDATE comments SET rating = rating + 1 WHERE id = 1');
  await captured(walpiper);
  const runs = {};
  for (const { name } of forms) runs[name] = await runOperator(walpiper, name, events, lsn);
  return { single, unsynced, runs };
}

async function measureDraw(bench, walpiper, name, { turns, ...counts }) {
  const draw = draws[name];
  const all = [];
  for (let turn = 0; turn < turns; turn++) all.push(await runTurn(bench, walpiper, draw, counts));
  for (const { name: form, goals } of forms) {
    const ours = all.map(({ runs }) => runs[form]);
    const times = ours.map((run, turn) => run.rate / all[turn].single);
    bench.headline(`${form}, ids ${name}: times one MERGE a transaction`, times, goals[name] && { least: goals[name] });
    bench.row(
      name,
      form,
      number(median(all.map(({ single }) => single))),
      number(median(all.map(({ unsynced }) => unsynced))),
      number(median(ours.map((run) => run.rate))),
      spread(times),
      goals[name] ?? '',
      median(ours.map((run) => (run.cpu * 1e6) / counts.events)).toFixed(2),
    );
  }
}

/** Each derived row equals the query: what was counted was work that was done. */
async function judge(db) {
  for (const { name } of forms) {
    const wrong = await db.value(`SELECT count(*)::int FROM (${sums('true')} EXCEPT TABLE ${name}) d`);
    if (wrong > 0) throw new Error(`${wrong} rows of ${name} are not what their query gives`);
  }
}

async function measureThroughput(bench, settings) {
  const db = await bench.database('sql/schema.sql');
  await db.query(ddl);
  const walpiper = await serve(bench, db);
  try {
    for (const name of Object.keys(draws)) await measureDraw(bench, walpiper, name, settings);
    await judge(db);
  } finally {
    await walpiper.stop();
    await db.close();
  }
}

// --- lag --------------------------------------------------------------------------------------------

const copies = {
  ...{ name: 'copies', target: 'copies', target_id: 'id', tables: { stamps: 'id' } },
  query: 'INSERT INTO copies SELECT id, stamp FROM stamps WHERE id = $1 ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp',
};

async function measureLag(bench, { turns, events }) {
  const stamps = await new Stamps().create(bench);
  const { db } = stamps;
  await db.query(`CREATE TABLE copies (id bigint PRIMARY KEY, stamp text)`);
  const walpiper = new Walpiper(db, bench.turnDirectory(), {
    tables: [{ name: 'public.stamps' }],
    operators: [copies],
    log: { level: 'warn' },
  });
  await walpiper.start();
  await until('it is ready', () => isReady(db, 'copies'));
  const runs = [];
  for (let turn = 0; turn < turns; turn++) {
    const { per_second: written } = await runToEnd(program('writer'), [db.url, rate, events, 1, stamps.next]);
    stamps.next += events;
    const copied = async () => (await db.value('SELECT count(*)::int FROM copies')) === (turn + 1) * events;
    await until('all is applied', copied, { timeout: 60_000 });
    runs.push({ written, ...(await lagOf(db, (turn + 1) * events - events)) });
  }
  await walpiper.stop();
  await stamps.close();
  bench.headline('commit to applied: p99 in ms', runs.map((run) => run.p99), { most: 20 }, 1);
  bench.row(
    number(Math.min(...runs.map(({ written }) => written))),
    ...['p50', 'p99', 'max'].map((key) => spread(runs.map((run) => run[key]))),
    20,
  );
}

/** Milliseconds from the commit of a row to that of its copy, of the rows behind FIRST. */
async function lagOf(db, first) {
  const [lag] = await db.query(
    `SELECT (array_agg(ms ORDER BY ms))[ceil(count(*) * 0.5)] AS p50, (array_agg(ms ORDER BY ms))[ceil(count(*) * 0.99)] AS p99, max(ms) AS max
     FROM (SELECT extract(epoch FROM pg_xact_commit_timestamp(c.xmin) - pg_xact_commit_timestamp(s.xmin))::float8 * 1000 AS ms
           FROM stamps s JOIN copies c USING (id) ORDER BY s.id OFFSET $1) l`,
    [first],
  );
  return lag;
}

export async function operatorsBench({ turns, scale }) {
  const bench = new Bench('operators', ['ids', 'form', 'one MERGE a transaction/s', 'not waiting for the disk', 'walpiper: events/s', 'times, median (least to most)', 'goal', 'CPU us/event'], { synchronous_commit: 'on' });
  const scaled = (count) => Math.max(100, Math.round(count * scale));
  await bench.run(async () => {
    const events = scaled(eventsAtScaleOne);
    bench.note(`${turns} turns of ${number(events)} events of ${number(posts)} ids, beside pgbench with one connection and prepared statements; batch_size ${manyIds} for the forms that take many ids`);
    await measureThroughput(bench, { turns, events, singles: scaled(singlesAtScaleOne) });
    bench.table(['commits/s at least', 'commit to applied: p50 ms, median (least to most)', 'p99 ms', 'max ms', 'goal of p99']);
    await measureLag(bench, { turns, events: scaled(lagEventsAtScaleOne) });
  });
}
