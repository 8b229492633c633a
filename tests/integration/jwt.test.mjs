// auth.mode jwt: who has no good token gets nothing, and who has one gets what it grants.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, binary, run, scenario, until } from './harness/lib.mjs';
import { startFaulty } from './harness/faults.mjs';
import { untilMetrics } from './harness/metrics.mjs';
import { compact, hmac, hsToken, keyPair, now, tokenMs } from './harness/jwt.mjs';

const secret = 'a secret of the tests that is long enough for HS512: 64 bytes, or a few more';
const things = `CREATE TABLE things (id text PRIMARY KEY, owner_id int);
  CREATE TABLE hidden (id int PRIMARY KEY)`;
const tables = [{ name: 'public.things', scopes: [{ owner_id: 'owners' }] }, { name: 'public.hidden' }];

async function guarded(scene, jwt = {}, config = {}) {
  const db = await scene.database();
  await db.query(things);
  const auth = { mode: 'jwt', jwt: { secret, ...jwt } };
  const { walpiper, faults } = await startFaulty(scene, db, { tables, auth, log: { level: 'trace' }, ...config });
  return { db, walpiper, faults };
}

const bearer = (token) => ({ Authorization: `Bearer ${token}` });
const granted = (claims) => bearer(hsToken(secret, claims));
/** The answer of a pull that does not wait: its status says whether the door was open. */
const knock = (walpiper, headers, path = '/streams/things') =>
  walpiper.request(path, { headers: { Accept: 'application/json', ...headers } });

async function assertUnauthorized(walpiper, headers, what, path) {
  const answer = await knock(walpiper, headers, path);
  assert.equal(answer.status, 401, what);
  assert.equal(answer.body, 'A valid token is needed, as in "Authorization: Bearer TOKEN"', what);
  assert.match(answer.headers['www-authenticate'], /^Bearer realm="walpiper"(, error="invalid_token")?$/, what);
}

scenario('without a token nothing is served but health, and the answer asks for a Bearer', async (scene) => {
  const { walpiper } = await guarded(scene);
  for (const path of ['/streams/things', '/streams/nowhere', '/events']) {
    await assertUnauthorized(walpiper, { Accept: 'text/event-stream' }, path, path);
    await assertUnauthorized(walpiper, { 'X-Consumer-Id': 'toto' }, path, path);
    await assertUnauthorized(walpiper, { Authorization: 'Basic dG90bzp0b3Rv' }, path, path);
  }
  assert.equal((await walpiper.request('/manage/health')).status, 200);
});

scenario('a token opens the topics that it grants, and only those', async (scene) => {
  const { db, walpiper } = await guarded(scene);
  await db.query(`INSERT INTO things VALUES ('a', 1), ('b/c', 2)`);
  const statuses = async (topics, paths) =>
    Promise.all(paths.map(async (path) => (await knock(walpiper, granted({ topics }), `/streams/${path}`)).status));
  assert.deepEqual(await statuses('things', ['things', 'public.things', 'things/a', 'owners/1/things']), [200, 200, 403, 403]);
  assert.deepEqual(await statuses('things:a, owners/1/*', ['things/a', 'things/b', 'things', 'owners/1/things', 'owners/12/things']),
    [200, 403, 403, 200, 403]);
  assert.deepEqual(await statuses(['things/*'], ['things/a', 'things/b%2Fc', 'things', 'hidden/1']), [200, 200, 403, 403]);
  assert.deepEqual(await statuses(['things/b%2Fc'], ['things/b%2Fc', 'things/b/c']), [200, 403]);
  assert.deepEqual(await statuses('*', ['things', 'hidden', 'owners/1/things', 'events']), [200, 200, 200, 200]);
  assert.deepEqual(await statuses('', ['things']), [403]);
  assert.deepEqual(await statuses(undefined, ['things']), [403]);
  const stream = await walpiper.subscribe('/streams/things/a', { headers: granted({ topics: 'things:a' }), lastEventId: 'earliest' });
  assert.equal(JSON.parse((await stream.first(1))[0].data).new_record.id, 'a');
});

scenario('what is not granted is refused in the same words whether it exists or not', async (scene) => {
  const { walpiper } = await guarded(scene);
  const [there, nowhere] = await Promise.all(
    ['hidden', 'nowhere'].map((table) => knock(walpiper, granted({ topics: 'things' }), `/streams/${table}`)),
  );
  assert.equal(there.status, 403);
  assert.match(there.headers['www-authenticate'], /insufficient_scope/);
  for (const answer of [there, nowhere]) delete answer.headers.date;
  assert.deepEqual(there, nowhere);
});

scenario('the token comes as Bearer, cookie, or access_token where that is allowed', async (scene) => {
  const { walpiper } = await guarded(scene);
  const token = hsToken(secret, { topics: 'things' });
  const other = hsToken(secret, { topics: 'hidden' });
  const status = async (headers, path) => (await knock(walpiper, headers, path)).status;
  assert.equal(await status({ Authorization: `bearer ${token}` }), 200);
  assert.equal(await status({ Cookie: `a=b; walpiper_token=${token}; c=d` }), 200);
  assert.equal(await status({ Cookie: `xwalpiper_token=${token}` }), 401);
  assert.equal(await status({ ...bearer(other), Cookie: `walpiper_token=${token}` }), 403, 'the header wins');
  assert.equal(await status({}, `/streams/things?access_token=${token}`), 401, 'not enabled');
  const { walpiper: open } = await guarded(scene, { query_token: true });
  assert.equal((await knock(open, {}, `/streams/things?access_token=${token}`)).status, 200);
  assert.equal((await knock(open, {}, `/streams/things?access_token=${token}x`)).status, 401);
  assert.equal((await knock(open, {}, `/streams/things?access_tokens=${token}`)).status, 401);
  const stream = await open.subscribe(`/streams/things?access_token=${token}`);
  stream.close();
  for (const part of [token, token.split('.')[2], secret]) assert.ok(!open.logText().includes(part), 'a token in the log');
});

scenario('forged, expired and malformed tokens are refused, whatever is wrong with them', async (scene) => {
  const { walpiper } = await guarded(scene, { audience: 'walpiper', issuer: 'https://issuer.example' });
  const good = { exp: now() + 600, topics: '*', aud: 'walpiper', iss: 'https://issuer.example' };
  const head = { alg: 'HS256', typ: 'JWT' };
  const signed = (claims, h = head, key = secret, algorithm = 'HS256') => compact(h, claims, hmac(algorithm, key));
  const token = signed(good);
  const [h, c, s] = token.split('.');
  assert.equal((await knock(walpiper, bearer(token))).status, 200);
  assert.equal((await knock(walpiper, bearer(signed({ ...good, aud: ['x', 'walpiper'], nbf: now() + 10 })))).status, 200);
  const without = (name) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
  const none = compact({ alg: 'none' }, good, () => Buffer.alloc(0));
  const bad = {
    'alg none': none,
    'alg none with a signature': compact({ alg: 'none' }, good, hmac('HS256', secret)),
    'alg None': compact({ alg: 'None' }, good, hmac('HS256', secret)),
    'no alg': signed(good, {}),
    'alg that is no string': signed(good, { alg: 256 }),
    'another algorithm': signed(good, { alg: 'HS512' }, secret, 'HS512'),
    'another algorithm in the head only': signed(good, { alg: 'HS512' }),
    'another secret': signed(good, head, `${secret}!`),
    'an empty secret': signed(good, head, ''),
    'alg twice': signed(good, '{"alg":"none","alg":"HS256"}'),
    'crit': signed(good, { ...head, crit: ['exp'] }),
    'b64': signed(good, { ...head, b64: false }),
    'a head that is no object': signed(good, '"HS256"'),
    'a head that is no JSON': signed(good, '{alg:HS256}'),
    'expired': signed({ ...good, exp: now() - 1 }),
    'expired this second': signed({ ...good, exp: now() }),
    'no exp': signed(without('exp')),
    'exp as text': signed({ ...good, exp: `${now() + 600}` }),
    'exp null': signed({ ...good, exp: null }),
    'exp negative': signed({ ...good, exp: -1 }),
    'exp twice': signed(`{"exp":1,"topics":"*","aud":"walpiper","iss":"https://issuer.example","exp":${now() + 600}}`),
    'topics twice': signed(`{"topics":"","aud":"walpiper","iss":"https://issuer.example","exp":${now() + 600},"topics":"*"}`),
    'not yet valid': signed({ ...good, nbf: now() + 3600 }),
    'another audience': signed({ ...good, aud: 'walpiper2' }),
    'no audience': signed(without('aud')),
    'another issuer': signed({ ...good, iss: 'https://issuer.example/' }),
    'no issuer': signed(without('iss')),
    'topics that are no text': signed({ ...good, topics: { things: true } }),
    'an item of topics that is no text': signed({ ...good, topics: ['things', 1] }),
    'publish that is no boolean': signed({ ...good, publish: 'yes' }),
    'claims that are no object': signed('[1]'),
    'claims that are no JSON': signed('exp'),
    'no claims': signed(''),
    'other claims under the signature': `${h}.${Buffer.from(JSON.stringify({ ...good, sub: 'x' })).toString('base64url')}.${s}`,
    'two parts': `${h}.${c}`,
    'no signature': `${h}.${c}.`,
    'four parts': `${token}.${s}`,
    'five parts, as encrypted ones have': `${token}.${s}.${s}`,
    'padding': `${token}=`,
    'base64, not base64url': `${h}.${c}.${'+/'.repeat(21)}a`,
    'a space': `${h}. ${c}.${s}`,
    'a truncated signature': token.slice(0, -2),
    'a signature of one byte': `${h}.${c}.AA`,
    'a longer signature': `${token}AAAA`,
    'truncated to nothing': h,
    'a text': 'toto',
    'dots': '..',
    'huge': signed({ ...good, padding: 'x'.repeat(9000) }),
  };
  for (const [what, forged] of Object.entries(bad)) await assertUnauthorized(walpiper, bearer(forged), what);
  await assertUnauthorized(walpiper, { Authorization: 'Bearer' }, 'no token');
  await assertUnauthorized(walpiper, { Authorization: 'Bearer ' }, 'an empty token');
  await until('the log says why', () => /its alg is not auth.jwt.algorithm/.test(walpiper.logText()));
});

scenario('HS384 and HS512 are checked as HS256 is', async (scene) => {
  for (const algorithm of ['HS384', 'HS512']) {
    const { walpiper } = await guarded(scene, { algorithm });
    assert.equal((await knock(walpiper, bearer(hsToken(secret, { topics: '*' }, algorithm)))).status, 200);
    await assertUnauthorized(walpiper, bearer(hsToken(secret, { topics: '*' })), algorithm);
  }
});

for (const algorithm of ['RS256', 'PS256', 'ES256', 'ES384']) {
  scenario(`${algorithm}: the key is chosen by kid, and its public half is no secret`, async (scene) => {
    const file = join(scene.directory(), 'jwks.json');
    const [first, second, stranger] = ['1', '2', '1'].map((kid) => keyPair(algorithm, kid));
    const other = algorithm.startsWith('ES') ? keyPair('RS256', '3') : keyPair('ES256', '3');
    writeFileSync(file, JSON.stringify({ keys: [first.jwk, other.jwk, second.jwk] }));
    const { walpiper } = await guarded(scene, { algorithm, secret: '', jwks_file: file });
    const claims = { topics: '*' };
    for (const pair of [first, second]) assert.equal((await knock(walpiper, bearer(pair.token(claims)))).status, 200);
    const pem = first.publicKey.export({ type: 'spki', format: 'pem' });
    const exp = now() + 600;
    const bad = {
      'the kid of the other key': first.token(claims, { kid: '2' }),
      'an unknown kid': first.token(claims, { kid: '9' }),
      'no kid, and two keys': first.token(claims, { kid: undefined }),
      'a kid that is no string': first.token(claims, { kid: 1 }),
      'a stranger with the same kid': stranger.token(claims),
      'a stranger who brings his key along': stranger.token(claims, { kid: '1', jwk: stranger.jwk }),
      'a key of another kind': other.token(claims),
      'another alg in the head': first.token(claims, { alg: algorithm === 'RS256' ? 'PS256' : 'RS256' }),
      'none': compact({ alg: 'none', kid: '1' }, { ...claims, exp }, () => Buffer.alloc(0)),
      'HS256 with the public key as its secret': compact({ alg: 'HS256', kid: '1' }, { ...claims, exp }, hmac('HS256', pem)),
      'the same, called by the right name': compact({ alg: algorithm, kid: '1' }, { ...claims, exp }, hmac('HS256', pem)),
      'a signature of zeros': compact({ alg: algorithm, kid: '1' }, { ...claims, exp }, () => Buffer.alloc(algorithm === 'ES384' ? 96 : algorithm === 'ES256' ? 64 : 256)),
      'expired': first.token({ ...claims, exp: now() - 5 }),
    };
    for (const [what, forged] of Object.entries(bad)) await assertUnauthorized(walpiper, bearer(forged), what);
  });
}

scenario('SIGHUP reads the keys anew; a broken file keeps the old ones and says so', async (scene) => {
  const file = join(scene.directory(), 'jwks.json');
  const [old, fresh] = ['1', '2'].map((kid) => keyPair('ES256', kid));
  const write = (keys) => writeFileSync(file, JSON.stringify({ keys }));
  write([old.jwk]);
  const { walpiper } = await guarded(scene, { algorithm: 'ES256', secret: '', jwks_file: file });
  const status = async (pair, head) => (await knock(walpiper, bearer(pair.token({ topics: '*' }, head)))).status;
  assert.deepEqual([await status(old), await status(fresh), await status(old, { kid: undefined })], [200, 401, 200]);
  writeFileSync(file, '{"keys": [');
  walpiper.child.kill('SIGHUP');
  await until('the log tells of the broken file', () =>
    /jwks\.json: no JWK Set.*the keys that were read before stay/.test(walpiper.logText()));
  assert.equal(await status(old), 200);
  write([fresh.jwk]);
  walpiper.child.kill('SIGHUP');
  await until('the new key is taken', async () => (await status(fresh)) === 200);
  assert.equal(await status(old), 401);
});

scenario('a private key, a short one, and a file without a fitting one are refused at start', async (scene) => {
  const db = await scene.database();
  const file = join(scene.directory(), 'jwks.json');
  const pair = keyPair('RS256', '1');
  const cases = [
    [[{ ...pair.privateKey.export({ format: 'jwk' }) }], /key 0 is private or a secret/],
    [[{ kty: 'oct', k: 'AAAA' }], /key 0 is private or a secret/],
    [[pair.jwk, pair.jwk], /key 1 has the kid of another one/],
    [[keyPair('ES256', '1').jwk], /has no key for RS256/],
    [[{ ...pair.jwk, n: 'AQAB' }], /key 0 (has less than 2048 bits|is no public key)/],
    [[{ ...pair.jwk, use: 'enc' }], /has no key for RS256/],
  ];
  for (const [keys, message] of cases) {
    writeFileSync(file, JSON.stringify({ keys }));
    const auth = { mode: 'jwt', jwt: { algorithm: 'RS256', jwks_file: file } };
    const { code, log } = await scene.unstarted(db, { auth }).refuse();
    assert.equal(code, 1);
    assert.match(log, message);
  }
});

scenario('/events is the feed of the consumer that the token names, or of its subject', async (scene) => {
  const { db, walpiper } = await guarded(scene);
  const insert = `INSERT INTO events (type, timestamp, subscriber, payload) VALUES ('t', now(), $1, '{}')`;
  for (const name of ['toto', 'titi']) await db.query(insert, [name]);
  const pull = async (claims, headers) => {
    const { status, body } = await knock(walpiper, { ...granted(claims), ...headers }, '/events');
    return status === 200 ? JSON.parse(body).events.map((event) => event.id) : status;
  };
  await until('both rows are there', async () => (await pull({ sub: 'titi' })).length === 1);
  assert.deepEqual(await pull({ consumer: 'toto', sub: 'titi' }), [1]);
  assert.deepEqual(await pull({ sub: 'titi' }, { 'X-Consumer-Id': 'titi' }), [2]);
  assert.equal(await pull({ sub: 'titi' }, { 'X-Consumer-Id': 'toto' }), 403);
  assert.equal(await pull({ topics: '*' }), 403);
  const stream = await walpiper.subscribe('/events', { headers: granted({ consumer: 'toto' }), lastEventId: 'earliest' });
  assert.deepEqual((await stream.first(1)).map((frame) => frame.id), ['1']);
});

scenario('a stream ends when its token does and says so, in every form', async (scene) => {
  const { db, walpiper, faults } = await guarded(scene, {}, { http: { heartbeat: '200ms' } });
  const headers = granted({ topics: 'things', sub: 'toto' });
  const [sse, events] = await Promise.all([
    walpiper.subscribe('/streams/things', { headers }),
    walpiper.subscribe('/events', { headers }),
  ]);
  const lines = knock(walpiper, { ...headers, Accept: 'application/x-ndjson' });
  const pull = knock(walpiper, headers, '/streams/things?wait=60');
  const forever = await walpiper.subscribe('/streams/things', { headers: granted({ exp: 1e300, topics: '*' }) });
  await untilMetrics(walpiper, { walpiper_subscribers: 5 });
  await db.query(`INSERT INTO things VALUES ('before', 1)`);
  await sse.first(1);
  const answer = await pull;
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.body).events.length, 1);
  faults.clock(tokenMs);
  for (const stream of [sse, events]) {
    await stream.ended;
    stream.check();
    assert.deepEqual(stream.events.at(-1), { event: 'expired', data: '{}' });
    assert.ok(stream.retry > 0);
  }
  assert.equal((await lines).body.trimEnd().split('\n').at(-1), '{"type":"expired"}');
  await assertUnauthorized(walpiper, headers, 'afterwards');
  await db.query(`INSERT INTO things VALUES ('after', 1)`);
  await forever.first(2);
});

scenario('not before its time, and a pull that waits without events is answered then', async (scene) => {
  const { walpiper } = await guarded(scene);
  const exp = now() + 5;
  const headers = granted({ exp, topics: 'things', sub: 'toto' });
  const streams = [await walpiper.subscribe('/streams/things', { headers }), await walpiper.subscribe('/events', { headers })];
  const pulled = knock(walpiper, headers, '/streams/things?wait=60');
  const ends = await Promise.all([pulled, ...streams.map(({ ended }) => ended)].map((ended) => ended.then(now)));
  for (const end of ends) assert.ok(end >= exp);
  for (const stream of streams) assert.deepEqual(stream.events, [{ event: 'expired', data: '{}' }]);
  const pull = await pulled;
  assert.equal(pull.status, 200);
  assert.deepEqual(JSON.parse(pull.body).events, []);
});

scenario('walpiper token signs what opens the door, and tells nobody the secret', async (scene) => {
  const { walpiper } = await guarded(scene, { algorithm: 'HS384', audience: 'a', issuer: 'i' });
  const command = async (...args) => run(binary, ['token', '-c', walpiper.file, ...args]);
  const { stdout } = await command('--topics', 'things,hidden/*', '--consumer', 'toto', '--ttl', '60');
  const token = stdout.trim();
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  const statuses = ['/streams/things', '/streams/hidden/1', '/streams/hidden', '/events'].map(
    async (path) => (await knock(walpiper, bearer(token), path)).status);
  assert.deepEqual(await Promise.all(statuses), [200, 200, 403, 200]);
  const [head, claims] = token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  assert.deepEqual(head, { alg: 'HS384', typ: 'JWT' });
  const { iat, exp, ...rest } = claims;
  assert.deepEqual(rest, { topics: 'things,hidden/*', consumer: 'toto', aud: 'a', iss: 'i' });
  assert.equal(exp - iat, 60);
  assert.ok(Math.abs(iat - now()) <= 30);
  assert.equal(compact(head, Buffer.from(token.split('.')[1], 'base64url').toString(), hmac('HS384', secret)).split('.')[2],
    token.split('.')[2], 'the signature that node makes');
  const publisher = JSON.parse(Buffer.from((await command('--publish')).stdout.split('.')[1], 'base64url'));
  assert.equal(publisher.publish, true);
  assert.equal(publisher.exp - publisher.iat, 3600);
  const fails = async (code, message, ...args) => {
    const failure = await command(...args);
    assert.equal(failure.code, code, failure.stderr);
    assert.match(failure.stderr, message);
    assert.equal(failure.stderr.trim().split('\n').length, 1);
    assert.ok(!failure.stderr.includes(secret) && !failure.stdout.includes(secret));
  };
  await fails(2, /it would grant nothing/);
  for (const ttl of ['0', '-1', '1h', '31536001']) await fails(2, /--ttl .*write seconds/, '--topics', '*', '--ttl', ttl);
  await fails(1, /longer than is taken/, '--topics', 'x'.repeat(9000));
  const write = (auth) => writeFileSync(walpiper.file, JSON.stringify({ ...walpiper.config, auth }));
  write({ mode: 'none' });
  await fails(1, /auth\.mode is not jwt/, '--topics', '*');
  write({ mode: 'jwt', jwt: { algorithm: 'ES256', jwks_file: 'keys.json' } });
  await fails(1, /ES256 is signed with a private key, which is not here/, '--topics', '*');
});
