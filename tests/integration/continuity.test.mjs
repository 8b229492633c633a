// The journal against the server: when the server is not what the journal was filled from any more, a
// new epoch begins and subscribers are told. When it only has another number, nothing is lost.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { assert, assertInOrder, binary, Follower, run, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';
import { captured } from './harness/journal.mjs';
import { Load } from './harness/load.mjs';

const say = (db, message, rows = 1) =>
  db.query(`INSERT INTO comments (post_id, message) SELECT 1, $1 || ' ' || n FROM generate_series(1, $2::int) n`, [
    message,
    rows,
  ]);

/** A server of its own with a walpiper that has captured something, and both stopped. */
async function prepare(scene, plugin) {
  const server = await scene.postgres();
  const db = await scene.database({ server, files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, slot: { plugin } });
  await say(db, 'kept', 3);
  await captured(walpiper);
  await walpiper.stop();
  await server.stop();
  return { server, db, walpiper };
}

/** All of the server's directory, as a backup that was made while it was down. */
async function copy(scene, server) {
  const place = join(scene.directory(), 'data');
  const { code, stderr } = await run('cp', ['-a', server.data, place]);
  assert.equal(code, 0, stderr);
  return place;
}

async function putBack(server, place) {
  rmSync(server.data, { recursive: true });
  const { code, stderr } = await run('cp', ['-a', place, server.data]);
  assert.equal(code, 0, stderr);
}

/** Recovers to the end of the WAL that it has, and begins a new timeline. */
async function promote(server) {
  writeFileSync(join(server.data, 'recovery.signal'), '');
  await server.start({ restore_command: '/bin/false' });
  const { db } = server;
  await until('the server is promoted', async () => !(await db.value('SELECT pg_is_in_recovery()')));
}

/** What was committed after the copy is captured, and the last id that its subscriber got. */
async function goOn(server, db, walpiper) {
  await server.start();
  await walpiper.start();
  const stream = await walpiper.subscribe('/streams/comments');
  await say(db, 'lost', 20);
  const frames = await stream.first(20);
  await captured(walpiper);
  await walpiper.stop();
  await server.stop();
  return frames.at(-1).id;
}

async function journalFinding(walpiper) {
  const { stdout } = await run(binary, ['check', '--json', '-c', walpiper.file]);
  const lines = JSON.parse(stdout);
  const list = Array.isArray(lines) ? lines : lines.findings;
  return list.find(({ object }) => object.startsWith('journal'));
}

/** A new epoch for REASON: one line, a reset, all that was written since the copy (MESSAGES), the read
 *  model. The slot may send what it had before the copy, too: a server keeps on disk what was confirmed
 *  only now and then. */
async function beginsAnew(db, walpiper, lastEventId, { reason, messages }) {
  await walpiper.start();
  await until('a new epoch begins', () => walpiper.logText().match(/level=warn.*epoch [0-9a-f]{8} begins/));
  await walpiper.healthy();
  const told = walpiper.logText().match(/level=warn.*epoch [0-9a-f]{8} begins.*/g);
  assert.equal(told.length, 1, told.join('\n'));
  assert.match(told[0], reason);
  const again = await walpiper.subscribe('/streams/comments', { lastEventId });
  const reset = await again.find('a reset', ({ event }) => event === 'reset');
  assert.equal(JSON.parse(reset.data).reason, 'epoch');
  await say(db, 'after');
  const all = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
  const seen = () => all.events.map(({ data }) => JSON.parse(data).new_record.message);
  await all.until('what was written last', () => seen().at(-1) === 'after 1');
  assert.deepEqual(
    seen().filter((message) => !message.startsWith('kept')),
    [...messages, 'after 1'],
  );
  await until('the read model is computed anew', async () =>
    isDeepStrictEqual(await counts(db), await countsFromScratch(db)),
  );
}

const numbered = (message, rows) => Array.from({ length: rows }, (_, n) => `${message} ${n + 1}`);

for (const plugin of ['wal2json', 'pgoutput']) {
  scenario(`${plugin}: a backup that was put back is another history, with one warning and a reset`, async (scene) => {
    const { server, db, walpiper } = await prepare(scene, plugin);
    const backup = await copy(scene, server);
    const last = await goOn(server, db, walpiper);
    await putBack(server, backup);
    await server.start();
    const finding = await journalFinding(walpiper);
    assert.equal(finding.level, 'warning', finding.text);
    assert.match(finding.text, /gone back to before the end of the journal/);
    await beginsAnew(db, walpiper, last, { reason: /gone back to before the end of the journal/, messages: [] });
  });

  scenario(`${plugin}: a backup that was put back and written to loses nothing of what was written`, async (scene) => {
    const { server, db, walpiper } = await prepare(scene, plugin);
    const backup = await copy(scene, server);
    const last = await goOn(server, db, walpiper);
    await putBack(server, backup);
    await server.start();
    await say(db, 'other', 400);
    await db.query('SELECT pg_switch_wal()'); // far past where the journal ends
    await say(db, 'further');
    await beginsAnew(db, walpiper, last, {
      reason: /other transactions than the journal in the same place/,
      messages: [...numbered('other', 400), 'further 1'],
    });
  });
}

scenario('a backup that was put back and has only grown is found out before it is confirmed', async (scene) => {
  const { server, db, walpiper } = await prepare(scene, 'pgoutput');
  const backup = await copy(scene, server);
  const last = await goOn(server, db, walpiper);
  await putBack(server, backup);
  await server.start();
  await db.query('CREATE TABLE unmarked AS SELECT n FROM generate_series(1, 1000) n');
  await db.query('SELECT pg_switch_wal()');
  await db.query('CHECKPOINT');
  await beginsAnew(db, walpiper, last, { reason: /other transactions than the journal/, messages: [] });
});

scenario('a new timeline that begins after the end of the journal changes nothing', async (scene) => {
  const { server, db, walpiper } = await prepare(scene, 'pgoutput');
  server.db = db;
  await server.start();
  await walpiper.start();
  const before = await walpiper.subscribe('/streams/comments');
  await say(db, 'before');
  const [frame] = await before.first(1);
  await captured(walpiper);
  await walpiper.stop();
  await server.stop();

  await promote(server);
  await say(db, 'on the new timeline');
  const finding = await journalFinding(walpiper);
  assert.equal(finding.level, 'ok', finding.text);
  await walpiper.start();
  const after = await walpiper.subscribe('/streams/comments', { lastEventId: frame.id });
  const [next] = await after.first(1);
  assert.equal(JSON.parse(next.data).new_record.message, 'on the new timeline 1');
  assertInOrder([frame.id, next.id]);
  assert.match(walpiper.logText(), /goes on as timeline 2/);
  await walpiper.restart();
  assert.equal(walpiper.logText().match(/goes on as timeline/g).length, 1, 'the journal keeps the number');
  assert.equal(walpiper.logText().match(/epoch [0-9a-f]{8} begins/g).length, 1);
});

scenario('a new timeline that left before the end of the journal is another history', async (scene) => {
  const { server, db, walpiper } = await prepare(scene, 'pgoutput');
  server.db = db;
  const backup = await copy(scene, server);
  const last = await goOn(server, db, walpiper);
  await putBack(server, backup);
  await promote(server);
  await say(db, 'other', 400);
  await db.query('SELECT pg_switch_wal()');
  await say(db, 'further');
  const finding = await journalFinding(walpiper);
  assert.equal(finding.level, 'warning', finding.text);
  assert.match(finding.text, /timeline has branched off before the end of the journal/);
  await beginsAnew(db, walpiper, last, {
    reason: /timeline has branched off before the end of the journal/,
    messages: [...numbered('other', 400), 'further 1'],
  });
});

for (const plugin of ['wal2json', 'pgoutput']) {
  const name = `${plugin}: crashes of a server that does not wait for its disk are no other history`;
  scenario(name, { timeout: 240_000 }, async (scene) => {
    const server = await scene.postgres({ synchronous_commit: 'off', wal_writer_delay: '10s' });
    const db = await scene.database({ server, files: blogFiles });
    const walpiper = await scene.walpiper(db, { ...blog, slot: { plugin } });
    const follower = new Follower(walpiper, '/streams/comments');
    scene.defer(() => follower.stop());
    const load = new Load(db);
    scene.defer(() => load.stop());
    for (const whom of ['server', 'both', 'server', 'both']) {
      const goal = load.transactions + 50;
      await until('the load goes on', () => load.transactions >= goal);
      if (whom === 'both') await walpiper.kill();
      await server.restart('SIGQUIT');
      if (whom === 'both') await walpiper.start();
    }
    await load.stop();
    await walpiper.healthy();
    await captured(walpiper);
    const inserted = () => follower.events.filter(({ event }) => event === 'insert').length;
    const all = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
    const rows = Number(await db.value('SELECT count(*) FROM comments'));
    await follower.until('the subscriber has each row', () => inserted() >= rows);
    assertInOrder(follower.events.map(({ id }) => id));
    all.close();
    assert.equal(walpiper.logText().match(/epoch [0-9a-f]{8} begins/g).length, 1);
  });
}
