// Memory is bounded by configuration, not by the size of a transaction or by how slow a reader is.
import http from 'node:http';
import { assert, scenario, sleep, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';

const limit = 64 * 1024; // KiB
const plugins = ['wal2json', 'pgoutput'];

scenario('5 000 000 rows in one transaction, through both plugins: under 64 MiB, and subscribers get each', { timeout: 420_000 }, async (scene) => {
  const rows = 5_000_000;
  const db = await scene.database();
  await db.query('CREATE TABLE narrow (n int)');
  const readers = await Promise.all(
    plugins.map(async (plugin) => {
      const config = { tables: [{ name: 'public.narrow' }], slot: { name: `five_million_${plugin}`, plugin } };
      const walpiper = await scene.walpiper(db, { ...config, journal: { retention: { bytes: '4GB' } } });
      // One that never reads: it must cost no more than its buffer.
      const idle = await walpiper.subscribe('/streams/narrow', { keep: false });
      idle.response.pause();
      return { plugin, walpiper, stream: countRows(walpiper, '/streams/narrow') };
    }),
  );
  await db.query(`INSERT INTO narrow SELECT n FROM generate_series(1, ${rows}) n`);
  for (const { plugin, walpiper, stream } of readers) {
    await until(`all rows of ${plugin}`, () => stream.wrong !== undefined || stream.ended || stream.rows >= rows, { timeout: 360_000 });
    assert.equal(stream.wrong, undefined);
    assert.equal(stream.rows, rows);
    const { now, peak } = walpiper.memory();
    console.log(`${plugin}: resident ${(now / 1024).toFixed(1)} MiB now, ${(peak / 1024).toFixed(1)} MiB at most`);
    assert.ok(peak < limit, `${plugin}: walpiper had ${peak} KiB resident`);
  }
});

/** Counts the rows of a stream whose one column n counts from 1, without making frames of gigabytes. */
function countRows(walpiper, path) {
  const seen = { rows: 0, wrong: undefined, ended: false };
  const row = /"new_record":\{"n":([0-9]+)\}/g;
  let rest = '';
  const request = http.get(walpiper.base + path, { agent: false }, (response) => {
    response.setEncoding('latin1');
    response.on('data', (part) => {
      const text = rest + part;
      const end = text.lastIndexOf('\n\n');
      rest = text.slice(end + 1);
      if (end < 0) return;
      for (const [, n] of text.slice(0, end).matchAll(row))
        if (Number(n) !== ++seen.rows) seen.wrong ??= `row ${n} came as number ${seen.rows}`;
    });
    response.on('close', () => (seen.ended = true));
  });
  request.on('error', () => (seen.ended = true));
  return seen;
}

scenario('values of many megabytes, one after the other', { timeout: 180_000 }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables });
  const stream = await walpiper.subscribe('/streams/comments', { keep: false });
  for (let n = 1; n <= 20; n++) {
    await db.query(`INSERT INTO comments (message) VALUES (repeat('x', 4000000))`);
    await stream.until(`value ${n}`, () => stream.received >= n, 60_000);
  }
  const { peak } = walpiper.memory();
  assert.ok(peak < 2 * limit, `walpiper had ${peak} KiB resident`);
});

scenario('subscribers that come and go leave nothing behind', { timeout: 180_000 }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables });
  const once = async () => {
    const streams = await Promise.all(
      Array.from({ length: 50 }, (_, n) => walpiper.subscribe(`/streams/comments/${n}`, { keep: false })),
    );
    for (const stream of streams) stream.close();
    walpiper.subscriptions.length = 0;
  };
  await once();
  const closed = (limit) =>
    until('connections are closed', () => walpiper.descriptors() <= limit);
  await sleep(0);
  const before = walpiper.descriptors();
  await closed(Math.min(before, 60));
  const settled = walpiper.descriptors();
  const { now } = walpiper.memory();
  for (let round = 0; round < 20; round++) await once();
  await closed(settled);
  const grown = walpiper.memory().now - now;
  assert.ok(grown < 4096, `1000 subscribers left ${grown} KiB`);
});
