// Every kind of frame that walpiper sends, by its bytes: read the same by a strict parser and by a naive
// one, whatever is in the rows.
import { assert, scenario, until } from '../integration/harness/lib.mjs';
import { blog, blogFiles } from '../integration/harness/blog.mjs';
import { startFaulty } from '../integration/harness/faults.mjs';
import { captured } from '../integration/harness/journal.mjs';
import { hsToken, tokenMs } from '../integration/harness/jwt.mjs';
import { naiveFrames, strictFrames } from './frames.mjs';
import { get } from './raw.mjs';
import { hostile, say, secret } from './troubles.mjs';

/** What both parsers read. */
function readTwice(bytes) {
  const strict = strictFrames(bytes);
  assert.deepEqual(naiveFrames(bytes), strict.frames);
  return strict;
}

const messageOf = ({ data }) => JSON.parse(data).new_record?.message;

scenario('a stream of a topic: reset, keepalive, comments, events of any content and size, expired, retry', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const { walpiper, faults } = await startFaulty(scene, db, { ...blog, http: { heartbeat: '200ms' }, auth: { mode: 'jwt', jwt: { secret } } });
  await db.query('DELETE FROM comments');
  await captured(walpiper);
  const Authorization = `Bearer ${hsToken(secret, { topics: 'comments' })}`;
  const stream = get(scene, walpiper, '/streams/comments', { Authorization, 'Last-Event-ID': '00000000-1-1' });
  await stream.head();
  await until('a keepalive', () => stream.bytes.includes('event: keepalive'));
  await say(db, hostile);
  await say(db, '\u00e9'.repeat(500_000));
  await say(db, '');
  await db.query('UPDATE comments SET rating = NULL; DELETE FROM comments; TRUNCATE comments');
  await until('the last event', () => stream.bytes.includes('event: truncate'));
  faults.clock(tokenMs);
  const { body } = await stream.end();
  const { frames, comments, retries } = readTwice(body);
  assert.deepEqual(frames.map(({ event }) => event), [
    ...['reset', 'keepalive', 'insert', 'insert', 'insert'],
    ...['update', 'update', 'update', 'delete', 'delete', 'delete', 'truncate', 'expired'],
  ]);
  assert.deepEqual(frames.slice(2, 5).map(messageOf), [`${hostile}1`, `${'\u00e9'.repeat(500_000)}1`, '1']);
  assert.deepEqual(frames.filter(({ id }) => id === undefined).map(({ event }) => event), ['reset', 'expired']);
  for (const { id, event, data } of frames) {
    if (id && event !== 'keepalive') assert.equal(JSON.parse(data).id, id);
  }
  assert.ok(comments > 0);
  assert.equal(retries.length, 1);
  assert.ok(body.toString().endsWith(`event: expired\ndata: {}\n\nretry: ${retries[0]}\n\n`), 'the goodbye comes last');
});

scenario('the feed of a consumer: heartbeats, rows of any type and payload, replayed and live, and the goodbye', async (scene) => {
  const db = await scene.database();
  const walpiper = await scene.walpiper(db, { http: { heartbeat: '200ms', drain: '0s' } });
  const payload = { text: hostile, 'k"\n': [1.5, null, true, ''] };
  const insert = (type) => db.query(`INSERT INTO events (type, subscriber, payload) VALUES ($1, 'toto', $2)`, [type, JSON.stringify(payload)]);
  const types = ['insert', 'two\nlines: x\r\n\r\ndata: y', 'Ä \u{1F600}:', ''];
  for (const type of types) await insert(type);
  const stream = get(scene, walpiper, '/events', { 'X-Consumer-Id': 'toto', 'Last-Event-ID': '0' });
  await until('a heartbeat', () => stream.bytes.includes('event: heartbeat'));
  for (const type of types) await insert(type);
  await until('the last row', () => stream.bytes.includes('id: 8\n'));
  await walpiper.stop();
  const { body } = await stream.end();
  const { frames, retries } = readTwice(body);
  const beats = frames.filter(({ event }) => event === 'heartbeat');
  const rows = frames.filter(({ event }) => event !== 'heartbeat');
  assert.deepEqual(new Set(beats.map(({ id, data }) => [id, data].join())), new Set([',thump']));
  assert.deepEqual(rows.map(({ id }) => id), ['1', '2', '3', '4', '5', '6', '7', '8']);
  const shown = types.map((type) => type.replace(/[\r\n]/g, ' ') || undefined);
  assert.deepEqual(rows.map(({ event }) => event), [...shown, ...shown]);
  for (const { data } of rows) assert.deepEqual(JSON.parse(data), payload);
  assert.equal(retries.length, 1);
});

scenario('whoever is sent away gets a retry and nothing else', async (scene) => {
  const walpiper = await scene.walpiper(await scene.database({ files: blogFiles }), { ...blog, http: { max_connections_per_client: 1 } });
  await until('the request for its health is over', () => walpiper.connections() === 0);
  await get(scene, walpiper, '/streams/comments').head();
  const { body } = await get(scene, walpiper, '/streams/comments', { Accept: 'text/event-stream' }).end();
  const { frames, comments, retries } = readTwice(body);
  assert.deepEqual([frames, comments, retries.length], [[], 0, 1]);
});
