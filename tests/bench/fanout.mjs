// What fan-out costs: walpiper with one serving thread beside the least that a server can do, a loop
// around send(), when events come one at a time; beside nginx with nchan when they come faster than
// that; what an idle subscriber takes of memory; and what filters cost an event that few of them want.
// The subscribers are one process, which judges while it counts: a run that was not right fails.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../integration/harness/process.mjs';
import { Bench, median, memoryOf, number, ratiosOf, spread, takeTurns, threadSeconds } from './bench.mjs';
import { Fleet, program, runToEnd, SendLoop } from './fleet.mjs';
import { Nchan } from './nchan.mjs';
import { microseconds, Stamps } from './stamps.mjs';

const path = '/streams/stamps';
const many = 10_000;

/** Events at scale 1: one at a time; at once for walpiper; for nchan, which takes longer over each. */
const levels = [
  { subscribers: 1, single: 500, burst: 100_000, posted: 20_000 },
  { subscribers: 100, single: 300, burst: 20_000, posted: 2_000 },
  { subscribers: 1_000, single: 150, burst: 2_000, posted: 200 },
  { subscribers: many, single: 20, burst: 200, posted: 20 },
];

const receivers = 9; // subscribers whose filter an event meets, in every case
const filterCases = [
  { name: '10 subscribers, 10 filters', subscribers: 10, filters: 10 },
  { name: '10 000 subscribers, 10 filters', subscribers: many, filters: 10 },
  { name: '10 000 subscribers, 10 000 filters', subscribers: many, filters: many },
  { name: '10 000 subscribers, 10 000 ranges', subscribers: many, filters: many, path: `${path}?k=gte.%d&k=lte.%d` },
];
const filterRate = 1000;
const filterEvents = 1800;

const to = (port) => `127.0.0.1:${port}`;
const scaled = (count, scale) => Math.max(1, Math.round(count * scale));
const milliseconds = ({ p50, p99 }) => `${(p50 / 1000).toFixed(2)}, ${(p99 / 1000).toFixed(2)}`;

/** The frame that walpiper makes of a row: what the others have to send, too. */
async function sampleFrame(stamps, walpiper) {
  const stream = await walpiper.subscribe(path);
  await stamps.commit();
  const [{ id, event, data }] = await stream.first(1);
  stream.close();
  return { text: `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`, data };
}

/** Writes COUNT events, each once all have the one before. */
async function oneByOne(fleet, count, write) {
  for (let k = 0; k < count; k++) await fleet.all(await write());
}

async function singleOfWalpiper({ stamps, walpiper }, subscribers, events) {
  const fleet = new Fleet({ to: to(walpiper.port), path, subscribers, events, first: stamps.next });
  await fleet.ready();
  const before = threadSeconds(walpiper.child.pid, 'serving');
  await oneByOne(fleet, events, () => stamps.commit());
  await fleet.done();
  const cpu = threadSeconds(walpiper.child.pid, 'serving') - before;
  return { cpu, ...(await fleet.report()) };
}

async function singleOfLoop({ frameFile }, subscribers, events) {
  const port = await freePort();
  const loop = new SendLoop(port, subscribers, frameFile);
  await loop.listening();
  const fleet = new Fleet({ to: to(port), path, subscribers, events, first: 1 });
  await fleet.ready();
  const before = threadSeconds(loop.child.pid);
  let sent = 0;
  await oneByOne(fleet, events, () => {
    loop.event();
    return ++sent;
  });
  await fleet.done();
  const cpu = threadSeconds(loop.child.pid) - before;
  const report = await fleet.report();
  await loop.end();
  return { cpu, ...report };
}

async function burstOfWalpiper({ stamps, walpiper }, subscribers, events) {
  const fleet = new Fleet({ to: to(walpiper.port), path, subscribers, events, first: stamps.next });
  await fleet.ready();
  const before = threadSeconds(walpiper.child.pid);
  const began = await stamps.commitTogether(events);
  await fleet.done();
  const cpu = threadSeconds(walpiper.child.pid) - before;
  const { deliveries, last_us: last } = await fleet.report();
  return { cpu, deliveries, seconds: (last - began) / 1e6 };
}

async function burstOfNchan({ nchan, frame }, subscribers, events) {
  const channel = `c${++nchan.channels}`;
  const fleet = new Fleet({ to: to(nchan.port), path: `/subscribe/${channel}`, subscribers, events, first: 1 });
  await fleet.ready();
  const before = threadSeconds(nchan.worker);
  const began = microseconds();
  const body = (n) => frame.data.replace(/#.*#/, `#${n + 1}@${microseconds()}#`);
  const publisher = await nchan.publish(channel, events, body);
  await fleet.done();
  const cpu = threadSeconds(nchan.worker) - before;
  publisher.destroy();
  const { deliveries, last_us: last } = await fleet.report();
  return { cpu, deliveries, seconds: (last - began) / 1e6 };
}

const cpuOf = (run) => (run.cpu * 1e6) / run.deliveries;
const quotients = (...of) => spread(ratiosOf(...of));
const medianOf = (runs, value) => median(runs.map(value));

async function measureSingle(bench, bed, { turns, scale }) {
  bench.note('one event at a time, the next one once all have it; /s: from the first subscriber that has it to the last');
  for (const { subscribers, single } of levels) {
    const events = scaled(single, scale);
    const [loop, ours] = await takeTurns(
      turns,
      () => singleOfLoop(bed, subscribers, events),
      () => singleOfWalpiper(bed, subscribers, events),
    );
    const rate = (run) => run.deliveries / run.spread_seconds;
    const latency = (runs) =>
      milliseconds({ p50: medianOf(runs, (run) => run.latency_us.p50), p99: medianOf(runs, (run) => run.latency_us.p99) });
    const alone = subscribers === 1; // there is no first and last
    bench.headline(`one event at a time to ${number(subscribers)}: the CPU of a send() loop to walpiper's`, ratiosOf(loop, ours, cpuOf));
    bench.row(
      number(subscribers),
      alone ? '-' : number(medianOf(loop, rate)),
      alone ? '-' : number(medianOf(ours, rate)),
      alone ? '-' : quotients(ours, loop, rate),
      medianOf(loop, cpuOf).toFixed(2),
      medianOf(ours, cpuOf).toFixed(2),
      quotients(loop, ours, cpuOf),
      latency(loop),
      latency(ours),
    );
  }
}

async function measureBurst(bench, bed, { turns, scale }) {
  bench.note('under load: all events of walpiper in one transaction, from its commit; all of nchan posted without waiting');
  for (const { subscribers, burst, posted } of levels) {
    const [nchan, ours] = await takeTurns(
      turns,
      () => burstOfNchan(bed, subscribers, scaled(posted, scale)),
      () => burstOfWalpiper(bed, subscribers, scaled(burst, scale)),
    );
    const rate = (run) => run.deliveries / run.seconds;
    bench.headline(`under load to ${number(subscribers)}: deliveries a second, times nchan's`, ratiosOf(ours, nchan, rate));
    bench.row(
      number(subscribers),
      `${number(scaled(posted, scale))}, ${number(scaled(burst, scale))}`,
      number(medianOf(nchan, rate)),
      number(medianOf(ours, rate)),
      quotients(ours, nchan, rate),
      medianOf(nchan, cpuOf).toFixed(2),
      medianOf(ours, cpuOf).toFixed(2),
      quotients(nchan, ours, cpuOf),
    );
  }
}

/** Of a walpiper that has served nobody yet. */
async function measureMemory(bench, { stamps, walpiper }) {
  const { pid } = walpiper.child;
  const before = memoryOf(pid).own * 2 ** 20;
  const fleet = new Fleet({ to: to(walpiper.port), path, subscribers: many, events: 2, first: stamps.next });
  await fleet.ready();
  const idle = memoryOf(pid).own * 2 ** 20;
  await fleet.all(await stamps.commit());
  const served = memoryOf(pid).own * 2 ** 20;
  await fleet.all(await stamps.commit());
  await fleet.report();
  const each = (bytes) => Math.round((bytes - before) / many);
  bench.note(
    `memory of walpiper: ${(before / 2 ** 20).toFixed(1)} MiB before the first subscriber; each of ${number(many)} that wait ` +
      `adds ${each(idle)} bytes, and after its first event ${each(served)}`,
  );
}

async function runFilters({ stamps, walpiper }, wanted, events) {
  const fleet = new Fleet({
    to: to(walpiper.port),
    path: wanted.path ?? `${path}?k=eq.%d`,
    subscribers: wanted.subscribers,
    filters: wanted.filters,
    receivers,
    events: events / receivers,
    first: stamps.next,
  });
  await fleet.ready();
  const { pid } = walpiper.child;
  const before = [threadSeconds(pid, 'serving'), threadSeconds(pid)];
  await runToEnd(program('writer'), [stamps.db.url, filterRate, events, receivers, stamps.next]);
  stamps.next += events / receivers;
  await fleet.done();
  const each = (seconds) => (seconds * 1e6) / events;
  const result = { serving: each(threadSeconds(pid, 'serving') - before[0]), all: each(threadSeconds(pid) - before[1]) };
  await fleet.report();
  return result;
}

async function measureFilters(bench, bed, { turns, scale }) {
  const events = scaled(filterEvents / receivers, scale) * receivers;
  const runs = filterCases.map((wanted) => () => runFilters(bed, wanted, events));
  const results = await takeTurns(turns, ...runs);
  for (const [k, { name }] of filterCases.entries()) {
    bench.row(
      name,
      medianOf(results[k], (run) => run.serving).toFixed(1),
      quotients(results[k], results[0], (run) => run.serving),
      medianOf(results[k], (run) => run.all).toFixed(1),
      quotients(results[k], results[0], (run) => run.all),
    );
  }
}

async function measure(bench, settings) {
  const stamps = await new Stamps().create(bench);
  const nchan = new Nchan();
  const walpiper = await stamps.serve(bench.turnDirectory(), { plugin: 'pgoutput' });
  const bed = { stamps, walpiper, nchan, frameFile: join(bench.directory, 'frame') };
  try {
    await measureMemory(bench, bed);
    bed.frame = await sampleFrame(stamps, walpiper);
    writeFileSync(bed.frameFile, bed.frame.text);
    bench.note(
      `${settings.turns} turns; an event has ${bed.frame.text.length} bytes; walpiper with pgoutput, one serving thread, no ` +
        'heartbeat; nginx with one worker, messages in its memory, posted over one connection; CPU in microseconds a delivery',
    );
    await nchan.start(bench.directory);
    await measureSingle(bench, bed, settings);
    bench.table(burstColumns);
    await measureBurst(bench, bed, settings);
    bench.table(filterColumns);
    bench.note(`an event that one subscriber gets, ${number(filterRate)} transactions a second; CPU in microseconds an event`);
    await measureFilters(bench, bed, settings);
  } finally {
    await walpiper.destroy();
    if (nchan.child) await nchan.stop();
    await stamps.close();
  }
}

const singleColumns = [
  'subscribers',
  'send() loop/s',
  'walpiper/s',
  'ratio, median (least to most)',
  'CPU of the loop',
  'of the serving thread',
  'ratio',
  'loop: p50, p99 ms',
  'commit to client: p50, p99 ms',
];
const burstColumns = [
  'subscribers',
  'events of nchan, walpiper',
  'nchan/s',
  'walpiper/s',
  'ratio, median (least to most)',
  'CPU of nchan',
  'of all walpiper',
  'ratio',
];
const filterColumns = ['filters', 'serving thread', 'to the first line', 'all of walpiper', 'to the first line'];

export async function fanout(settings) {
  // A walsender sends what is flushed: commits must not wait for that until it happens to be done.
  const bench = new Bench('fanout', singleColumns, { synchronous_commit: 'on' });
  await bench.run(() => measure(bench, settings));
}
