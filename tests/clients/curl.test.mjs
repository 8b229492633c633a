// curl, as people type it.
import { assert, run, scenario, until } from '../integration/harness/lib.mjs';
import { blog, blogFiles } from '../integration/harness/blog.mjs';
import { strictFrames } from './frames.mjs';
import { recorder } from './recorder.mjs';
import { say } from './troubles.mjs';

/** curl that ends by itself: {code, stdout, stderr}. */
const curl = (...args) => run('curl', ['--noproxy', '*', '-sS', '--max-time', '20', ...args]);
/** A stream does not end: what is here until the first comment or frame is all that there is to see. */
const begun = (stream) => until('the stream begins', () => stream.output().includes('\r\n\r\n:\n'));

async function started(scene, config) {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...blog, ...config });
  return { db, walpiper, comments: `${walpiper.base}/streams/comments` };
}

scenario('-N, HTTP/1.1 and --http1.0: events as they come, until the goodbye; the answer ends as it should', async (scene) => {
  const { db, walpiper, comments } = await started(scene, { http: { drain: '0s' } });
  const streams = [scene.curl('-i', comments), scene.curl('-i', '--http1.0', comments), scene.curl('-i', '-H', 'Connection: keep-alive', '--http1.0', comments)];
  for (const stream of streams) await begun(stream);
  for (const message of ['one', 'two']) {
    await say(db, message);
    for (const stream of streams) await until(`${message} is here`, () => stream.output().includes(`"message":"${message}1"`));
  }
  const ended = streams.map(({ child }) => new Promise((resolve) => child.once('close', resolve)));
  await walpiper.stop();
  assert.deepEqual(await Promise.all(ended), [0, 0, 0], 'curl takes an answer for cut off');
  for (const stream of streams) {
    const [head, body] = stream.output().split(/\r\n\r\n(.*)/s);
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
    assert.doesNotMatch(head, /transfer-encoding|content-length/i); // what HTTP/1.0 cannot read is not sent
    const { frames, retries } = strictFrames(Buffer.from(body));
    assert.deepEqual([frames.map(({ event }) => event), retries.length], [['insert', 'insert'], 1]);
  }
});

scenario('-I asks for the head of a stream and gets it at once, and no stream', async (scene) => {
  const { walpiper, comments } = await started(scene);
  for (const [url, ...more] of [[comments], [comments, '--http1.0'], [`${walpiper.base}/events`, '-H', 'X-Consumer-Id: toto']]) {
    const { code, stdout, stderr } = await curl('-I', ...more, url);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(stdout, /\r\nContent-Type: text\/event-stream\r\n/);
    assert.match(stdout, /\r\nCache-Control: no-cache, no-transform\r\n/);
    assert.match(stdout, /\r\nX-Accel-Buffering: no\r\n/);
    assert.match(stdout, /\r\n\r\n$/);
  }
  await until('nothing is left of them', () => walpiper.connections() === 0);
});

scenario('-X OPTIONS says what a resource can do: as a preflight to a listed origin, else 405 with Allow', async (scene) => {
  const origin = 'https://app.example';
  const { walpiper, comments } = await started(scene, { http: { cors: { origins: [origin] } } });
  const preflight = ['-H', `Origin: ${origin}`, '-H', 'Access-Control-Request-Method: GET', '-H', 'Access-Control-Request-Headers: last-event-id'];
  const allowed = await curl('-i', '-X', 'OPTIONS', ...preflight, comments);
  assert.match(allowed.stdout, /^HTTP\/1\.1 204 No Content\r\n/);
  assert.match(allowed.stdout, /\r\nAccess-Control-Allow-Headers: [^\r]*\bLast-Event-ID\b/);
  const plain = await curl('-i', '-X', 'OPTIONS', comments);
  assert.match(plain.stdout, /^HTTP\/1\.1 405 Method Not Allowed\r\n/);
  assert.match(plain.stdout, /\r\nAllow: [^\r]*\bGET\b/);
  assert.match((await curl('-i', '-X', 'DELETE', `${walpiper.base}/events`)).stdout, /^HTTP\/1\.1 405 /);
});

scenario('the form of an answer follows Accept, in every way that clients write it', async (scene) => {
  const { comments } = await started(scene);
  const forms = [
    ['text/event-stream', undefined], // curl's own */*
    ['text/event-stream', ''], // none at all
    ['text/event-stream', 'text/event-stream'],
    ['text/event-stream', 'TEXT/EVENT-STREAM'],
    ['text/event-stream', 'text/event-stream, */*;q=0.1'],
    ['text/event-stream', 'text/*'],
    ['text/event-stream', 'text/event-stream;charset=utf-8'], // Spring
    ['text/event-stream', 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2'], // Java's HttpURLConnection
    ['application/x-ndjson', 'application/x-ndjson'],
    ['application/json', 'application/json'],
    ['application/json', 'text/event-stream;q=0.5, application/json'],
  ];
  for (const [type, accept] of forms) {
    const { stdout } = await curl('-I', ...(accept === undefined ? [] : ['-H', `Accept: ${accept}`.trim()]), comments);
    assert.match(stdout, /^HTTP\/1\.1 200 OK\r\n/, `Accept: ${accept}`);
    assert.ok(stdout.includes(`\r\nContent-Type: ${type}\r\n`), `Accept: ${accept}: ${stdout}`);
  }
  const refused = await curl('-i', '-H', 'Accept: image/png', comments);
  assert.match(refused.stdout, /^HTTP\/1\.1 406 /);
});

scenario('a connection that was used before serves a stream as its last answer', async (scene) => {
  const { db, walpiper } = await started(scene);
  const wire = await recorder(scene, walpiper);
  const stream = scene.curl(`${wire.base}/manage/health`, `${wire.base}/nowhere`, `${wire.base}/streams/comments`);
  await until('the stream begins', () => stream.output().includes(':\n'));
  await say(db, 'one');
  await until('the event', () => stream.output().includes('"message":"one1"'));
  assert.equal(wire.connections.length, 1);
  assert.match(stream.output(), /^\{"status":"UP"\}\n?Not found\n?:\n/);
});
