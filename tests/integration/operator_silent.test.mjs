// Connections of operators to a database that goes silent without closing anything: each is given up,
// told and made anew; one that works for long, or waits for a lock, is waited for; feeds and other
// operators go on meanwhile.
import { assert, scenario, until } from './harness/lib.mjs';
import { directions, proxy } from './harness/network.mjs';
import { lines } from './harness/things.mjs';

/** The promise is 30 s; the rest is for a machine that is busy with other tests. */
const noticed = { timeout: 33_000 };

/** An operator that notes the ids of TABLE in a table of its own name, in DATABASE. */
const noting = (name, database, table = 'things') => ({
  ...{ name, target: name, target_id: 'id', tables: { [table]: 'id' }, database },
  query: `INSERT INTO ${name} VALUES ($1) ON CONFLICT (id) DO UPDATE SET seen = ${name}.seen + 1`,
});

/** Stops what goes through the connection on which the sources are asked about far_things. */
function stallAsking(gate) {
  for (const link of gate.links)
    if (link.guards && link.far) for (const direction of directions) link.deaf.add(direction);
}

scenario('connections that go silent are given up within 30 s and made anew, and all else goes on', async (scene) => {
  const db = await scene.database();
  const models = await scene.database();
  const ways = { both: directions, there: ['to server'], back: ['to client'] };
  const behind = Object.keys(ways).map((way) => `silent_${way}`);
  const names = [...behind, 'mute', 'locked', 'asking'];
  await models.query(names.map((name) => `CREATE TABLE ${name} (id bigint PRIMARY KEY, seen int DEFAULT 1)`).join(';'));
  await db.query(`CREATE TABLE things (id int PRIMARY KEY); CREATE TABLE far_things (id int PRIMARY KEY);
    CREATE TABLE here (id bigint PRIMARY KEY, seen int DEFAULT 1); INSERT INTO things VALUES (1); INSERT INTO far_things VALUES (1)`);
  const gates = {};
  for (const name of [...behind, 'mute', 'sources']) gates[name] = await proxy(scene, db.server);
  gates.sources.onData = (link, direction, chunk) => {
    link.guards ||= chunk.includes('pg_snapshot_xip');
    link.far ||= chunk.includes('far_things');
  };
  gates.mute.stall(directions, { spread: true });
  const walpiper = await scene.walpiper(db, {
    database: { url: gates.sources.url(db) },
    tables: [{ name: 'things' }, { name: 'far_things' }],
    operators: [
      ...[...behind, 'mute'].map((name) => noting(name, { url: gates[name].url(models) })),
      noting('locked', { url: models.url }),
      noting('asking', { url: models.url }, 'far_things'),
      noting('here'),
    ],
    retry: { min_restart_time: 20, max_restart_time: 200 },
    log: { level: 'debug' },
  });
  const has = (name, id) => (name === 'here' ? db : models).value(`SELECT EXISTS (SELECT FROM ${name} WHERE id = ${id})`);
  const all = (list, id) => until(`${list} have ${id}`, async () => (await Promise.all(list.map((name) => has(name, id)))).every(Boolean));
  await all([...behind, 'locked', 'asking', 'here'], 1);
  const feed = await walpiper.subscribe('/streams/things');
  const session = await models.connect();
  await session.query('BEGIN; INSERT INTO locked VALUES (2)');
  for (const [way, deaf] of Object.entries(ways)) gates[`silent_${way}`].stall(deaf);
  stallAsking(gates.sources);
  await db.query('INSERT INTO things VALUES (2); INSERT INTO far_things VALUES (2)');
  await feed.first(1);
  await all(['here'], 2);
  const told = (name, pattern) => lines(walpiper, new RegExp(`level=warn room="operator ${name}".*${pattern}`)).length;
  await until('mute is told', () => told('mute', 'its database: .*timeout expired'), noticed);
  gates.mute.heal();
  for (const link of gates.mute.links) link.destroy();
  for (const name of behind) {
    await until(`${name} is given up`, () => told(name, 'its database: the server has said nothing .* taken for dead'), noticed);
    await all([name], 2);
  }
  await until('asking is given up', () => told('asking', 'the database of its sources: the server has said nothing .* taken for dead'), noticed);
  await all(['asking', 'mute'], 2);
  await until('who waits for a lock is seen to be at work', () => lines(walpiper, /locked: the server says nothing .* its process is at work/).length);
  await session.query('ROLLBACK');
  session.release();
  await all(['locked'], 2);
  assert.equal(told('locked', '.'), 0, walpiper.logText());
  for (const name of [...behind, 'asking']) assert.equal(told(name, 'taken for dead'), 1, walpiper.logText());
  await walpiper.healthy();
});
