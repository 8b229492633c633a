// The power goes at any moment: what the slot was confirmed for is on disk, the journal goes on, and
// who comes back has each committed change once. What a disk may be left with: tests/faults.
import { isDeepStrictEqual } from 'node:util';
import { assert, assertInOrder, Follower, run, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { Faults } from './harness/faults.mjs';
import { Load, Replica } from './harness/load.mjs';

const cuts = 24;

/** What WALPIPER's journal has on disk for sure; 0 before there is one. Read with LMDB's own tool. */
async function mark(walpiper) {
  const { code, stdout } = await run('mdb_dump', ['-s', 'meta', walpiper.config.journal.path]);
  if (code !== 0) return 0n;
  const lines = stdout.split('\n').map((line) => line.trim());
  const state = lines.indexOf(Buffer.from('state').toString('hex'));
  return state < 0 ? 0n : BigInt(`0x${lines[state + 1].slice(0, 16)}`);
}

/** What the server no longer keeps for it; 0 before there is a slot. */
async function confirmed(walpiper) {
  const sql = `SELECT (confirmed_flush_lsn - '0/0')::text FROM pg_replication_slots WHERE slot_name = $1`;
  return BigInt((await walpiper.database.value(sql, [walpiper.slot])) ?? 0);
}

for (const plugin of ['wal2json', 'pgoutput']) {
  const name = `${plugin}: ${cuts} power cuts under load lose nothing that was confirmed`;
  scenario(name, { timeout: 240_000 }, async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const walpiper = scene.unstarted(db, { ...blog, operators: [], slot: { plugin } });
    const faults = new Faults(walpiper);
    await db.query('TRUNCATE posts, comments, events RESTART IDENTITY');
    await walpiper.start();
    const replica = new Replica();
    const follower = new Follower(walpiper, '/streams/comments', {
      onFrame: ({ event, data }) => {
        if (['insert', 'update', 'delete'].includes(event)) replica.apply(JSON.parse(data));
      },
    });
    scene.defer(() => follower.stop());
    await until('the subscriber is there', () => follower.connections > 0);
    const load = new Load(db, 2);
    scene.defer(() => load.stop());

    await faults.cut({ calls: 50, seed: 1 });
    for (let seed = 2; seed <= cuts; seed++) {
      const at = 1 + ((seed * 37) % 90);
      assert.ok((await confirmed(walpiper)) <= (await mark(walpiper)), `cut ${seed - 1}: confirmed, and not on disk`);
      faults.set('seed', seed);
      faults.set('cutAt', at);
      await walpiper.launch();
      await faults.untilCut();
    }
    assert.ok((await confirmed(walpiper)) <= (await mark(walpiper)));

    await walpiper.start();
    await load.stop();
    const rows = await db.query('SELECT id, post_id, message, rating FROM comments ORDER BY id');
    const seen = () =>
      [...replica.rows.values()]
        .sort((a, b) => a.id - b.id)
        .map(({ id, post_id, message, rating }) => ({ id: String(id), post_id: String(post_id), message, rating }));
    await follower.until('the subscriber has the rows of the table', () => isDeepStrictEqual(seen(), rows));
    assert.ok(rows.length > 100);
    assert.deepEqual(replica.problems, []);
    assertInOrder(follower.events.map(({ id }) => id));
    assert.equal(walpiper.logText().match(/epoch [0-9a-f]{8} begins/g).length, 1);
  });
}

scenario('power that goes while the journal is made leaves none that is damaged', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = scene.unstarted(db, { ...blog, operators: [] });
  const faults = new Faults(walpiper);
  for (let at = 1; at <= 8; at++) {
    faults.set('seed', at);
    faults.set('cutAt', at);
    await walpiper.launch();
    await faults.untilCut();
  }
  await walpiper.start();
  const stream = await walpiper.subscribe('/streams/comments');
  await db.query(`INSERT INTO comments (post_id, message) VALUES (1, 'a')`);
  await stream.first(1);
});
