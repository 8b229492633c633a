// Tables that are altered by a transaction whose commit walpiper has before other sessions see it. The
// catalog, which another session is asked for, is then from before it.
import { assert, request, scenario, until, within } from './harness/lib.mjs';
import { assertColumnsNow, changes, fillTable, makeTable, work } from './harness/altered.mjs';
import { both, plugins, sameEvents } from './harness/both.mjs';
import { capturedEvents } from './harness/journal.mjs';

scenario('what one transaction makes and alters, and writes to, is known before its events are made, though nobody sees its commit yet', async (scene) => {
  const db = await scene.database({ server: await scene.postgres() });
  const kinds = Object.keys(changes);
  await db.query('CREATE PUBLICATION p FOR ALL TABLES');
  for (const t of kinds) await makeTable(db, t, 'FULL');
  const walpipers = await both(scene, db, { publication: 'p' });
  for (const t of kinds) await fillTable(db, t);
  await db.server.holdCommits();
  // wal2json reads the index of a primary key, and waits itself for who has made or rebuilt one.
  const made = ['CREATE TABLE made (id int, v text)', `INSERT INTO made VALUES (1, 'a')`];
  const altered = kinds.flatMap((t) => [changes[t](t), ...work(t, 'update')]);
  const client = await db.connect();
  const commit = client.query(['BEGIN', ...made, ...altered, 'COMMIT'].join('; '));
  commit.catch(() => {}); // should this fail before it is let go
  const waiting = `SELECT count(*)::int FROM pg_stat_activity WHERE query ~ 'pg_current_snapshot' AND pid <> pg_backend_pid()`;
  await until('both wait for it', async () => (await db.value(waiting)) === plugins.length);
  await walpipers.pgoutput.restart();
  for (const plugin of plugins) {
    const down = await until(`health says so, with ${plugin}`, async () => {
      const answer = await request(`${walpipers[plugin].base}/manage/health`);
      return answer.status === 503 && answer;
    });
    assert.match(down.body, /other sessions do not see it yet/);
  }
  assert.equal(await db.value(`SELECT to_regclass('made')`), null, 'it is held back');
  await db.server.releaseCommits();
  await commit;
  client.release();
  for (const plugin of plugins) await walpipers[plugin].healthy();
  const events = await sameEvents(walpipers);
  assert.equal(events.length, 1 + kinds.length * (2 + 6));
  assert.deepEqual(events.find((event) => event.name === 'made').new_record, { id: 1, v: 'a' });
  await assertColumnsNow(db, kinds, events);
});

scenario('a commit that waits for walpiper itself is not waited for', async (scene) => {
  const db = await scene.database({ server: await scene.postgres() });
  await makeTable(db, 'added', 'FULL');
  const walpipers = await both(scene, db, { tables: [{ name: 'public.added' }] });
  await fillTable(db, 'added');
  await db.server.set({ synchronous_standby_names: 'ANY 2 (*)' });
  const client = await db.connect();
  const altered = [`CREATE TYPE kind AS ENUM ('a')`, 'ALTER TABLE added ADD extra kind', ...work('added', 'update')];
  await within('the commit', 30_000, client.query(['BEGIN', ...altered, 'COMMIT'].join('; ')));
  client.release();
  for (const plugin of plugins) assert.equal((await capturedEvents(walpipers[plugin])).length, 2 + 6);
});
