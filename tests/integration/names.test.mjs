// Host names: one that moves to another server, one that means several addresses, and a name server
// that never answers.
import { assert, Follower, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { directions, Names, namesUnavailable, proxy } from './harness/network.mjs';

const skip = namesUnavailable();
const host = 'db.walpiper.test';

/** A walpiper that knows its server as `host`. */
function named(scene, db, names, port, hosts = host) {
  const url = `postgresql://postgres@${hosts}:${port}/${db.name}`;
  const walpiper = scene.unstarted(db, { tables: blog.tables, database: { url } });
  walpiper.wrapper = names.wrapper;
  return walpiper;
}

const write = (db, message) => db.query('INSERT INTO comments (post_id, message) VALUES (1, $1)', [message]);

async function followed(scene, walpiper) {
  const comments = new Follower(walpiper, '/streams/comments');
  scene.defer(() => comments.stop());
  await until('the subscriber is there', () => comments.connections > 0);
  return comments;
}

const messages = (comments) => comments.events.map((frame) => JSON.parse(frame.data).new_record.message);

for (const [how, leave] of [
  ['the old address refuses', (old) => old.close()],
  ['the old address is silent', (old) => old.stall(directions, { spread: true })],
]) {
  scenario(`a name that moves to another address is followed, when ${how}`, { skip }, async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const old = await proxy(scene, db.server, '127.0.0.2');
    const fresh = await proxy(scene, db.server, '127.0.0.3', old.port);
    const names = new Names(scene.directory());
    names.set({ [host]: '127.0.0.2' });
    const walpiper = await named(scene, db, names, old.port).start();
    const comments = await followed(scene, walpiper);
    await write(db, 'before');
    await comments.until('the first', () => comments.events.length === 1);
    names.set({ [host]: '127.0.0.3' });
    await leave(old);
    await write(db, 'while it moves');
    await until('the new address is used', () => fresh.links.size > 0, { timeout: 33_000 });
    await write(db, 'after');
    await comments.until('all', () => comments.events.length >= 3);
    assert.deepEqual(messages(comments), ['before', 'while it moves', 'after']);
  });
}

scenario('a name with several addresses, and a list of hosts: the one that answers is taken', { skip }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const there = await proxy(scene, db.server, '127.0.0.3');
  const names = new Names(scene.directory());
  names.set({ [host]: ['127.0.0.2', '127.0.0.3'], 'gone.walpiper.test': '127.0.0.2' });
  await named(scene, db, names, there.port).start();
  const list = `gone.walpiper.test:${there.port},${host}`;
  const second = named(scene, db, names, there.port, list);
  second.config.slot.name = 'second';
  second.config.database.url += '?target_session_attrs=read-write';
  await second.start();
});

scenario('a host that accepts and is silent does not keep the next one from being tried', { skip }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const hung = await proxy(scene, db.server, '127.0.0.2');
  const well = await proxy(scene, db.server, '127.0.0.3', hung.port);
  hung.stall(directions, { spread: true });
  const names = new Names(scene.directory());
  names.set({ 'a.walpiper.test': '127.0.0.2', 'b.walpiper.test': '127.0.0.3' });
  const walpiper = named(scene, db, names, hung.port, `a.walpiper.test:${hung.port},b.walpiper.test`);
  await walpiper.launch();
  await walpiper.healthy(60_000);
  assert.ok(well.links.size > 0);
});

scenario('a name server that never answers stops nothing that runs', { skip }, async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const gate = await proxy(scene, db.server, '127.0.0.2');
  const names = new Names(scene.directory());
  names.set({ [host]: '127.0.0.2' });
  await names.silentServer(scene);
  const walpiper = await named(scene, db, names, gate.port).start();
  const comments = await followed(scene, walpiper);
  names.set({});
  // All connections but the stream are lost, and are made again: that needs the name.
  await until('the name server is asked', async () => {
    await db.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = 'walpiper' AND backend_type = 'client backend'
                    AND datname = current_database()`);
    return names.questions > 0;
  });
  await write(db, 'meanwhile');
  await comments.until('the event', () => comments.events.length === 1, 10_000);
  const lsn = await db.value('SELECT pg_current_wal_lsn()::text');
  await until(
    'it is confirmed',
    () =>
      db.value('SELECT confirmed_flush_lsn >= $2::text::pg_lsn FROM pg_replication_slots WHERE slot_name = $1', [walpiper.slot, lsn]),
    { timeout: 10_000 },
  );
  assert.equal((await walpiper.request('/manage/health')).status, 200);
  assert.equal((await walpiper.stop('SIGTERM', 10_000)).code, 0, 'it ends in good order');
});
