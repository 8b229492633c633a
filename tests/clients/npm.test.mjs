// The libraries of npm that read event streams, as their users have them: what they are given, and that
// they come back by themselves after everything that can end a stream.
import { describe } from 'node:test';
import { assert, assertInOrder, scenario, until } from '../integration/harness/lib.mjs';
import { blog, blogFiles } from '../integration/harness/blog.mjs';
import { startFaulty } from '../integration/harness/faults.mjs';
import { captured } from '../integration/harness/journal.mjs';
import { hsToken, now, tokenMs } from '../integration/harness/jwt.mjs';
import { clients } from './clients.mjs';
import { recorder } from './recorder.mjs';
import { fillUp, hostile, isTold, loseContinuity, say, secret } from './troubles.mjs';

const names = Object.keys(clients);

/** One of each library, each with a wire of its own: {name: {client, wire}}. */
async function openAll(scene, walpiper, path, options) {
  const all = {};
  for (const name of names) {
    const wire = await recorder(scene, walpiper);
    const client = clients[name](wire.base + path, options);
    scene.defer(() => client.close());
    all[name] = { client, wire };
  }
  return all;
}

function untilAll(what, all, condition) {
  const check = ([name, { client, wire }]) => {
    if (client.gaveUp) throw new Error(`${name} gave up before: ${what}: ${client.gaveUp}`);
    return condition(client, wire);
  };
  return until(what, () => Object.entries(all).every(check), { timeout: 60_000 }).catch((error) => {
    const seen = Object.entries(all).map(([name, { client }]) => `${name}: ${client.opens} opens, ${client.events.length} events`);
    throw new Error(`${error.message}; ${seen.join('; ')}`);
  });
}

const connected = (times) => (client) => client.opens >= times;
const withEvents = (count) => (client) => client.events.length >= count;
const asMessages = (frames) => frames.map(({ event, id, data }) => ({ type: event, id, data }));

/** Each connection but the first begins no sooner than the one before it was told with retry:. */
function assertRetryHonoured(name, wire) {
  const [before, after] = wire.answered;
  const [, retry] = before.got.match(/retry: ([0-9]+)\n\n$/) ?? assert.fail(`${name}: no retry: at the end`);
  const waited = after.at - before.endedAt;
  assert.ok(waited >= Number(retry) - 50, `${name} came back after ${waited} ms, not after ${retry}`);
}

describe('clients of npm', { concurrency: true }, () => {
  scenario('each event comes once, in order and as it is, and a kill -9 of the server loses none', async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const walpiper = await scene.walpiper(db, blog);
    const all = await openAll(scene, walpiper, '/streams/comments');
    await untilAll('it is connected', all, connected(1));
    await say(db, hostile, 20);
    await say(db, '\u00e9'.repeat(500_000)); // 1 MB, cut anywhere on its way
    await db.query(`UPDATE comments SET message = 'changed' WHERE message LIKE 'é%'; DELETE FROM comments WHERE message = 'changed'`);
    await untilAll('the first events', all, withEvents(23));
    await walpiper.kill();
    await say(db, 'while it was down ', 50);
    await walpiper.start();
    await untilAll('it is back', all, connected(2));
    await say(db, 'after ', 2);
    await untilAll('all events', all, withEvents(75));
    const expected = asMessages(await (await walpiper.subscribe('/streams/comments', { lastEventId: 'earliest' })).first(75));
    assertInOrder(expected.map(({ id }) => id));
    assert.deepEqual([...new Set(expected.map(({ type }) => type))], ['insert', 'update', 'delete']);
    for (const [name, { client, wire }] of Object.entries(all)) {
      assert.deepEqual(client.events, expected, name);
      assert.equal(wire.requests.at(-1).headers['last-event-id'], expected[22].id, name);
    }
  });

  scenario('who has got no event yet has an id all the same, and misses none after a kill -9', async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const walpiper = await scene.walpiper(db, { ...blog, http: { heartbeat: '200ms' } });
    await say(db, 'for others');
    await captured(walpiper);
    const all = await openAll(scene, walpiper, '/streams/comments/99');
    await untilAll('it has an id', all, (client) => client.count('keepalive') > 0);
    await walpiper.kill();
    await db.query(`INSERT INTO comments (id, post_id, message) VALUES (99, 1, 'while it was down')`);
    await walpiper.start();
    await untilAll('the event', all, withEvents(1));
    for (const [name, { client }] of Object.entries(all)) assert.deepEqual(client.events.map(({ type }) => type), ['insert'], name);
  });

  scenario('the feed of a consumer: a stop ends it with a retry:, which is waited for, and nothing is lost', async (scene) => {
    const db = await scene.database();
    const walpiper = await scene.walpiper(db, { http: { heartbeat: '500ms', drain: '0s' } });
    const insert = (n) =>
      db.query(`INSERT INTO events (type, subscriber, payload) SELECT 'insert', 'toto', jsonb_build_object('n', n) FROM generate_series(1, $1::int) n`, [n]);
    const all = await openAll(scene, walpiper, '/events', { headers: { 'X-Consumer-Id': 'toto' } });
    await untilAll('it is connected', all, connected(1));
    await insert(3);
    await untilAll('a heartbeat behind the events', all, (client) => client.events.length >= 3 && client.messages.at(-1).type === 'heartbeat');
    await walpiper.stop();
    await insert(3);
    await walpiper.start();
    await untilAll('it is back with the others', all, withEvents(6));
    const expected = [1, 2, 3, 1, 2, 3].map((n, i) => ({ type: 'insert', id: `${i + 1}`, data: `{"n":${n}}` }));
    for (const [name, { client, wire }] of Object.entries(all)) {
      assert.deepEqual(client.events, expected, name);
      assert.ok(client.messages.every(({ type, data }) => type !== 'heartbeat' || data === 'thump'));
      assert.equal(wire.answered[1].sent.match(/last-event-id: (.*)\r\n/i)?.[1], '3', name);
      assertRetryHonoured(name, wire);
    }
  });

  scenario('when continuity is lost each is told with a reset, and goes on live', async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const walpiper = await scene.walpiper(db, blog);
    const all = await openAll(scene, walpiper, '/streams/comments');
    await untilAll('it is connected', all, connected(1));
    await say(db, 'of the first epoch');
    await untilAll('an event', all, withEvents(1));
    await loseContinuity(db, walpiper);
    await untilAll('it is told', all, (client) => client.count('reset') > 0);
    await say(db, 'of the second epoch');
    await untilAll('the next event', all, (client) => client.count('insert') === 2);
    for (const [name, { client }] of Object.entries(all)) {
      assert.ok(isTold(client.events.map(({ type }) => type)), name);
      assert.equal(JSON.parse(client.events[1].data).reason, 'epoch', name);
    }
  });

  scenario('a token that ends is told with expired; with a new one and the last id all goes on', async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const { walpiper, faults } = await startFaulty(scene, db, { ...blog, http: { heartbeat: '200ms' }, auth: { mode: 'jwt', jwt: { secret } } });
    const bearer = (exp) => ({ headers: { Authorization: `Bearer ${hsToken(secret, { topics: 'comments', exp })}` } });
    const all = await openAll(scene, walpiper, '/streams/comments', bearer(now() + tokenMs / 1000));
    await untilAll('it is connected', all, connected(1));
    await say(db, 'before');
    await untilAll('the event', all, withEvents(1));
    faults.clock(tokenMs);
    await untilAll('it is told', all, (client) => client.count('expired') === 1);
    await say(db, 'between');
    // None comes back with a token that has ended: the answer is 401.
    await until('all have given up, or try in vain', () => Object.values(all).every(({ client, wire }) => client.gaveUp || wire.answered.length > 1));
    for (const [name, { client, wire }] of Object.entries(all)) {
      const [inserted, expired] = client.events;
      assert.deepEqual([client.events.length, inserted.type, expired.type, expired.data], [2, 'insert', 'expired', '{}'], name);
      assert.match(wire.answered[1].got, /^HTTP\/1\.1 401 /, name);
      client.close();
      const again = clients[name](`${walpiper.base}/streams/comments?last_event_id=${inserted.id}`, bearer(now() + 2 * tokenMs / 1000));
      scene.defer(() => again.close());
      await until(`${name} goes on`, () => again.events.length >= 1);
      assert.equal(JSON.parse(again.events[0].data).new_record.message, 'between1');
    }
  });

  scenario('whoever finds no room is sent away with a retry:, and comes back by itself', async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const walpiper = await scene.walpiper(db, { ...blog, http: { max_connections: names.length, threads: 1 } });
    const others = await fillUp(walpiper, names.length);
    const all = await openAll(scene, walpiper, '/streams/comments');
    await untilAll('it is sent away', all, (client, wire) => wire.answered[0]?.endedAt);
    for (const other of others) other.close();
    await untilAll('it is back', all, connected(2));
    await say(db, 'to all');
    await untilAll('the event', all, withEvents(1));
    for (const [name, { client, wire }] of Object.entries(all)) {
      assert.deepEqual(client.events.map(({ type }) => type), ['insert'], name);
      assertRetryHonoured(name, wire);
    }
  });
});
