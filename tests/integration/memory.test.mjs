// Memory is bounded by configuration, not by the size of a transaction or by how slow a reader is.
import { assert, scenario, sleep, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';

const rows = 1_000_000;
const limit = 64 * 1024; // KiB

scenario('1 000 000 rows in one transaction: under 64 MiB, and a subscriber gets each', { timeout: 420_000 }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables });
  let received = 0;
  let wrong;
  // The message is the row's number: checked without parsing a gigabyte of JSON.
  const onFrame = (frame) => {
    if (frame.event !== 'insert') return;
    received++;
    if (!frame.data.includes(`"message":"${received}"`)) wrong ??= `${received}: ${frame.data}`;
  };
  const stream = await walpiper.subscribe('/streams/comments', { keep: false, onFrame });
  // One that never reads: it must cost no more than its buffer.
  const idle = await walpiper.subscribe('/streams/comments', { keep: false });
  idle.response.pause();
  await db.query(`INSERT INTO comments (message) SELECT n FROM generate_series(1, ${rows}) n`);
  await stream.until('all rows', () => wrong !== undefined || received >= rows, 360_000);
  assert.equal(wrong, undefined);
  assert.equal(received, rows);
  const { now, peak } = walpiper.memory();
  console.log(`resident: ${(now / 1024).toFixed(1)} MiB now, ${(peak / 1024).toFixed(1)} MiB at most`);
  assert.ok(peak < limit, `walpiper had ${peak} KiB resident`);
});

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
