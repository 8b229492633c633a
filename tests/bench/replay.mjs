// What a replay costs: one client reads the whole journal over HTTP, beside `cat` of the same bytes
// through a socket to the same client. And how soon the first event comes after an id from anywhere in
// the journal, beside an answer that needs no journal.
import { createWriteStream } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { Walpiper } from '../integration/harness/walpiper.mjs';
import { Bench, cpuSeconds, median, ratiosOf, spread, takeTurns } from './bench.mjs';

const eventsAtScaleOne = 10_000_000;
const sampleBytes = 512 << 20; // what `cat` reads: from the page cache, as often as it takes
const lookups = 300;
const lastMessage = 'the last comment of all';

async function fill(db, events) {
  const step = 200_000;
  for (let from = 1; from <= events; from += step) {
    await db.query(
      `INSERT INTO comments (id, post_id, message)
         SELECT n, 1 + n % 2, 'This is comment ' || n FROM generate_series($1::int, $2::int) n`,
      [from, Math.min(events, from + step - 1)],
    );
  }
  await db.query(`UPDATE comments SET message = '${lastMessage}' WHERE id = $1`, [events]);
}

async function capture(bench, db) {
  const walpiper = new Walpiper(db, bench.turnDirectory(), {
    tables: [{ name: 'public.comments' }],
    journal: { retention: { bytes: '200GB' } },
    http: { threads: 1 },
    log: { level: 'warn' },
  });
  await walpiper.start();
  return walpiper;
}

export function connect(walpiper, path, id) {
  const socket = net.connect(walpiper.port, '127.0.0.1');
  const resume = id === undefined ? '' : `Last-Event-ID: ${id}\r\n`;
  socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n${resume}\r\n`);
  return socket;
}

/** Reads SOCKET until EACH says true or BYTES have come. */
export async function drain(socket, { bytes = Infinity, each = () => false }) {
  let received = 0;
  const began = performance.now();
  for await (const chunk of socket) {
    received += chunk.length;
    if (received >= bytes || each(chunk)) break;
  }
  socket.destroy();
  return { received, seconds: (performance.now() - began) / 1000 };
}

/** The first replay tells how many bytes there are, which ids, and writes the sample. */
async function readOnce(walpiper, sampleFile) {
  const sample = createWriteStream(sampleFile);
  const ids = [];
  let written = 0;
  let tail = '';
  const { received } = await drain(connect(walpiper, '/streams/comments', 'earliest'), {
    each: (chunk) => {
      if (written < sampleBytes) sample.write(chunk);
      written += chunk.length;
      const id = chunk.indexOf('\nid: ');
      const end = chunk.indexOf('\n', id + 1);
      if (id >= 0 && end > id && ids.length < 100_000) ids.push(chunk.subarray(id + 5, end).toString());
      tail = (tail + chunk.subarray(-2048).toString()).slice(-4096);
      return tail.includes(lastMessage) && tail.endsWith('\n\n');
    },
  });
  sample.end();
  await once(sample, 'finish');
  return { bytes: received, ids };
}

async function runCat(sampleFile, bytes) {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const target = `/dev/tcp/127.0.0.1/${listener.address().port}`;
  const child = spawn('bash', ['-c', `while cat "$0"; do :; done > ${target}`, sampleFile], { stdio: 'ignore' });
  const [socket] = await once(listener, 'connection');
  const result = await drain(socket, { bytes });
  child.kill();
  listener.close();
  return result;
}

async function runReplay(walpiper, bytes) {
  const { pid } = walpiper.child;
  const before = cpuSeconds(pid);
  const result = await drain(connect(walpiper, '/streams/comments', 'earliest'), { bytes });
  return { ...result, cpu: cpuSeconds(pid) - before };
}

async function timeOf(walpiper, path, id) {
  const began = performance.now();
  await drain(connect(walpiper, path, id), { each: (chunk) => id === undefined || chunk.includes('\ndata: ') });
  return (performance.now() - began) * 1000;
}

async function measureLookup(bench, walpiper, ids) {
  const after = [];
  const health = [];
  for (let n = 0; n < lookups; n++) {
    health.push(await timeOf(walpiper, '/manage/health'));
    after.push(await timeOf(walpiper, '/streams/comments', ids[Math.floor(Math.random() * ids.length)]));
  }
  bench.note(
    `the first event after a random id: ${median(after).toFixed(0)} us from connect(), median of ${lookups}; ` +
      `/manage/health on a new connection: ${median(health).toFixed(0)} us`,
  );
}

export async function replay({ turns, scale }) {
  const events = Math.ceil(eventsAtScaleOne * scale);
  const bench = new Bench('replay', [
    'events',
    'MB',
    'cat MB/s',
    'walpiper MB/s',
    'events/s',
    'ratio, median (least to most)',
    'CPU us/event',
    'MiB before, at most',
  ]);
  await bench.run(async () => {
    const db = await bench.database('sql/schema.sql', 'sql/demo/blog.sql');
    await db.query('TRUNCATE comments');
    const walpiper = await capture(bench, db);
    try {
      await fill(db, events);
      const sample = join(bench.directory, 'sample');
      const { bytes, ids } = await readOnce(walpiper, sample);
      await measure(bench, walpiper, { events, bytes, ids, sample, turns });
    } finally {
      await walpiper.destroy();
      await db.close();
    }
  });
}

async function measure(bench, walpiper, { events, bytes, ids, sample, turns }) {
  const { now: resident } = walpiper.memory();
  const [peer, ours] = await takeTurns(
    turns,
    () => runCat(sample, bytes),
    () => runReplay(walpiper, bytes),
  );
  const rate = (runs) => median(runs.map((run) => run.received / 1e6 / run.seconds));
  const ratios = ratiosOf(peer, ours, (run) => run.seconds);
  bench.headline('events a second', ours.map((run) => events / run.seconds), { least: 1_000_000 }, 0);
  bench.headline('share of cat, of which 0.8 would do instead', ratios);
  bench.row(
    events.toLocaleString('en'),
    Math.round(bytes / 1e6).toLocaleString('en'),
    Math.round(rate(peer)).toLocaleString('en'),
    Math.round(rate(ours)).toLocaleString('en'),
    Math.round(median(ours.map((run) => events / run.seconds))).toLocaleString('en'),
    spread(ratios),
    median(ours.map((run) => (run.cpu * 1e6) / events)).toFixed(2),
    `${(resident / 1024).toFixed(1)}, ${(walpiper.memory().peak / 1024).toFixed(1)}`,
  );
  await measureLookup(bench, walpiper, ids);
}
