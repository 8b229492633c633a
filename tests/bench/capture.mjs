// What capture costs: events per second from the slot to walpiper's journal on disk, beside
// pg_recvlogical writing the same stream to /dev/null. Both read copies of one slot, so the same
// backlog, with the same plugin and the same options, turn by turn. A run is timed from the start of
// the process to the moment the server has its confirmation of the last commit (pg_recvlogical: to
// its exit at --endpos).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until, within } from '../integration/harness/wait.mjs';
import { isRunning, startChild } from '../integration/harness/process.mjs';
import { Walpiper } from '../integration/harness/walpiper.mjs';
import { Bench, cpuSeconds, lastOptions, median, spread } from './bench.mjs';

const bin = process.env.POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const plugins = ['pgoutput', 'wal2json'];

const shapes = [
  { name: '100-row transactions', size: 100, events: 1_000_000 },
  { name: 'single-row transactions', size: 1, events: 400_000 },
];

/** Writes the backlog: inserts, and an update for every fourth row. */
async function fill(db, { size, transactions }) {
  await db.query(`CREATE OR REPLACE PROCEDURE fill(transactions int, size int) LANGUAGE plpgsql AS $$
    BEGIN
      FOR n IN 1..transactions LOOP
        IF n % 4 = 0 THEN
          UPDATE comments SET rating = n % 5 WHERE id > (n - 2) * size AND id <= (n - 1) * size;
        ELSE
          INSERT INTO comments (id, post_id, message)
            SELECT (n - 1) * size + k, 1 + k % 100, 'This is comment ' || k || ' of transaction ' || n
            FROM generate_series(1, size) k;
        END IF;
        COMMIT;
      END LOOP;
    END $$`);
  await db.query('TRUNCATE comments');
  await db.query(`INSERT INTO posts (id, title) SELECT n, 'post ' || n FROM generate_series(3, 100) n`);
  for (const plugin of plugins) {
    await db.query('SELECT pg_create_logical_replication_slot($1, $2)', [`base_${plugin}`, plugin]);
  }
  await db.query(`CALL fill(${transactions}, ${size})`);
  const [{ lsn }] = await db.query('SELECT pg_current_wal_insert_lsn() AS lsn');
  await until('the WAL is written', async () => {
    const [{ done }] = await db.query('SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn AS done', [lsn]);
    return done;
  });
  return lsn;
}

async function copySlot(db, plugin, name) {
  await db.query('SELECT pg_copy_logical_replication_slot($1, $2)', [`base_${plugin}`, name]);
}

async function dropSlot(db, name) {
  await until(`slot ${name} is free`, async () => {
    const [slot] = await db.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [name]);
    return !slot.active;
  });
  await db.query('SELECT pg_drop_replication_slot($1)', [name]);
}

async function runPeer(bench, db, plugin, { end, options }) {
  await copySlot(db, plugin, 'turn');
  const began = performance.now();
  const child = startChild(
    join(bin, 'pg_recvlogical'),
    ['-d', db.url, '-S', 'turn', '--start', '-f', '/dev/null', `--endpos=${end}`, ...options],
    { log: join(bench.directory, 'pg_recvlogical.log') },
  );
  const { code } = await within('pg_recvlogical ends', 300_000, child.exited);
  const seconds = (performance.now() - began) / 1000;
  if (code !== 0) throw new Error(readFileSync(join(bench.directory, 'pg_recvlogical.log'), 'utf8'));
  await dropSlot(db, 'turn');
  return { seconds };
}

async function runWalpiper(bench, db, plugin, { end }) {
  await copySlot(db, plugin, 'turn');
  const walpiper = new Walpiper(db, bench.turnDirectory(), {
    slot: { name: 'turn', plugin },
    publication: 'bench',
    tables: [{ name: 'public.comments' }],
    http: { threads: 1 },
    log: { level: 'warn' },
  });
  await walpiper.configure();
  const began = performance.now();
  await walpiper.launch();
  const confirmed = async () => {
    if (!isRunning(walpiper.child)) throw new Error(walpiper.logText());
    const [slot] = await db.query(
      'SELECT confirmed_flush_lsn >= $1::pg_lsn AS done FROM pg_replication_slots WHERE slot_name = $2',
      [end, 'turn'],
    );
    return slot.done;
  };
  await until('walpiper has confirmed all', confirmed, { timeout: 300_000, interval: 50 });
  const seconds = (performance.now() - began) / 1000;
  const result = { seconds, cpu: cpuSeconds(walpiper.child.pid), ...walpiper.memory() };
  await walpiper.stop();
  await dropSlot(db, 'turn');
  return result;
}

async function compare(bench, db, plugin, { turns, events, end }) {
  const peer = [];
  const ours = [];
  await runWalpiper(bench, db, plugin, { end }); // warms the caches, and shows the options
  const options = lastOptions(bench, 'turn');
  for (let turn = 0; turn < turns; turn++) {
    peer.push(await runPeer(bench, db, plugin, { end, options }));
    ours.push(await runWalpiper(bench, db, plugin, { end }));
  }
  const rate = (run) => events / run.seconds;
  return {
    peer: median(peer.map(rate)),
    walpiper: median(ours.map(rate)),
    ratio: spread(ours.map((run, turn) => peer[turn].seconds / run.seconds)),
    cpu: median(ours.map((run) => (run.cpu * 1e6) / events)),
    resident: Math.max(...ours.map((run) => run.peak)) / 1024,
  };
}

async function measureShape(bench, shape, { turns, scale }) {
  const transactions = Math.ceil((shape.events * scale) / shape.size);
  const events = transactions * shape.size;
  const db = await bench.database('sql/schema.sql', 'sql/demo/blog.sql');
  await db.query('CREATE PUBLICATION bench FOR TABLE comments, events');
  const end = await fill(db, { size: shape.size, transactions });
  for (const plugin of plugins) {
    const { peer, walpiper, ratio, cpu, resident } = await compare(bench, db, plugin, { turns, events, end });
    bench.row(
      plugin,
      `${events.toLocaleString('en')} events in ${shape.name}`,
      Math.round(peer).toLocaleString('en'),
      Math.round(walpiper).toLocaleString('en'),
      ratio,
      cpu.toFixed(2),
      resident.toFixed(1),
    );
  }
  for (const plugin of plugins) await db.query('SELECT pg_drop_replication_slot($1)', [`base_${plugin}`]);
  await db.close();
}

export async function capture(settings) {
  const bench = new Bench('capture', [
    'plugin',
    'backlog',
    'pg_recvlogical/s',
    'walpiper/s',
    'ratio, median (least to most)',
    'CPU us/event',
    'MiB at most',
  ]);
  await bench.run(async () => {
    bench.say(`${settings.turns} turns; ratio: walpiper's events per second to pg_recvlogical's in the same turn`);
    for (const shape of shapes) await measureShape(bench, shape, settings);
  });
}
