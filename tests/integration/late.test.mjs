// GET /events beyond the journal: rows that committed late, behind greater ids, come in the order of
// their commits, also when only the table has them.
import { assert, Follower, scenario, sleep, Subscription, until } from './harness/lib.mjs';
import { scrape } from './harness/metrics.mjs';

const insert = `INSERT INTO events (type, subscriber, payload) VALUES ('insert', $1, to_jsonb($2::text)) RETURNING id`;
const tiny = { journal: { retention: { bytes: '4kB' } } };

/** Rows of another consumer until the journal has none of TOTO's. */
async function pushOut(db, walpiper, writer = db) {
  const toto = Number(await db.value(`SELECT pg_current_wal_insert_lsn() - '0/0'`));
  await until("the journal has none of TOTO's", async () => {
    for (let n = 0; n < 40; n++) await writer.query(insert, ['filler', `${n} ${'x'.repeat(20)}`]);
    return (await scrape(walpiper)).sum('walpiper_journal_oldest_lsn') > toto;
  });
}

const ids = (frames) => frames.map((frame) => Number(frame.id));

async function open(db) {
  const client = await db.connect();
  await client.query('BEGIN');
  const [{ id }] = (await client.query(insert, ['toto', 'late'])).rows;
  const commit = async () => {
    await client.query('COMMIT');
    client.release();
  };
  return { id: Number(id), commit };
}

const write = async (db) => Number((await db.query(insert, ['toto', 'x']))[0].id);

scenario('a late row that only the table has comes to who had a greater one', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, tiny);
  const toto = await walpiper.events('toto');
  const late = await open(db);
  const first = await write(db);
  assert.deepEqual(ids(await toto.first(1)), [first]);
  toto.close();
  await late.commit();
  const next = await write(db);
  const all = await walpiper.events('toto', { lastEventId: String(first) });
  assert.deepEqual(ids(await all.first(2)), [late.id, next], 'while the journal has them');
  await pushOut(db, walpiper);
  const again = await walpiper.events('toto', { lastEventId: String(first) });
  assert.deepEqual(ids(await again.first(2)), [late.id, next]);
  const behind = await walpiper.events('toto', { lastEventId: String(late.id) });
  assert.deepEqual(ids(await behind.first(1)), [next], 'what came before it does not come again');
});

scenario('cut after any row, a client gets what follows, each row once, in the order of commits', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, tiny);
  const witness = await walpiper.events('toto');
  const [one, two] = [await open(db), await open(db)];
  await write(db);
  await two.commit();
  await write(db);
  const three = await open(db);
  await write(db);
  await write(db);
  await one.commit();
  await three.commit();
  await write(db);
  const order = ids(await witness.first(8));
  assert.notDeepEqual(order, order.toSorted((a, b) => a - b));
  await pushOut(db, walpiper);
  for (const round of ['as it is', 'after a restart']) {
    for (const [n, id] of order.entries()) {
      const client = await walpiper.events('toto', { lastEventId: String(id) });
      assert.deepEqual(ids(await client.first(7 - n)), order.slice(n + 1), `${round}, after ${id}`);
      client.close();
    }
    await walpiper.restart();
  }
  const last = await walpiper.events('toto', { lastEventId: String(order.at(-1)) });
  const live = await write(db);
  assert.deepEqual(ids(await last.first(1)), [live], 'nothing comes twice');
});

scenario('a row whose commit the server does not show yet is waited for, though the journal has it no more', async (scene) => {
  const server = await scene.postgres();
  const db = await scene.database({ server });
  const walpiper = await scene.walpiper(db, tiny);
  const witness = await walpiper.events('toto');
  const first = await write(db);
  const held = await open(db);
  await server.holdCommits();
  const committed = held.commit();
  committed.catch(() => {}); // should this fail before it is let go
  await witness.first(2); // it is in the log
  const others = await db.connect();
  await others.query('SET synchronous_commit = local');
  for (let n = 0; n < 3; n++) await others.query(insert, ['toto', 'shows at once']);
  const order = ids(await witness.first(5));
  assert.equal(order[1], held.id);
  await pushOut(db, walpiper, others);
  const clients = [];
  for (const id of [first, held.id, order[2]]) clients.push(await walpiper.events('toto', { lastEventId: String(id) }));
  const asked = new Set();
  const pages = `SELECT query_start::text AS at FROM pg_stat_activity WHERE query ~ 'pg_current_wal_insert_lsn' AND pid <> pg_backend_pid()`;
  await until('pages were read, more than once for each', async () => {
    for (const { at } of await db.query(pages)) asked.add(at);
    return asked.size > 6;
  });
  assert.equal(await db.value(`SELECT count(*)::int FROM events WHERE id = ${held.id}`), 0, 'it is held back');
  const headers = { 'X-Consumer-Id': 'toto', Accept: 'application/json' };
  const pull = await (await fetch(`${walpiper.base}/events?after=${first}`, { headers })).json();
  assert.deepEqual([pull.events, pull.next], [[], first], 'a pull is not led past it either');
  for (const client of clients) assert.deepEqual(client.events, [], 'nothing that comes after it');
  await server.releaseCommits();
  await committed;
  others.release();
  for (const [n, client] of clients.entries()) {
    const rest = n === 2 ? order.slice(3) : order.slice(n + 1);
    assert.deepEqual(ids(await client.first(rest.length)), rest);
  }
});

/** Comes and goes all the time, and is away for longer than the journal keeps a row. */
class Fickle extends Follower {
  async run() {
    while (!this.stopped && !this.error) {
      const onFrame = (frame) => this.frame(frame);
      const options = { headers: this.headers, lastEventId: this.lastId, keep: false, onFrame };
      this.current = new Subscription({ url: this.walpiper.base + this.path, ...options });
      await this.current.open();
      this.connections++;
      await Promise.race([this.current.ended, sleep(5 + Math.random() * 150)]);
      this.current.close();
      await this.current.ended;
      this.error = this.current.error;
      await sleep(200 + Math.random() * 300);
    }
  }
}

scenario('clients that come and go in a storm of writers, always beyond the journal', { timeout: 180_000 }, async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, { journal: { retention: { bytes: '32kB' } } });
  const headers = { 'X-Consumer-Id': 'toto' };
  const first = await write(db);
  const path = `/events?last_event_id=${first}`; // until there is a later one, which the header tells
  const witness = new Follower(walpiper, path, { headers });
  const fickle = Array.from({ length: 4 }, () => new Fickle(walpiper, path, { headers }));
  scene.defer(() => Promise.all([witness, ...fickle].map((one) => one.stop())));
  await until('the witness is there', () => witness.connections > 0);
  const writer = async (n) => {
    const client = await db.connect();
    for (let round = 0; round < 120; round++) {
      await client.query('BEGIN');
      await client.query(insert, ['toto', `${n}-${round}`]);
      if (round % 3 === 0) await client.query(insert, ['filler', 'x'.repeat(50)]);
      await sleep(Math.random() * (round % 20 === 0 ? 100 : 10));
      await client.query(Math.random() < 0.05 ? 'ROLLBACK' : 'COMMIT');
    }
    client.release();
  };
  await Promise.all([1, 2, 3, 4, 5, 6].map(writer));
  const count = Number(await db.value(`SELECT count(*) FROM events WHERE subscriber = 'toto'`)) - 1;
  await witness.until('the witness has all', () => witness.events.length >= count);
  const order = ids(witness.events);
  assert.equal(new Set(order).size, count);
  assert.notDeepEqual(order, order.toSorted((a, b) => a - b), 'some were late');
  assert.equal(witness.connections, 1, 'the witness never left');
  for (const one of fickle) {
    await one.until('all rows', () => one.events.length >= count);
    assert.deepEqual(ids(one.events), order);
    assert.ok(one.connections > 2);
  }
});
