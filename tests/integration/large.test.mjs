// Events larger than journal.max_event, rows of hundreds of megabytes, a spool without room: what is too large is said,
// and never a crash or a silent gap.
import { createHash } from 'node:crypto';
import http from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { assert, run, scenario, until } from './harness/lib.mjs';
import { both } from './harness/both.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';
import { namesUnavailable } from './harness/network.mjs';

const limited = { max_event: '1MB' };

/** The journal's events of PATH so far, COUNT of them, without their epoch: {text, event}. */
async function eventsOf(walpiper, path, count) {
  const stream = await walpiper.subscribe(path, { lastEventId: 'earliest' });
  const frames = await stream.first(count, 60_000);
  stream.close();
  return frames.map((frame) => frame.data.replace(/"id":"[0-9a-f]{8}-/, '"id":"'));
}

async function health(walpiper) {
  const answer = await walpiper.request('/manage/health').catch(() => null);
  return answer && { code: answer.status, body: answer.body };
}

const bothPlugins = async (scene, db, config) => Object.values(await both(scene, db, config));

scenario('a large event comes without its records, in the same bytes from both plugins, to its row, scopes and operator', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  await db.query('TRUNCATE posts, comments');
  const slot = (plugin) => ({ name: `${db.name}_${plugin}`, plugin });
  const walpiper = await scene.walpiper(db, { ...blog, slot: slot('wal2json'), journal: limited });
  const other = await scene.walpiper(db, { tables: blog.tables, slot: slot('pgoutput'), journal: limited });
  await db.query(`INSERT INTO posts (id, title) VALUES (1, 'one'), (2, 'two')`);
  const large = `repeat('x', 2000000)`;
  await db.query(`INSERT INTO comments (id, post_id, message) VALUES (7, 1, ${large})`);
  await db.query('UPDATE comments SET post_id = 2, rating = 5'); // the message is large before and after
  await db.query(`UPDATE comments SET message = 'small'`); // large before only
  await db.query(`UPDATE comments SET message = ${large}, rating = NULL`);
  await db.query('DELETE FROM comments');
  const paths = { '/streams/comments': 5, '/streams/comments/7': 5, '/streams/posts/1/comments': 2, '/streams/posts/2/comments': 4 };
  for (const [path, count] of Object.entries(paths)) {
    const [a, b] = [await eventsOf(walpiper, path, count), await eventsOf(other, path, count)];
    assert.deepEqual(a, b, path);
    for (const text of a) {
      const { new_record, old_record, changes, error, source, lsn, xid, timestamp } = JSON.parse(text);
      assert.deepEqual([new_record, old_record, changes], [null, null, null]);
      assert.match(error, /^public\.comments: its values have 20000[0-9]{2} bytes, too many for an event of at most 1048576 bytes \(journal\.max_event\)$/);
      assert.equal(source.table, 'comments');
      assert.ok(lsn.length === 2 && xid > 0 && timestamp);
    }
  }
  assert.match(walpiper.logText(), /level=warn .*comes without its records/);
  // The operator saw the post that the comment left and the one it came to, although no record says either.
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, ${large})`);
  await until('the read model equals the query from scratch', async () =>
    isDeepStrictEqual(await counts(db), await countsFromScratch(db)),
  );
  assert.deepEqual((await counts(db)).map((row) => Number(row.comments_count)), [1, 0]);
  // Made once: what a restart finds are the same bytes.
  const before = await eventsOf(walpiper, '/streams/comments', 6);
  await walpiper.kill();
  await walpiper.start();
  assert.deepEqual(await eventsOf(walpiper, '/streams/comments', 6), before);
});

scenario('a consumer whose payload is too large is told so, not null', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, { journal: limited });
  const toto = await walpiper.events('toto');
  await db.query(`INSERT INTO events (type, subscriber, payload) VALUES ('insert', 'toto', to_jsonb(repeat('p', 2000000)))`);
  const frame = await toto.find('the row', (f) => f.id === '1');
  assert.match(JSON.parse(frame.data).error, /^public\.events: its values have 2000[0-9]{3} bytes/);
});

scenario('a large message comes without its content', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const all = await bothPlugins(scene, db, { tables: blog.tables, journal: limited });
  await db.query(`SELECT pg_logical_emit_message(true, 'audit', repeat('m', 2000000))`);
  for (const walpiper of all)
    await until('the log tells of it', () => /message audit: its values have 2000005 bytes/.test(walpiper.logText()));
});

scenario('on_large_event stop: one clear error, the slot keeps the event, feeds go on; strip and a restart go on from there', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables, journal: { ...limited, on_large_event: 'stop' } });
  await db.query(`INSERT INTO comments (id, message) VALUES (100, 'before')`);
  const [before] = await eventsOf(walpiper, '/streams/comments/100', 1);
  await db.query(`INSERT INTO comments (id, message) VALUES (101, repeat('x', 2000000))`);
  await db.query(`INSERT INTO comments (id, message) VALUES (102, 'after')`);
  await until('health is DOWN', async () => (await health(walpiper))?.code === 503);
  const told = (await health(walpiper)).body;
  assert.match(told, /public\.comments: .* transaction [0-9]+ at [0-9A-F]+\/[0-9A-F]+ have 20000[0-9]{2} bytes/);
  assert.match(told, /raise journal\.max_event, exclude column message, or set journal\.on_large_event: strip/);
  assert.deepEqual(await eventsOf(walpiper, '/streams/comments/100', 1), [before]);
  // Nobody reads the slot, again and again or otherwise.
  const slot = () => db.query('SELECT active, restart_lsn::text FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot]);
  await until('the slot is free', async () => (await slot())[0].active === false);
  const errors = () => walpiper.logText().split('\n').filter((line) => line.includes('level=error'));
  assert.equal(errors().length, 1, walpiper.logText());
  assert.doesNotMatch(walpiper.logText(), /level=error[^]*streaming/);
  await walpiper.stop();
  walpiper.config.journal.on_large_event = 'strip';
  await walpiper.configure();
  await walpiper.start();
  const [, stripped, after] = (await eventsOf(walpiper, '/streams/comments', 3)).map((text) => JSON.parse(text));
  assert.match(stripped.error, /journal\.max_event/);
  assert.equal(after.new_record.message, 'after');
});

/** Reads the stream of PATH without keeping it: the hash of LENGTH bytes after MARK in its first event that has them. */
function hashOf(walpiper, path, mark, length) {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    let head = Buffer.alloc(0);
    let left = length;
    let begun = false;
    const request = http.get(walpiper.base + path, { agent: false }, (response) => {
      response.on('data', (part) => {
        if (!begun) {
          head = Buffer.concat([head, part]);
          const at = head.indexOf(mark);
          if (at < 0) return;
          begun = true;
          part = head.subarray(at + mark.length);
        }
        const taken = part.subarray(0, left);
        hash.update(taken);
        left -= taken.length;
        if (left > 0) return;
        request.destroy();
        resolve(hash.digest('hex'));
      });
      response.on('end', () => reject(new Error(`the stream ended ${left} bytes too early`)));
    });
    request.on('error', (error) => left > 0 && reject(error));
  });
}

/** The record of a row of 200 MB as JSON, in parts: 50 MB of bytea are 100 MB of text, and 100 MB of text with quotes. */
const bytes = 50_000_000;
const pieces = 25_000_000;
function* largeRecord() {
  yield `{"id":1,"n":1,"b":"\\\\x`;
  const hex = Buffer.from('ab'.repeat(100_000));
  for (let n = 0; n < bytes / 100_000; n++) yield hex;
  yield '","t":"';
  const text = Buffer.from('a\\"b\\\\'.repeat(100_000));
  for (let n = 0; n < pieces / 100_000; n++) yield text;
  yield '"}';
}

scenario('a row of 200 MB: whole with a larger limit, without its records with the default, from both plugins', { timeout: 300_000 }, async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE big (id int PRIMARY KEY, n int, b bytea, t text);
    ALTER TABLE big REPLICA IDENTITY FULL; ALTER TABLE big ALTER b SET STORAGE EXTERNAL, ALTER t SET STORAGE EXTERNAL`);
  const tables = [{ name: 'public.big' }];
  const of = (plugin, max_event) =>
    scene.walpiper(db, {
      tables,
      slot: { name: `${db.name}_${plugin}_${max_event.toLowerCase()}`, plugin },
      journal: { max_event, retention: { bytes: '2GB' } },
    });
  const whole = [await of('wal2json', '512MB'), await of('pgoutput', '512MB')];
  const stripped = [await of('wal2json', '64MB'), await of('pgoutput', '64MB')];
  const expected = createHash('sha256');
  let length = 0;
  for (const part of largeRecord()) {
    expected.update(part);
    length += part.length;
  }
  const hashes = whole.map((walpiper) => hashOf(walpiper, '/streams/big', '"new_record":', length));
  const watching = await Promise.all(stripped.map((walpiper) => walpiper.subscribe('/streams/big')));
  await db.query(`INSERT INTO big SELECT 1, 1, decode(repeat('ab', ${bytes}), 'hex'), repeat('a"b\\', ${pieces})`);
  assert.deepEqual(await Promise.all(hashes), Array(2).fill(expected.digest('hex')));
  for (const stream of watching) {
    const [frame] = await stream.first(1, 120_000);
    assert.match(JSON.parse(frame.data).error, /^public\.big: its values have 200000004 bytes, too many for an event of at most 67108864/);
  }
  // An update of another column: with REPLICA IDENTITY FULL the row is there before and after.
  const updated = whole.map((walpiper) => hashOf(walpiper, '/streams/big?last_event_id=latest', '"type":"update"', 1));
  await db.query('UPDATE big SET n = 2');
  await Promise.all(updated);
  await db.query(`INSERT INTO big VALUES (2, 2, '', '')`);
  for (const stream of watching) {
    const events = (await stream.first(3, 120_000)).map((frame) => JSON.parse(frame.data));
    assert.deepEqual(events.map((event) => event.type), ['insert', 'update', 'insert']);
    assert.equal(events[2].new_record.n, 2);
  }
  const peak = (walpiper) => walpiper.memory().peak / 1024;
  console.log(`resident at most, MiB: whole ${whole.map(peak)}, stripped ${stripped.map(peak)}`);
  // README, "Memory": seven times the row to keep it, four times to leave it out.
  for (const walpiper of whole) assert.ok(peak(walpiper) < 7 * 191, `${peak(walpiper)} MiB`);
  for (const walpiper of stripped) assert.ok(peak(walpiper) < 4 * 191, `${peak(walpiper)} MiB`);
});

scenario('1 000 marked tables: the right event from each, the same from both plugins, and after a restart', { timeout: 180_000 }, async (scene) => {
  const db = await scene.database();
  const numbers = Array.from({ length: 1000 }, (_, n) => n + 1);
  const perform = (sql) => db.query(`DO $do$ BEGIN FOR n IN 1..1000 LOOP EXECUTE format($sql$${sql}$sql$, n, n); END LOOP; END $do$`);
  await perform('CREATE TABLE "table, with ""an odd"" name of its own %s" (id int PRIMARY KEY, v text)');
  const name = (n) => `table, with "an odd" name of its own ${n}`;
  const all = await bothPlugins(scene, db, { tables: numbers.map((n) => ({ name: `public."${name(n).replaceAll('"', '""')}"` })) });
  const insert = (value) => perform(`INSERT INTO "table, with ""an odd"" name of its own %s" VALUES (${value}, 'row %s')`);
  await insert(1);
  /** The events of all tables, COUNT of each. */
  const read = async (walpiper, count) => {
    const events = [];
    for (let first = 0; first < numbers.length; first += 100)
      events.push(
        ...(await Promise.all(
          numbers.slice(first, first + 100).map((n) => eventsOf(walpiper, `/streams/${encodeURIComponent(name(n))}`, count)),
        )),
      );
    return events;
  };
  const [a, b] = [await read(all[0], 1), await read(all[1], 1)];
  assert.deepEqual(a, b);
  assert.deepEqual(a.map(([text]) => JSON.parse(text).new_record.v), numbers.map((n) => `row ${n}`));
  for (const walpiper of all) await walpiper.restart();
  await insert(2);
  for (const walpiper of all) {
    const events = await read(walpiper, 2);
    assert.deepEqual(events.map(([, text]) => JSON.parse(text).name), numbers.map(name));
    assert.ok(walpiper.memory().peak < 64 * 1024, `walpiper had ${walpiper.memory().peak} KiB resident`);
  }
});

scenario('a spool without room: DOWN with a clear error, and goes on by itself when there is room', { skip: namesUnavailable() }, async (scene) => {
  const db = await scene.database();
  await db.query('CREATE TABLE rows (id int PRIMARY KEY, filler text)');
  const walpiper = scene.unstarted(db, { tables: [{ name: 'public.rows' }], slot: { plugin: 'pgoutput' } });
  const disk = scene.directory();
  walpiper.config.journal.path = `${disk}/journal`;
  walpiper.wrapper = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o size=12m none "$0" && exec "$@"', disk];
  await walpiper.start();
  const stream = await walpiper.subscribe('/streams/rows', { keep: false });
  await db.query(`INSERT INTO rows SELECT n, repeat('f', 200) FROM generate_series(1, 100000) n`);
  await until('health is DOWN', async () => (await health(walpiper))?.code === 503);
  assert.match((await health(walpiper)).body, new RegExp(`kept in ${disk}/journal until its commit: No space left on device; make`));
  assert.equal(stream.received, 0);
  const errors = () => walpiper.logText().split('\n').filter((line) => line.includes('level=error'));
  assert.equal(errors().length, 1, walpiper.logText());
  const { code, stderr } = await run('nsenter', [`--mount=/proc/${walpiper.child.pid}/ns/mnt`, 'mount', '-o', 'remount,size=300m', disk]);
  assert.equal(code, 0, stderr);
  await stream.until('all rows', () => stream.received === 100_000, 60_000);
  assert.equal((await health(walpiper)).code, 200);
  assert.equal(errors().length, 1, walpiper.logText());
});
