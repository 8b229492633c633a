// A slot that is gone took changes with it: walpiper says so, serves what it has, and begins a new epoch
// only when a human wants it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { assert, binary, run, scenario, sleep, until } from './harness/lib.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';
import { captured } from './harness/journal.mjs';

/** Drops the slot although it is read: what an administrator may do in haste. */
function dropUnasked(db, walpiper) {
  return until('the slot is dropped', async () => {
    await db.query(
      'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1',
      [walpiper.slot],
    );
    return db
      .query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot])
      .then(() => true, () => false);
  });
}

/** The sessions of a process that was killed still do what it had sent them. */
function endOrphans(db) {
  return until('what was killed has no session left', () =>
    db.value(`WITH ended AS (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                             WHERE datname = current_database() AND application_name = 'walpiper')
              SELECT count(*) = 0 FROM ended`),
  );
}

/** A server that keeps 1 MB of WAL for a slot, and in its database a table that nobody streams. */
async function stingy(scene) {
  const server = await scene.postgres({ max_slot_wal_keep_size: '1MB', wal_keep_size: '0' });
  const db = await scene.database({ server, files: blogFiles });
  await db.query('CREATE TABLE noise (t text)');
  return db;
}

/** Writes until SLOT is lost. */
async function loseSlot(db, slot) {
  await until('the slot is lost', async () => {
    await db.query(`INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 5000)`);
    await db.query('SELECT pg_switch_wal()');
    await db.query('CHECKPOINT');
    return db.value(`SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = $1`, [slot]);
  });
}

/** Waits until health is DOWN because of the slot; the reason. */
function down(walpiper, cause = /does not exist any more/) {
  return until('health is DOWN because of the slot', async () => {
    const health = await walpiper.request('/manage/health').catch(() => null);
    if (health?.status !== 503) return false;
    const { reason } = JSON.parse(health.body);
    return cause.test(reason) && reason.replace(/^capture: /, '');
  });
}

const marker = (walpiper) => `${walpiper.config.journal.path}/slot.dropped`;
const slotDrop = (walpiper) => run(binary, ['slot', 'drop', '-c', walpiper.file]);
const slots = (db) =>
  db.value('SELECT count(*)::int FROM pg_replication_slots WHERE database = current_database()');
const comment = (db, message) =>
  db.query('INSERT INTO comments (post_id, message) VALUES (1, $1)', [message]);
const messageOf = (frame) => JSON.parse(frame.data).new_record.message;
const epochOf = (frame) => frame.id.slice(0, 8);
const isReset = (frame) => frame.event === 'reset';

/** One event through the stream: its frame. */
async function throughStream(db, walpiper, message) {
  const stream = await walpiper.subscribe('/streams/comments');
  await comment(db, message);
  const frame = await stream.find(message, (f) => f.event === 'insert');
  stream.close();
  return frame;
}

scenario('dropped while it is read: one error, DOWN, the journal is served, also after a restart', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const live = await walpiper.subscribe('/streams/comments');
  const toto = await walpiper.events('toto');
  await comment(db, 'a');
  await comment(db, 'b');
  const [first] = await live.first(2);
  await db.query(`INSERT INTO events (type, subscriber, payload) VALUES ('x', 'toto', '1'), ('x', 'toto', '2')`);
  const rows = await toto.first(2);
  await dropUnasked(db, walpiper);

  const reason = await down(walpiper);
  assert.match(reason, new RegExp(`slot ${walpiper.slot} does not exist`));
  assert.match(reason, /walpiper slot drop/);
  assert.match(reason, /slot\.recreate: true/);
  const told = walpiper.logText().split('\n').filter((line) => line.includes(reason));
  assert.equal(told.length, 1, walpiper.logText());
  assert.match(told[0], /level=error/);
  assert.equal(live.hasEnded, false);

  for (const restarted of [false, true]) {
    if (restarted) {
      await walpiper.stop();
      await walpiper.launch();
      assert.equal(await down(walpiper), reason);
    }
    const resumed = await walpiper.subscribe('/streams/comments', { lastEventId: first.id });
    assert.equal(messageOf((await resumed.first(1))[0]), 'b');
    const again = await walpiper.events('toto', { lastEventId: rows[0].id });
    assert.equal((await again.first(1))[0].id, rows[1].id);
    assert.equal(await slots(db), 0);
  }
  assert.equal((await walpiper.stop()).code, 0);
});

scenario('slot drop, while the service waits for it: a new epoch at once, reset, read models computed anew', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const before = await throughStream(db, walpiper, 'a');
  const live = await walpiper.subscribe('/streams/comments');
  await dropUnasked(db, walpiper);
  await down(walpiper);
  await db.query(`INSERT INTO posts (title) VALUES ('unseen')`);
  await comment(db, 'unseen');

  const { code, stdout } = await slotDrop(walpiper);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`^slot ${walpiper.slot}: does not exist any more; a running service, else`));
  await walpiper.healthy();
  const reset = await live.find('a reset', isReset);
  assert.equal(JSON.parse(reset.data).reason, 'epoch');
  await until('the marker has done its work', () => !existsSync(marker(walpiper)));

  await comment(db, 'b');
  const next = await live.find('the next event', (f) => f.event === 'insert');
  assert.equal(messageOf(next), 'b');
  assert.notEqual(epochOf(next), epochOf(before));
  const late = await walpiper.subscribe('/streams/comments', { lastEventId: before.id });
  assert.equal(JSON.parse((await late.find('a reset', isReset)).data).reason, 'epoch');
  await until('the read model is right', async () =>
    isDeepStrictEqual(await counts(db), await countsFromScratch(db)),
  );
});

scenario('slot drop, while the service is away: the next start begins a new epoch', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const before = await throughStream(db, walpiper, 'a');
  await walpiper.stop();
  await until('the slot is free', async () => (await slotDrop(walpiper)).code === 0);
  assert.equal(await slots(db), 0);
  assert.match(readFileSync(marker(walpiper), 'utf8'), new RegExp(`slot ${walpiper.slot} epoch ${epochOf(before)} `));
  await walpiper.start();
  assert.equal(existsSync(marker(walpiper)), false);
  assert.notEqual(epochOf(await throughStream(db, walpiper, 'b')), epochOf(before));
});

scenario('operators apply what the journal has, without a slot, and begin nothing anew', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  await until('the operator works', () => walpiper.logText().includes('every id is computed'));
  const before = await counts(db);
  const lock = await db.connect();
  await lock.query('BEGIN; LOCK TABLE post_with_comments_counts');
  await db.query(`INSERT INTO posts (title) SELECT 'p' || n FROM generate_series(1, 100) n`);
  await captured(walpiper);
  await walpiper.kill();
  await dropUnasked(db, walpiper);
  await endOrphans(db);
  await lock.query('COMMIT');
  lock.release();
  assert.deepEqual(await counts(db), before);

  const logged = walpiper.logText().length;
  await walpiper.launch();
  await down(walpiper);
  await until('the read model has caught up', async () =>
    isDeepStrictEqual(await counts(db), await countsFromScratch(db)),
  );
  assert.doesNotMatch(walpiper.logText().slice(logged), /computes every id anew/);
});

scenario('lost while it is read, or at the start: DOWN, and slot drop drops it too', async (scene) => {
  const db = await stingy(scene);
  const walpiper = await scene.walpiper(db, blog);
  const before = await throughStream(db, walpiper, 'a');
  walpiper.child.kill('SIGSTOP');
  await loseSlot(db, walpiper.slot);
  walpiper.child.kill('SIGCONT');
  const reason = await down(walpiper, /is lost/);
  assert.match(reason, /walpiper slot drop.*slot\.recreate/);

  await walpiper.stop();
  await walpiper.launch();
  assert.equal(await down(walpiper, /is lost/), reason);
  const stream = await walpiper.subscribe('/streams/comments?last_event_id=earliest');
  assert.equal(messageOf((await stream.first(1))[0]), 'a');
  assert.equal(await slots(db), 1);

  const { code, stdout } = await slotDrop(walpiper);
  assert.equal(code, 0);
  assert.match(stdout, /: dropped; a running service, else the next start, makes a new one/);
  await walpiper.healthy();
  assert.notEqual(epochOf(await throughStream(db, walpiper, 'b')), epochOf(before));
});

// The standby has a journal of its own, from a time when it had the slot.
scenario('a standby goes on waiting when the slot is lost to the one that had it, and leaves its operators alone', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const standby = await scene.walpiper(db, blog);
  await until('its operator works', () => standby.logText().includes('every id is computed'));
  await standby.stop();
  const walpiper = await scene.walpiper(db, { ...blog, slot: { name: standby.slot } });
  await until('its operator works', () => walpiper.logText().includes('every id is computed'));
  await standby.launch();
  await down(standby, /is being read by process/);
  await dropUnasked(db, walpiper);
  await down(walpiper);
  await down(standby);

  assert.equal((await slotDrop(walpiper)).code, 0);
  await walpiper.healthy();
  await down(standby, /is being read by process/);
  await db.query(`INSERT INTO posts (title) VALUES ('new')`);
  await until('the read model is right', async () =>
    isDeepStrictEqual(await counts(db), await countsFromScratch(db)),
  );
  await walpiper.kill();
  await standby.healthy();
});

scenario('slot.recreate: a slot that is gone or lost is replaced, with one warning', async (scene) => {
  const db = await stingy(scene);
  const walpiper = await scene.walpiper(db, { ...blog, slot: { recreate: true } });
  const epochs = [epochOf(await throughStream(db, walpiper, 'a'))];
  const warnings = () => walpiper.logText().split('\n').filter((line) => /level=warn.*epoch .* begins/.test(line));

  await dropUnasked(db, walpiper);
  await until('a new epoch begins', () => warnings().length === 1);
  await walpiper.healthy();
  epochs.push(epochOf(await throughStream(db, walpiper, 'b')));

  walpiper.child.kill('SIGSTOP');
  await loseSlot(db, walpiper.slot);
  walpiper.child.kill('SIGCONT');
  await until('a new epoch begins', () => warnings().length === 2);
  await walpiper.healthy();
  epochs.push(epochOf(await throughStream(db, walpiper, 'c')));

  await walpiper.stop();
  await dropUnasked(db, walpiper);
  await walpiper.start();
  epochs.push(epochOf(await throughStream(db, walpiper, 'd')));
  assert.equal(warnings().length, 3);
  assert.equal(new Set(epochs).size, 4);
});

scenario('a journal of another slot is no reason to wait: a new epoch, with a warning', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const before = await throughStream(db, walpiper, 'a');
  await walpiper.stop();
  const other = scene.unstarted(db, {
    ...blog,
    journal: { path: walpiper.config.journal.path },
    slot: { name: `${walpiper.slot}_b` },
  });
  await other.start();
  assert.match(other.logText(), /level=warn.*filled from another cluster, database or slot/);
  assert.notEqual(epochOf(await throughStream(db, other, 'b')), epochOf(before));
});

scenario('a marker of another epoch, of another slot, or that is none, begins no epoch', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const { slot } = walpiper;
  await dropUnasked(db, walpiper);
  await down(walpiper);
  for (const text of [
    `slot ${slot} epoch 00000000 dropped 2026-01-01T00:00:00Z\n`,
    `slot ${slot}_b epoch - dropped 2026-01-01T00:00:00Z\n`,
    `slot ${slot}\n`,
  ]) {
    await walpiper.stop();
    writeFileSync(marker(walpiper), text);
    const logged = walpiper.logText().length;
    await walpiper.launch();
    await down(walpiper);
    if (text.endsWith(`${slot}\n`)) {
      await until('it is told', () => /slot\.dropped is not what/.test(walpiper.logText().slice(logged)));
    }
    assert.equal(await slots(db), 0);
  }
  assert.equal((await slotDrop(walpiper)).code, 0);
  await walpiper.healthy();
});

scenario('slot drop with nothing to drop, and where there is no journal', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const away = scene.unstarted(db, blog);
  await away.configure();
  const nothing = await slotDrop(away);
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /does not exist on this server, and there is no journal .* on this machine; /);
  await db.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [away.slot]);
  const remote = await slotDrop(away);
  assert.equal(remote.code, 0, remote.stderr);
  assert.match(remote.stdout, /: dropped; there is no journal .* on this machine: run this again where/);
  assert.equal(await slots(db), 0);

  const walpiper = await scene.walpiper(db, blog);
  await walpiper.stop();
  walpiper.config.slot.name = `${walpiper.slot}_b`;
  await walpiper.configure();
  const other = await slotDrop(walpiper);
  assert.equal(other.code, 1);
  assert.match(other.stderr, /does not exist on this server, and journal .* is not of it; /);
});

// As a kill between the new slot and the new epoch leaves them; and as slot drop and the service leave
// them when they meet at the same moment.
scenario('a marker beside a slot: that epoch is over when it names it, and stays when it does not', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables });
  const first = epochOf(await throughStream(db, walpiper, 'a'));
  const startWith = async (epoch) => {
    await walpiper.stop();
    writeFileSync(marker(walpiper), `slot ${walpiper.slot} epoch ${epoch} dropped 2026-01-01T00:00:00Z\n`);
    await walpiper.start();
    assert.equal(existsSync(marker(walpiper)), false);
    return epochOf(await throughStream(db, walpiper, epoch));
  };
  assert.equal(await startWith('-'), first);
  const second = await startWith(first);
  assert.notEqual(second, first);
  assert.equal(await startWith(first), second);
});

// The word of slot drop is good for one epoch, wherever the service is killed: it is not lost, and what
// is left of it does not excuse the next loss.
scenario('kill -9 between slot drop and the new epoch, at random moments', { timeout: 300_000 }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { tables: blog.tables });
  const epochs = [epochOf(await throughStream(db, walpiper, '0'))];
  for (let round = 1; round <= 12; round++) {
    await dropUnasked(db, walpiper);
    await down(walpiper);
    if (round % 2 === 0) await walpiper.kill();
    assert.equal((await slotDrop(walpiper)).code, 0);
    if (round % 2 === 0) await walpiper.launch();
    await sleep(Math.random() * (round % 2 === 0 ? 400 : 1300)); // the random moment
    await walpiper.kill();
    await walpiper.start();
    assert.equal(existsSync(marker(walpiper)), false);
    epochs.push(epochOf(await throughStream(db, walpiper, `${round}`)));
    assert.equal(new Set(epochs).size, round + 1);
  }
});
