// The web-platform-tests of eventsource/ (https://github.com/web-platform-tests/wpt/tree/master/eventsource)
// where a server can make them go wrong: what each of them asks of a browser, what that asks of walpiper,
// and a test of it. The pages themselves are not run: they talk to scripts of their own server.
//
// Left out, for they concern the client alone: eventsource-constructor-*, eventsource-prototype,
// eventsource-eventtarget, eventsource-onmessage(-realm, -trusted), eventsource-onopen,
// eventsource-readyState, eventsource-url, eventsource-bfcache, eventsource-from-readable-stream(-fetch),
// interfaces, the same names in dedicated-worker/ and shared-worker/, request-post-to-connect, and how
// format-* wants odd streams to be read that walpiper never sends.
import { assert, scenario, until } from '../integration/harness/lib.mjs';
import { blog, blogFiles } from '../integration/harness/blog.mjs';
import { captured } from '../integration/harness/journal.mjs';
import { strictFrames } from '../clients/frames.mjs';
import { get, raw } from '../clients/raw.mjs';
import { hostile, say } from '../clients/troubles.mjs';

const origin = 'https://app.example';
const source = { Accept: 'text/event-stream', 'Cache-Control': 'no-cache' }; // what every browser sends
const cors = ({ headers }) => [headers['access-control-allow-origin'], headers['access-control-allow-credentials']];

/** Each gets {scene, walpiper, last}: comments of any content are in the journal, LAST is the id of the last one. */
const mirrored = {
  'format-mime-valid-bogus: the type is text/event-stream, whatever the path and the outcome': async ({ scene, walpiper, last }) => {
    const paths = ['/streams/comments', `/streams/comments?last_event_id=${last}`, '/streams/comments?last_event_id=nonsense', '/streams?topic=comments', '/events'];
    for (const path of paths) {
      const { status, headers } = await get(scene, walpiper, path, { ...source, 'X-Consumer-Id': 'toto' }).head();
      assert.deepEqual([status, headers['content-type'], headers['content-encoding']], [200, 'text/event-stream', undefined], path);
    }
  },

  'request-status-error: what may be well the next time is a 200, for any other status is for ever': async ({ scene, walpiper }) => {
    const well = { 'an id of another epoch': '00000000-1-1', 'an id that is none': 'nonsense', 'no id': '', 'a very long one': 'x'.repeat(4000) };
    for (const [what, id] of Object.entries(well)) {
      assert.equal((await get(scene, walpiper, '/streams/comments', { ...source, 'Last-Event-ID': id }).head()).status, 200, what);
    }
    // What is wrong for ever is told so, and no 204 or 205 tells a client to stop.
    for (const path of ['/streams/nowhere', '/nowhere']) {
      assert.match(String((await get(scene, walpiper, path, source).head()).status), /^40[04]$/);
    }
  },

  'request-accept: text/event-stream and */* get a stream': async ({ scene, walpiper }) => {
    for (const accept of ['text/event-stream', '*/*', 'text/event-stream, */*;q=0.5']) {
      const { headers } = await get(scene, walpiper, '/streams/comments', { Accept: accept }).head();
      assert.equal(headers['content-type'], 'text/event-stream', accept);
    }
  },

  'request-cache-control: no cache keeps or changes a stream': async ({ scene, walpiper }) => {
    const { headers } = await get(scene, walpiper, '/streams/comments', source).head();
    assert.equal(headers['cache-control'], 'no-cache, no-transform');
    assert.deepEqual([headers.age, headers.expires, headers.etag, headers['last-modified']], Array(4).fill(undefined));
  },

  'request-redirect: nobody is sent elsewhere': async ({ scene, walpiper }) => {
    for (const path of ['/streams/comments/', '//streams/comments', '/Streams/comments', '/streams/./comments', '/events/', '/', '/streams/public.comments']) {
      const { status, headers } = await get(scene, walpiper, path, source).head();
      assert.ok(status < 300 || status >= 400, `${path}: ${status}`);
      assert.equal(headers.location, undefined);
    }
  },

  'request-credentials, eventsource-cross-origin: a listed origin by its name, with credentials; no other': async ({ scene, walpiper }) => {
    const asked = async (from) => get(scene, walpiper, '/streams/comments', { ...source, Origin: from, Cookie: 'a=b' }).head();
    assert.deepEqual(cors(await asked(origin)), [origin, 'true']);
    for (const other of ['https://evil.example', 'http://app.example', `${origin}.evil.example`, 'null']) {
      assert.deepEqual(cors(await asked(other)), [undefined, undefined], other);
    }
  },

  'eventsource-cross-origin-preflight: ids need none, and one that comes is granted': async ({ scene, walpiper, last }) => {
    const { frames } = await replay(scene, walpiper);
    for (const { id } of frames) assert.match(id, /^[0-9A-Za-z-]{1,128}$/);
    const asks = `Origin: ${origin}\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: last-event-id\r\n`;
    const { status, headers } = await raw(scene, walpiper, `OPTIONS /streams/comments HTTP/1.1\r\nHost: a\r\n${asks}\r\n`).head();
    assert.deepEqual([status, headers['access-control-allow-origin']], [204, origin]);
    assert.match(headers['access-control-allow-headers'], /\bLast-Event-ID\b/);
    assert.equal((await get(scene, walpiper, '/streams/comments', { ...source, Origin: origin, 'last-event-id': last }).head()).status, 200);
  },

  'format-field-id, -id-2: the id sent back gives what is behind it, in header and in query': async ({ scene, walpiper }) => {
    const { frames } = await replay(scene, walpiper);
    const [first, ...others] = frames;
    for (const [path, headers] of [['', { 'Last-Event-ID': first.id }], [`?lastEventId=${first.id}`, {}], ['?lastEventId=earliest', { 'last-event-id': first.id }]]) {
      const again = get(scene, walpiper, `/streams/comments${path}`, { ...source, ...headers });
      await until('the last one', () => again.bytes.includes(`id: ${others.at(-1).id}\n`) && again.bytes.subarray(-2).equals(Buffer.from('\n\n')));
      assert.deepEqual(strictFrames(again.answer.body).frames, others);
    }
  },

  'format-field-id-3, -id-null: no id is empty or has a NUL, so none is ever forgotten; an empty one counts as none': async ({ scene, walpiper }) => {
    const { body } = await replay(scene, walpiper);
    assert.doesNotMatch(body.toString('latin1'), /^id:? *$|\0/m);
    const live = get(scene, walpiper, '/streams/comments', { ...source, 'Last-Event-ID': '' });
    await until('it begins', () => live.answer?.body.length > 0);
    assert.equal(live.answer.body.toString(), ':\n');
    const { status } = await raw(scene, walpiper, 'GET /streams/comments HTTP/1.1\r\nHost: a\r\nLast-Event-ID: a\0b\r\n\r\n').head();
    assert.equal(status, 400);
  },

  'format-bom, format-utf-8, format-null-character, format-newlines, format-field-*: nothing is open to interpretation': async ({ scene, walpiper }) => {
    const { frames } = await replay(scene, walpiper); // strictFrames() has read it
    assert.equal(JSON.parse(frames[0].data).new_record.message, `${hostile}1`);
  },

  'format-comments: a comment comes at once, and is no event': async ({ scene, walpiper }) => {
    const stream = get(scene, walpiper, '/streams/comments', source);
    await until('the first bytes', () => stream.answer?.body.length > 0);
    assert.equal(stream.answer.body.toString(), ':\n');
  },

  'eventsource-close, eventsource-request-cancellation: who closes is gone at once, in a stream and before it': async ({ scene, walpiper }) => {
    const stream = get(scene, walpiper, '/streams/comments', source);
    const unasked = raw(scene, walpiper, 'GET /streams/comm');
    await stream.head();
    await until('both are there', () => walpiper.connections() === 2);
    stream.close();
    unasked.close();
    await until('both are gone', () => walpiper.connections() === 0);
  },

  'eventsource-reconnect, format-field-retry(-bogus, -empty), format-data-before-final-empty-line: a stop ends with a whole frame and a number': async ({ scene, walpiper }) => {
    const stream = get(scene, walpiper, '/streams/comments?last_event_id=earliest', source);
    await stream.head();
    await walpiper.stop();
    const { status, body } = await stream.end();
    const { frames, retries } = strictFrames(body); // takes digits only, and no cut frame
    assert.deepEqual([status, retries.length], [200, 1]);
    await walpiper.start();
    const again = get(scene, walpiper, '/streams/comments', { ...source, 'Last-Event-ID': frames.at(-1)?.id ?? 'latest' });
    assert.equal((await again.head()).status, 200);
  },
};

/** All that the journal has, as one stream. */
async function replay(scene, walpiper) {
  const stream = get(scene, walpiper, '/streams/comments?last_event_id=earliest', source);
  await until('3 events', () => stream.answer?.body.toString().match(/\n\n/g)?.length === 3);
  stream.close();
  const { body } = stream.answer;
  return { body, ...strictFrames(body) };
}

scenario('web-platform-tests eventsource/, as far as a server has a part in them', async (scene, t) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, http: { cors: { origins: [origin] }, drain: '0s' } });
  await say(db, hostile, 3);
  await captured(walpiper);
  const { frames } = await replay(scene, walpiper);
  for (const [name, check] of Object.entries(mirrored)) {
    await t.test(name, async () => {
      const closes = []; // those of this one
      try {
        await check({ scene: { defer: (close) => closes.push(close) }, walpiper, last: frames.at(-1).id });
      } finally {
        for (const close of closes) close();
      }
      await until('its connections are closed', () => walpiper.connections() === 0);
    });
  }
});
