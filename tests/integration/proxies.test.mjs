// Behind nginx and HAProxy, with the configurations that config/proxies shows: what arrives there is
// what walpiper sends, when it sends it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, freePort, root, scenario, startChild, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { request, Subscription } from './harness/sse.mjs';

/** A file of config/proxies; where it listens and where it finds walpiper is all that is changed. */
function shown(name, walpiper, port) {
  const text = readFileSync(join(root, 'config/proxies', name), 'utf8');
  assert.ok(text.includes('127.0.0.1:4000') && /\b8080\b/.test(text), name);
  return text.replaceAll('127.0.0.1:4000', walpiper.config.http.listen).replaceAll(/\b8080\b/g, String(port));
}

const proxies = {
  nginx(walpiper, port, directory) {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    writeFileSync(join(directory, 'walpiper.conf'), shown('nginx.conf', walpiper, port));
    writeFileSync(
      join(directory, 'nginx.conf'),
      `daemon off; pid ${directory}/nginx.pid; worker_processes 1; events {}
       http { access_log off; ${temporary.map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
              include ${directory}/walpiper.conf; }`,
    );
    return ['/usr/sbin/nginx', ['-p', directory, '-e', 'stderr', '-c', join(directory, 'nginx.conf')]];
  },
  haproxy(walpiper, port, directory) {
    writeFileSync(join(directory, 'haproxy.cfg'), shown('haproxy.cfg', walpiper, port));
    return ['/usr/sbin/haproxy', ['-db', '-f', join(directory, 'haproxy.cfg')]];
  },
  'haproxy with send-proxy-v2'(walpiper, port, directory) {
    const plain = shown('haproxy.cfg', walpiper, port);
    const [, more] = plain.match(/^ *# +(send-proxy-v2 .*)$/m); // as the file tells
    const text = plain.replace(/^( *server .*)$/m, `$1 ${more}`);
    writeFileSync(join(directory, 'haproxy.cfg'), text);
    return ['/usr/sbin/haproxy', ['-db', '-f', join(directory, 'haproxy.cfg')]];
  },
};

/** Starts PROXY before WALPIPER: its base URL. */
async function before(scene, proxy, walpiper) {
  const port = await freePort();
  const directory = scene.directory();
  const log = join(directory, 'log');
  const child = startChild(...proxy(walpiper, port, directory), { log, signal: 'TERM' });
  scene.logs.push(log);
  scene.defer(() => {
    child.kill('SIGTERM');
    return child.exited;
  });
  const base = `http://127.0.0.1:${port}`;
  await until('walpiper is up behind it', async () => {
    const answer = await request(`${base}/manage/health`).catch(() => null);
    return answer?.status === 200;
  });
  return base;
}

const write = (db, message) => db.query(`INSERT INTO comments (post_id, message) VALUES (1, $1)`, [message]);
const messages = (events) => events.map((event) => JSON.parse(event.data).new_record.message);

for (const [name, proxy] of Object.entries(proxies)) {
  const tells = name.endsWith('send-proxy-v2');
  scenario(`${name}: events come one by one, heartbeats pass, and so do ids and goodbyes`, async (scene) => {
    const db = await scene.database({ files: blogFiles });
    const http = { heartbeat: '200ms', proxy_protocol: tells };
    const walpiper = scene.unstarted(db, { ...blog, http });
    await walpiper.launch();
    const base = await before(scene, proxy, walpiper);
    const open = async (path, options) => {
      const stream = new Subscription({ url: base + path, ...options });
      scene.defer(() => stream.close());
      return stream.open();
    };
    const stream = await open('/streams/comments');
    for (let k = 1; k <= 5; k++) {
      await write(db, `event ${k}`); // the next one is not written before this one is here
      await stream.first(k);
    }
    const { comments } = stream.parser;
    await stream.until('heartbeats', () => stream.parser.comments >= comments + 3);

    const again = await open('/streams/comments', { lastEventId: stream.events[2].id });
    assert.deepEqual(messages(await again.first(2)), ['event 4', 'event 5']);
    const consumer = await open('/events', { headers: { 'X-Consumer-Id': 'toto' } });
    await consumer.find('a heartbeat', (frame) => frame.event === 'heartbeat');
    await db.query(`INSERT INTO events (type, subscriber, payload) VALUES ('hello', 'toto', '{"n":1}')`);
    assert.equal((await consumer.first(1))[0].data, '{"n":1}');

    await walpiper.stop();
    for (const each of [stream, again, consumer]) {
      await each.ended;
      each.check();
      assert.ok(each.isComplete && each.retry >= 1000, 'the goodbye was lost');
    }
  });
}

scenario('haproxy with send-proxy-v2: the limit of a client is the one of who is behind the proxy', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const http = { proxy_protocol: true, max_connections_per_client: 1 };
  const walpiper = scene.unstarted(db, { ...blog, http });
  await walpiper.launch();
  const base = await before(scene, proxies['haproxy with send-proxy-v2'], walpiper);
  const url = `${base}/streams/comments`;
  const open = async (localAddress) => {
    const stream = new Subscription({ url, localAddress });
    scene.defer(() => stream.close());
    await stream.open();
    await until('taken in or sent away', () => stream.hasEnded || stream.parser.comments > 0);
    return stream;
  };
  const first = await open('127.0.0.7');
  const second = await open('127.0.0.7');
  const other = await open('127.0.0.8');
  assert.deepEqual([first, second, other].map((stream) => stream.hasEnded), [false, true, false]);
  assert.ok(second.retry >= 5000);
  await write(db, 'x');
  await Promise.all([first.first(1), other.first(1)]);
});
