// How long after its commit an event is at the client: 1 000 transactions a second of one row each, 100
// subscribers, the journal on; beside what pg_recvlogical gets of the same slot's plugin with the
// same options, stamped as its output arrives, and beside a Node service made of npm's
// pg-logical-replication and pg. All from the stamp that the server puts into the row,
// last of all before it commits.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '../integration/harness/process.mjs';
import { until } from '../integration/harness/wait.mjs';
import { Bench, lastOptions, median, number, spread, takeTurns, threadSeconds } from './bench.mjs';
import { Fleet, program, runToEnd } from './fleet.mjs';
import { NodeService, nodeSettings } from './peer.mjs';
import { Stamps } from './stamps.mjs';

const bin = process.env.POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const path = '/streams/stamps';
const subscribers = 100;
const rate = 1000;
const eventsAtScaleOne = 3000;

/** The writer writes for FLEET: its report, how fast the writer was, and the CPU seconds of PID. */
async function run(stamps, fleet, events, pid) {
  await fleet.ready();
  const before = threadSeconds(pid);
  const { per_second: written } = await runToEnd(program('writer'), [stamps.db.url, rate, events, 1, stamps.next]);
  stamps.next += events;
  await fleet.done();
  const cpu = threadSeconds(pid) - before;
  return { cpu, written, ...(await fleet.report()) };
}

async function isActive(stamps, slot) {
  const [row] = await stamps.db.query('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [slot]);
  return row.active;
}

async function dropSlot(stamps, slot) {
  await until(`slot ${slot} is free`, async () => !(await isActive(stamps, slot)));
  await stamps.db.query('SELECT pg_drop_replication_slot($1)', [slot]);
}

async function runPeer(bench, stamps, plugin, { events, options }) {
  const pipe = join(bench.directory, `pipe-${++bench.turn}`);
  const log = join(bench.directory, 'pg_recvlogical.log');
  execFileSync('mkfifo', [pipe]);
  const reading = openSync(pipe, 'r+'); // to read only would wait for the writer
  const fleet = new Fleet({ stdin: true, events, first: stamps.next }, reading);
  closeSync(reading);
  await stamps.db.query('SELECT pg_create_logical_replication_slot($1, $2)', ['peer', plugin]);
  const args = ['-d', stamps.db.url, '-S', 'peer', '--start', '-f', pipe, ...options];
  const child = startChild(join(bin, 'pg_recvlogical'), args, { log });
  await until('pg_recvlogical streams', () => isActive(stamps, 'peer'));
  try {
    return await run(stamps, fleet, events, child.pid);
  } finally {
    child.kill('SIGINT');
    await child.exited;
    await dropSlot(stamps, 'peer');
  }
}

async function runNode(bench, stamps, plugin, { events }) {
  await stamps.db.query('SELECT pg_create_logical_replication_slot($1, $2)', ['node', plugin]);
  const reads = { slot: 'node', plugin, publication: 'node', table: 'stamps' };
  const node = await new NodeService().start(bench.directory, stamps.db, reads);
  try {
    await until('the Node service streams', () => isActive(stamps, 'node'));
    const fleet = new Fleet({ to: `127.0.0.1:${node.port}`, path: '/', subscribers, events, first: stamps.next });
    return await run(stamps, fleet, events, node.child.pid);
  } finally {
    await node.stop();
    await dropSlot(stamps, 'node');
  }
}

async function runWalpiper(bench, stamps, plugin, { events }) {
  const walpiper = await stamps.serve(bench.turnDirectory(), { name: 'ours', plugin });
  try {
    const fleet = new Fleet({ to: `127.0.0.1:${walpiper.port}`, path, subscribers, events, first: stamps.next });
    return await run(stamps, fleet, events, walpiper.child.pid);
  } finally {
    await walpiper.stop();
    await dropSlot(stamps, 'ours');
  }
}

async function compare(bench, stamps, plugin, { turns, events }) {
  await runWalpiper(bench, stamps, plugin, { events: rate }); // warms the caches, and shows the options
  const options = lastOptions(bench, 'ours');
  const [peer, node, ours] = await takeTurns(
    turns,
    () => runPeer(bench, stamps, plugin, { events, options }),
    () => runNode(bench, stamps, plugin, { events }),
    () => runWalpiper(bench, stamps, plugin, { events }),
  );
  const times = (runs) =>
    ['p50', 'p99', 'max'].map((key) => (median(runs.map((each) => each.latency_us[key])) / 1000).toFixed(2)).join(', ');
  const cpu = (runs) => median(runs.map((each) => (each.cpu * 1e6) / events)).toFixed(1);
  const over = ours.map((each, turn) => (each.latency_us.p50 - peer[turn].latency_us.p50) / 1000);
  bench.headline(`${plugin}: p50 in ms over pg_recvlogical's own`, over, { most: 1 });
  bench.headline(`${plugin}: times faster than the Node service, p50`, ours.map((each, turn) => node[turn].latency_us.p50 / each.latency_us.p50));
  bench.row(
    plugin,
    number(Math.min(...[...peer, ...node, ...ours].map((each) => each.written))),
    times(peer),
    times(node),
    times(ours),
    spread(over),
    spread(ours.map((each) => each.latency_us.p99 / 1000)),
    `${cpu(peer)}, ${cpu(node)}, ${cpu(ours)}`,
  );
}

export async function latency({ turns, scale }) {
  const columns = [
    'plugin',
    'commits/s at least',
    'pg_recvlogical: p50, p99, max ms',
    'Node: p50, p99, max ms',
    'walpiper: p50, p99, max ms',
    'p50 over pg_recvlogical, median (least to most)',
    'p99 (least to most)',
    'CPU us/event of all three',
  ];
  // Each commit is on disk before it is sent on, for both.
  const bench = new Bench('latency', columns, { synchronous_commit: 'on' });
  const events = Math.max(1, Math.round(eventsAtScaleOne * scale));
  await bench.run(async () => {
    bench.note(`${turns} turns of ${number(events)} transactions, ${number(rate)} a second, to ${subscribers} subscribers. ${nodeSettings}`);
    const stamps = await new Stamps().create(bench);
    await stamps.db.query('CREATE PUBLICATION node FOR TABLE stamps');
    for (const plugin of ['pgoutput', 'wal2json']) await compare(bench, stamps, plugin, { turns, events });
    await stamps.close();
  });
}
