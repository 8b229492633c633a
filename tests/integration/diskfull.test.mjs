// A disk that is full, or fails: capture waits and says why, the server keeps its WAL, subscribers stay;
// when the disk is well again it goes on by itself, and nothing is lost or comes twice.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assert, assertInOrder, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { startFaulty } from './harness/faults.mjs';
import { captured } from './harness/journal.mjs';

const config = { ...blog, operators: [] };

const say = (db, message, rows = 200) =>
  db.query(
    `INSERT INTO comments (post_id, message)
     SELECT 1, $1 || ' ' || n || ' ' || repeat(md5(n::text), 20) FROM generate_series(1, $2::int) n`,
    [message, rows],
  );

const messages = (frames) =>
  frames.map(({ data }) => JSON.parse(data).new_record.message.split(' ').slice(0, 2).join(' '));

const numbered = (message, rows) => Array.from({ length: rows }, (_, n) => `${message} ${n + 1}`);

function down(walpiper, reason) {
  return until('health is DOWN', async () => {
    const answer = await walpiper.request('/manage/health').catch(() => null); // it may not listen yet
    return answer?.status === 503 && reason.test(answer.body);
  });
}

const positions = (db, walpiper) =>
  db.query('SELECT restart_lsn::text, confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = $1', [
    walpiper.slot,
  ]);

for (const [code, cause] of [
  ['ENOSPC', 'No space left on device'],
  ['EDQUOT', 'Disk quota exceeded'],
]) {
  scenario(`${code}: DOWN with cause and mend, WAL is kept, subscribers stay, then it goes on`, async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const { walpiper, faults } = await startFaulty(scene, db, config);
    const stream = await walpiper.subscribe('/streams/comments');
    await say(db, 'before');
    await stream.first(200);
    await captured(walpiper);

    faults.full(code);
    await say(db, 'full');
    const reason = new RegExp(`journal ${walpiper.config.journal.path}: cannot write: ${cause}; free some space`);
    await down(walpiper, reason);
    const kept = await positions(db, walpiper);
    const refused = faults.get('refused');
    await say(db, 'more');
    await until('it is tried again', () => faults.get('refused') > refused + 2);
    assert.deepEqual(await positions(db, walpiper), kept, 'confirmed what is not on disk');
    assert.ok(!stream.hasEnded, 'the subscriber was cut off');

    faults.full(null);
    await walpiper.healthy();
    assert.deepEqual(messages(await stream.first(600)), [
      ...numbered('before', 200),
      ...numbered('full', 200),
      ...numbered('more', 200),
    ]);
    assertInOrder(stream.events.map(({ id }) => id));
  });
}

scenario('killed and started on a disk that is still full: serves what it has, DOWN, then goes on', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const { walpiper, faults } = await startFaulty(scene, db, config);
  await say(db, 'before');
  await captured(walpiper);
  faults.full('ENOSPC');
  await say(db, 'full');
  await down(walpiper, /No space left/);
  await walpiper.kill();

  await walpiper.launch();
  await down(walpiper, /No space left/);
  const stream = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
  assert.deepEqual(messages(await stream.first(200)), numbered('before', 200));
  faults.full(null);
  await walpiper.healthy();
  assert.deepEqual(messages((await stream.first(400)).slice(200)), numbered('full', 200));
  assertInOrder(stream.events.map(({ id }) => id));
  assert.equal(walpiper.logText().match(/epoch [0-9a-f]{8} begins/g).length, 1);
});

for (const how of ['lost', 'reached', 'dropped']) {
  scenario(`syncs that fail (${how}): nothing is confirmed, also when the power goes then`, async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const { walpiper, faults } = await startFaulty(scene, db, config);
    const stream = await walpiper.subscribe('/streams/comments');
    await say(db, 'before');
    await captured(walpiper);
    faults.syncs(how);
    await say(db, 'failing');
    await down(walpiper, /cannot write: Input\/output error; check the disk/);
    const kept = await positions(db, walpiper);
    const failed = faults.get('failedSyncs');
    await until('it is tried again', () => faults.get('failedSyncs') > failed + 2);
    assert.deepEqual(await positions(db, walpiper), kept);
    assert.ok(!stream.hasEnded);
    faults.syncs('well');
    await walpiper.healthy();
    await stream.first(400);

    faults.syncs(how);
    await say(db, 'cut');
    await down(walpiper, /Input\/output error/);
    await faults.cut({ calls: 2, seed: 5 });
    faults.none();
    await walpiper.start();
    const again = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
    assert.deepEqual(messages(await again.first(600)), [
      ...numbered('before', 200),
      ...numbered('failing', 200),
      ...numbered('cut', 200),
    ]);
    assertInOrder(again.events.map(({ id }) => id));
  });
}

// In a user namespace of its own root would not be let in to the server's socket.
const apart = process.getuid() === 0 ? '-m' : '-rm';
const canMount = () => spawnSync('unshare', [apart, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

scenario(
  'a real file system of 6 MB that is full: DOWN with the cause, and on when there is room',
  { skip: canMount() ? false : 'unshare and mount of a tmpfs are not allowed here' },
  async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const walpiper = scene.unstarted(db, config);
    const place = join(walpiper.directory, 'small');
    mkdirSync(place);
    walpiper.config.journal.path = join(place, 'journal');
    const mount = `mount -t tmpfs -o size=6m tmpfs "$0" && head -c 5000000 /dev/zero > "$0/filler" && exec "$@"`;
    walpiper.wrapper = ['unshare', apart, 'sh', '-c', mount, place];
    await walpiper.start();
    const stream = await walpiper.subscribe('/streams/comments');
    let rows = 0;
    const isDown = async () => (await walpiper.request('/manage/health')).status === 503;
    while (!(await isDown())) {
      await say(db, `batch${rows}`, 500);
      rows += 500;
      assert.ok(rows < 100_000, 'the disk never was full');
    }
    await down(walpiper, /cannot write: No space left on device; free some space/);
    assert.ok(!/Input\/output error/.test(walpiper.logText()));
    rmSync(`/proc/${walpiper.child.pid}/root${place}/filler`);
    await walpiper.healthy();
    const frames = await stream.first(rows);
    assertInOrder(frames.map(({ id }) => id));
    assert.equal(new Set(messages(frames)).size, rows);
  },
);
