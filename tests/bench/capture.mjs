// What capture costs: events per second from the slot to walpiper's journal on disk, beside
// pg_recvlogical writing the same stream to /dev/null. Both read copies of one slot, so the same
// backlog, with the same plugin and the same options, turn by turn. A run is timed from the start of
// the process to the moment the server has its confirmation of the last commit (pg_recvlogical: to
// its exit at --endpos).
//
// Then the whole way, to one subscriber who has all of it, beside a Node service made of npm's
// pg-logical-replication and pg; and beside pg_recvlogical in two other ways: both kept to one core, and both over
// TCP. A Unix socket holds no more than some 270 rows, so that the server waits for a reader that comes a
// millisecond late; TCP holds megabytes, and costs the server more.
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { freePort, startChild } from '../integration/harness/process.mjs';
import { within } from '../integration/harness/wait.mjs';
import { Walpiper } from '../integration/harness/walpiper.mjs';
import { confirmAll, copySlot, dropSlot, endOfLog } from './backlog.mjs';
import { Bench, lastOptions, median, number, ratiosOf, spread, takeTurns } from './bench.mjs';
import { Fleet } from './fleet.mjs';
import { NodeService, nodeSettings } from './peer.mjs';
import { microseconds, Stamps } from './stamps.mjs';

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
  return endOfLog(db);
}

async function runPeer(bench, db, plugin, { end, options, wrapper = [] }) {
  await copySlot(db, `base_${plugin}`, 'turn');
  const began = performance.now();
  const program = [...wrapper, join(bin, 'pg_recvlogical')];
  const [command, ...args] = [...program, '-d', db.url, '-S', 'turn', '--start', '-f', '/dev/null', `--endpos=${end}`, ...options];
  const child = startChild(command, args, { log: join(bench.directory, 'pg_recvlogical.log') });
  const { code } = await within('pg_recvlogical ends', 300_000, child.exited);
  const seconds = (performance.now() - began) / 1000;
  if (code !== 0) throw new Error(readFileSync(join(bench.directory, 'pg_recvlogical.log'), 'utf8'));
  await dropSlot(db, 'turn');
  return { seconds };
}

async function runWalpiper(bench, db, plugin, { end }) {
  await copySlot(db, `base_${plugin}`, 'turn');
  const config = { slot: { name: 'turn', plugin }, publication: 'bench', tables: [{ name: 'public.comments' }] };
  const result = await confirmAll(bench, db, config, end);
  await dropSlot(db, 'turn');
  return result;
}

const secondsOf = (run) => run.seconds;
const rateOf = (runs, events) => number(median(runs.map((run) => events / run.seconds)));

async function compare(bench, db, plugin, { turns, events, end }) {
  await runWalpiper(bench, db, plugin, { end }); // warms the caches, and shows the options
  const options = lastOptions(bench, 'turn');
  const [peer, ours] = await takeTurns(
    turns,
    () => runPeer(bench, db, plugin, { end, options }),
    () => runWalpiper(bench, db, plugin, { end }),
  );
  return {
    peer: rateOf(peer, events),
    walpiper: rateOf(ours, events),
    ratios: ratiosOf(peer, ours, secondsOf),
    cpu: median(ours.map((run) => (run.cpu * 1e6) / events)),
    resident: Math.max(...ours.map((run) => run.peak)),
  };
}

async function measureShape(bench, shape, { turns, scale }) {
  const transactions = Math.ceil((shape.events * scale) / shape.size);
  const events = transactions * shape.size;
  const db = await bench.database('sql/schema.sql', 'sql/demo/blog.sql');
  await db.query('CREATE PUBLICATION bench FOR TABLE comments, events');
  const end = await fill(db, { size: shape.size, transactions });
  for (const plugin of plugins) {
    const { peer, walpiper, ratios, cpu, resident } = await compare(bench, db, plugin, { turns, events, end });
    bench.headline(`${plugin}, ${shape.name}, to the journal: share of pg_recvlogical`, ratios, { least: 0.9 });
    bench.row(
      plugin,
      `${number(events)} events in ${shape.name}`,
      peer,
      walpiper,
      spread(ratios),
      cpu.toFixed(2),
      resident.toFixed(1),
    );
  }
  for (const plugin of plugins) await db.query('SELECT pg_drop_replication_slot($1)', [`base_${plugin}`]);
  await db.close();
}

// --- to one subscriber -------------------------------------------------------------------------------

const streamed = 2_000_000;
const rowsAtOnce = 100;

async function fillStamps(bench, scale) {
  const stamps = await new Stamps().create(bench);
  await stamps.db.query('CREATE PUBLICATION bench FOR TABLE stamps, events');
  for (const plugin of plugins) {
    await stamps.db.query('SELECT pg_create_logical_replication_slot($1, $2)', [`base_${plugin}`, plugin]);
  }
  const transactions = Math.ceil((streamed * scale) / rowsAtOnce);
  for (let n = 0; n < transactions; n++) await stamps.commitTogether(rowsAtOnce);
  return { stamps, events: transactions * rowsAtOnce, end: await endOfLog(stamps.db) };
}

/** Seconds from BEGAN until one subscriber of PATH has all EVENTS. */
async function readAll(port, path, events, began) {
  const fleet = new Fleet({ to: `127.0.0.1:${port}`, path, events, first: 1 });
  await fleet.done();
  const { last_us: last } = await fleet.report();
  return { seconds: (last - began) / 1e6 };
}

async function streamOfNode(bench, db, plugin, { events }) {
  await copySlot(db, `base_${plugin}`, 'turn');
  const began = microseconds();
  const reads = { slot: 'turn', plugin, publication: 'bench', table: 'stamps', firstClient: true };
  const node = await new NodeService().start(bench.directory, db, reads);
  try {
    return await readAll(node.port, '/', events, began);
  } finally {
    await node.stop();
    await dropSlot(db, 'turn');
  }
}

async function streamOfWalpiper(bench, db, plugin, { events, wrapper = [] }) {
  await copySlot(db, `base_${plugin}`, 'turn');
  const walpiper = new Walpiper(db, bench.turnDirectory(), {
    ...{ slot: { name: 'turn', plugin }, publication: 'bench', tables: [{ name: 'public.stamps' }] },
    ...{ http: { threads: 1 }, log: { level: 'warn' } },
  });
  walpiper.wrapper = wrapper;
  await walpiper.configure();
  const began = microseconds();
  await walpiper.launch();
  try {
    await walpiper.healthy(); // before, its epoch has not begun
    return await readAll(walpiper.port, '/streams/stamps?last_event_id=earliest', events, began);
  } finally {
    await walpiper.stop();
    await dropSlot(db, 'turn');
  }
}

/** walpiper beside pg_recvlogical, of which WRAPPER stands before both; HOW, for the table and the headline. */
async function measureOtherwise(bench, db, plugin, { turns, events, end, options, wrapper }, how) {
  const [peer, ours] = await takeTurns(
    turns,
    () => runPeer(bench, db, plugin, { end, options, wrapper }),
    () => streamOfWalpiper(bench, db, plugin, { events, wrapper }),
  );
  const ratios = ratiosOf(peer, ours, secondsOf);
  bench.row(`${plugin}, ${how}`, number(events), rateOf(peer, events), '', rateOf(ours, events), spread(ratios), '');
  bench.headline(`${plugin}, to one subscriber, ${how}: share of pg_recvlogical`, ratios, { least: 0.9 });
}

/** As systemd's CPUAffinity= does: else the kernel moves them about, and in the way of the server's process. */
const onOneCore = ['taskset', '-c', String(cpus().length - 1)];

/** What the Node service asks of wal2json: each transaction in one message. walpiper does not, as 1 GB is the limit
 *  of a message; what the server could give it in this form is measured all the same. */
const inOneMessage = { wal2json: ['-o', 'format-version=1', '-o', 'include-lsn=true', '-o', 'add-tables=public.stamps'] };

function noteBound(bench, what, node, peer) {
  const bound = median(ratiosOf(node, peer, secondsOf));
  bench.note(`${what}: pg_recvlogical alone, whose server has the cores for itself, is ${bound.toFixed(1)} times the Node service`);
}

async function measureStream(bench, { turns, scale }) {
  const { stamps, events, end } = await fillStamps(bench, scale);
  const { db } = stamps;
  for (const plugin of plugins) {
    await streamOfWalpiper(bench, db, plugin, { events }); // warms the caches, and shows the options
    const options = lastOptions(bench, 'turn');
    const asNode = inOneMessage[plugin];
    const [peer, node, ours, whole] = await takeTurns(
      turns,
      () => runPeer(bench, db, plugin, { end, options }),
      () => streamOfNode(bench, db, plugin, { events }),
      () => streamOfWalpiper(bench, db, plugin, { events }),
      ...(asNode ? [() => runPeer(bench, db, plugin, { end, options: asNode })] : []),
    );
    const rates = [peer, node, ours].map((runs) => rateOf(runs, events));
    const ratios = (others) => ratiosOf(others, ours, secondsOf);
    bench.row(`${plugin}, Unix socket`, number(events), ...rates, spread(ratios(peer)), spread(ratios(node)));
    noteBound(bench, plugin, node, peer);
    if (whole) noteBound(bench, `${plugin}, each transaction in one message, as the Node service has it`, node, whole);
    bench.headline(`${plugin}, to one subscriber, Unix socket: share of pg_recvlogical`, ratios(peer), { least: 0.9 });
    bench.headline(`${plugin}, to one subscriber: times the Node service`, ratios(node), { least: 3 });
    const way = { turns, events, end, options };
    await measureOtherwise(bench, db, plugin, { ...way, wrapper: onOneCore }, 'Unix socket, kept to one core');
    const overTcp = Object.create(db, { url: { value: bench.server.url(db.name, '127.0.0.1') } });
    await measureOtherwise(bench, overTcp, plugin, way, 'TCP');
  }
  for (const plugin of plugins) await db.query('SELECT pg_drop_replication_slot($1)', [`base_${plugin}`]);
  await stamps.close();
}

export async function capture(settings) {
  const columns = ['plugin', 'backlog', 'pg_recvlogical/s', 'walpiper/s', 'ratio, median (least to most)', 'CPU us/event', 'MiB at most'];
  const bench = new Bench('capture', columns, { listen_addresses: '127.0.0.1', port: String(await freePort()) });
  await bench.run(async () => {
    bench.note(`${settings.turns} turns; ratio: walpiper's events per second to pg_recvlogical's in the same turn`);
    for (const shape of shapes) await measureShape(bench, shape, settings);
    bench.table(['plugin, connection', 'events', 'pg_recvlogical/s', 'Node/s', 'walpiper/s', 'to pg_recvlogical, median (least to most)', 'to Node']);
    bench.note(`to one subscriber, ${rowsAtOnce}-row transactions; pg_recvlogical to /dev/null. ${nodeSettings}`);
    await measureStream(bench, settings);
  });
}
