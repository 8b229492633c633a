// Which pages may read: CORS. And who may say whose request it is: auth.mode gateway.
import http from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { assert, freePort, scenario, until } from './harness/lib.mjs';
import { readBody } from './harness/sse.mjs';
import { hsToken } from './harness/jwt.mjs';

const page = 'https://app.example.org';
const origins = [page, 'http://localhost:8080'];
const secret = 'a secret of the tests: at least 32 bytes';

const cors = ({ headers }) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')));
const varies = ({ headers }, by) => (headers.vary ?? '').split(/, */).includes(by);
const readable = (origin) => ({
  'access-control-allow-origin': origin,
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers': 'Retry-After, WWW-Authenticate',
});

scenario('pages of listed origins may read answers and errors, others get no header', async (scene) => {
  const walpiper = await scene.walpiper(await scene.database(), {
    http: { cors: { origins } },
    auth: { mode: 'jwt', jwt: { secret } },
  });
  const Authorization = `Bearer ${hsToken(secret, { topics: 'events', sub: 'toto' })}`;
  const paths = { '/events': 200, '/streams/events': 200, '/streams/hidden': 403, '/nowhere': 404, '/%': 404, '/manage/health': 200 };
  for (const [path, status] of Object.entries(paths)) {
    for (const origin of origins) {
      const answer = await walpiper.request(path, { headers: { Origin: origin, Authorization, Accept: 'application/json' } });
      assert.equal(answer.status, status, path);
      assert.deepEqual(cors(answer), readable(origin), path);
      assert.ok(varies(answer, 'Origin'), path);
    }
    for (const origin of ['https://evil.example', `${page}.evil.example`, `${page}:8443`, 'http://app.example.org', 'null', '', undefined]) {
      const headers = { Authorization, Accept: 'application/json', ...(origin === undefined ? {} : { Origin: origin }) };
      const answer = await walpiper.request(path, { headers });
      assert.equal(answer.status, status, `${path} for ${origin}`);
      assert.deepEqual(cors(answer), {}, `${path} for ${origin}`);
      assert.ok(varies(answer, 'Origin'), 'caches keep them apart');
    }
  }
  const refused = await walpiper.request('/events', { headers: { Origin: page } });
  assert.equal(refused.status, 401);
  assert.deepEqual(cors(refused), readable(page));
  const stream = await walpiper.subscribe('/events', { headers: { Origin: page, Authorization } });
  assert.deepEqual(cors(stream.response), readable(page));
});

scenario('a preflight is answered without a token, with the methods of the resource', async (scene) => {
  const walpiper = await scene.walpiper(await scene.database(), {
    http: { cors: { origins } },
    auth: { mode: 'jwt', jwt: { secret } },
  });
  const preflight = (path, headers) =>
    walpiper.request(path, { method: 'OPTIONS', headers: { Origin: page, 'Access-Control-Request-Method': 'GET', ...headers } });
  for (const path of ['/streams/comments', '/streams/posts/1/comments', '/events', '/manage/health']) {
    const answer = await preflight(path, { 'Access-Control-Request-Headers': 'authorization,last-event-id' });
    assert.equal(answer.status, 204, path);
    assert.equal(answer.body, '');
    const { 'access-control-allow-methods': methods, 'access-control-allow-headers': headers, 'access-control-max-age': age, ...rest } = cors(answer);
    assert.deepEqual(rest, readable(page));
    assert.ok(methods.split(', ').includes('GET'), methods);
    for (const name of ['Authorization', 'Cache-Control', 'Last-Event-ID', 'X-Consumer-Id']) {
      assert.ok(headers.split(', ').includes(name), `${name} for ${path}`);
    }
    assert.ok(Number(age) > 0);
  }
  const stranger = await preflight('/events', { Origin: 'https://evil.example' });
  assert.equal(stranger.status, 405);
  assert.deepEqual(cors(stranger), {});
  assert.equal((await preflight('/nowhere')).status, 404);
});

scenario('without origins there is no CORS at all, and * is for everybody, without credentials', async (scene) => {
  const db = await scene.database();
  const headers = { Origin: page, 'X-Consumer-Id': 'toto', Accept: 'application/json' };
  const closed = await scene.walpiper(db);
  const answer = await closed.request('/events', { headers });
  assert.equal(answer.status, 200);
  assert.deepEqual(cors(answer), {});
  assert.ok(!varies(answer, 'Origin'));
  await closed.stop();
  const open = await scene.walpiper(db, { http: { cors: { origins: '*' } } });
  const { 'access-control-allow-origin': origin, 'access-control-allow-credentials': credentials } =
    cors(await open.request('/events', { headers }));
  assert.deepEqual([origin, credentials], ['*', undefined]);
});

/** A request from an address of this machine, or through a Unix socket. */
function from(walpiper, way, path = '/events') {
  return new Promise((resolve, reject) => {
    const headers = { 'X-Consumer-Id': 'toto', Accept: 'application/json' };
    const sent = http.get(walpiper.base + path, { agent: false, headers, ...way }, async (response) =>
      resolve({ status: response.statusCode, headers: response.headers, body: await readBody(response) }));
    sent.on('error', reject);
  });
}

async function behindGateway(scene, trusted) {
  const port = await freePort();
  const socketPath = join(scene.directory(), 'w.sock');
  const walpiper = scene.unstarted(await scene.database(), {
    http: { listen: [`127.0.0.1:${port}`, `unix:${socketPath}`] },
    auth: { mode: 'gateway', ...(trusted && { gateway: { trusted } }) },
  });
  await walpiper.configure();
  walpiper.base = `http://127.0.0.1:${port}`;
  await walpiper.start();
  return { walpiper, socketPath };
}

scenario('X-Consumer-Id counts from a trusted address only; everybody else is outside', async (scene) => {
  const { walpiper, socketPath } = await behindGateway(scene, ['127.0.0.2', '127.1.0.0/16']);
  for (const localAddress of ['127.0.0.2', '127.1.0.1', '127.1.255.9']) {
    assert.equal((await from(walpiper, { localAddress })).status, 200, localAddress);
  }
  for (const way of [{ localAddress: '127.0.0.1' }, { localAddress: '127.0.0.3' }, { localAddress: '127.2.0.1' }, { socketPath }]) {
    for (const path of ['/events', '/streams/events', '/streams/nowhere']) {
      const { status, body } = await from(walpiper, way, path);
      assert.deepEqual([status, body], [401, `Request doesn't pass through the API gateway!`], JSON.stringify(way));
    }
    assert.equal((await from(walpiper, way, '/manage/health')).status, 200);
  }
});

scenario('a gateway on this machine or on a Unix socket is trusted unless the configuration says otherwise', async (scene) => {
  const near = await behindGateway(scene);
  assert.equal((await from(near.walpiper, {})).status, 200);
  assert.equal((await from(near.walpiper, { socketPath: near.socketPath })).status, 200);
  const local = await behindGateway(scene, ['unix']);
  assert.equal((await from(local.walpiper, {})).status, 401);
  assert.equal((await from(local.walpiper, { socketPath: local.socketPath })).status, 200);
});

scenario('behind the PROXY protocol the address that the proxy says is trusted, and no unknown one', async (scene) => {
  const walpiper = scene.unstarted(await scene.database(), {
    http: { proxy_protocol: true },
    auth: { mode: 'gateway', gateway: { trusted: ['127.0.0.0/8', '192.0.2.7'] } },
  });
  await walpiper.launch();
  const status = async (header) => {
    const socket = connect(walpiper.port, '127.0.0.1');
    socket.setEncoding('utf8');
    socket.write(`PROXY ${header}\r\nGET /events HTTP/1.0\r\nX-Consumer-Id: toto\r\nAccept: application/json\r\n\r\n`);
    let text = '';
    for await (const part of socket) text += part;
    return text.split(' ')[1];
  };
  await until('it listens', () => status('TCP4 192.0.2.7 192.0.2.1 5 6').catch(() => false));
  assert.equal(await status('TCP4 192.0.2.7 192.0.2.1 5 6'), '200');
  assert.equal(await status('TCP4 192.0.2.8 192.0.2.1 5 6'), '401');
  assert.equal(await status('TCP6 2001:db8::1 2001:db8::2 5 6'), '401');
  assert.equal(await status('UNKNOWN'), '401');
});

scenario('who is over a limit can read that as well', async (scene) => {
  const walpiper = await scene.walpiper(await scene.database(), {
    http: { cors: { origins }, max_connections_per_client: 1 },
  });
  const localAddress = '127.0.0.5';
  const first = await walpiper.subscribe('/streams/events', { localAddress });
  const answer = await from(walpiper, { localAddress, headers: { Origin: page } }, '/manage/health');
  assert.equal(answer.status, 429);
  assert.deepEqual(cors(answer), readable(page));
  const source = await walpiper.subscribe('/streams/events', { localAddress, headers: { Origin: page } });
  assert.deepEqual(cors(source.response), readable(page));
  first.check();
});
