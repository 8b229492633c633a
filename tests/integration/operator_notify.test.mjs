// on_error_notify: a URL or a program is told what fails, and nobody waits for it.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { assert, binary, freePort, run, scenario, until } from './harness/lib.mjs';
import { areCopied, copied, parked, says, things, thingsSchema } from './harness/things.mjs';
import { Authority } from './harness/tls.mjs';

/** Someone who is told: {url, got, requests}, and how many of these there were at a time at most. ANSWER gives the
 *  status of each, undefined: none. */
async function receiver(scene, answer = () => 204) {
  const told = { got: [], requests: [], most: 0 };
  let open = 0;
  const server = createServer(async (request, response) => {
    let body = '';
    told.most = Math.max(told.most, ++open);
    response.on('close', () => open--);
    for await (const part of request.setEncoding('utf8')) body += part;
    told.requests.push(request);
    const status = answer(told.requests.length);
    if (status === 204) told.got.push(JSON.parse(body));
    if (status) response.writeHead(status, { Location: '/elsewhere' }).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  scene.defer(() => (server.closeAllConnections(), server.close()));
  told.url = `http://user:pass-word@127.0.0.1:${server.address().port}/hidden-path?token=hidden-token`;
  return told;
}

async function copying(scene, over, config) {
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query('INSERT INTO things SELECT n, n FROM generate_series(1, 20) n');
  const walpiper = scene.unstarted(db, things(over, config));
  walpiper.env = { no_proxy: '*' };
  await walpiper.start();
  await areCopied(db);
  await says(walpiper, /every id is computed/);
  return { db, walpiper };
}

const secrets = /pass-word|hidden|user:/;
const isTold = (told, count) => until(`${count} are told`, () => told.length >= count);
const known = ({ id, sqlstate, attempts, next }) => ({ id, sqlstate, attempts, again: next !== null });

scenario('a URL is told that an id is set aside and that it failed for the last time that counts, and not that it is right again', async (scene) => {
  const told = await receiver(scene, (count) => (count === 1 ? 500 : 204));
  const { db, walpiper } = await copying(scene, { on_error_notify: told.url });
  await db.query('UPDATE things SET v = 100 WHERE id = 3');
  await isTold(told.got, 2);
  const [first, last] = told.got;
  assert.deepEqual(Object.keys(first), ['operator', 'id', 'error', 'sqlstate', 'attempts', 'next']);
  assert.equal(first.operator, 'copies');
  assert.match(first.error, /violates check constraint "small"/);
  assert.deepEqual(known(first), { id: '3', sqlstate: '23514', attempts: 1, again: true });
  assert.deepEqual(known(last), { id: '3', sqlstate: '23514', attempts: 3, again: true });
  assert.ok(Math.abs(new Date(first.next) - Date.now()) < 3_600_000, first.next);
  await db.query('UPDATE things SET v = 5 WHERE id = 3');
  await areCopied(db);
  await db.query('UPDATE things SET v = 101 WHERE id = 4');
  await isTold(told.got, 4);
  assert.deepEqual(told.got.slice(2).map(known), [
    { id: '4', sqlstate: '23514', attempts: 1, again: true },
    { id: '4', sqlstate: '23514', attempts: 3, again: true },
  ]);
  const [{ method, url, headers }] = told.requests;
  assert.deepEqual(
    [method, url, headers['content-type'], headers.authorization],
    ['POST', '/hidden-path?token=hidden-token', 'application/json', `Basic ${btoa('user:pass-word')}`],
  );
  assert.equal(told.requests.length, 5, 'one that was answered with 500 comes again');
  for (const path of ['/status', '/metrics']) assert.doesNotMatch((await walpiper.admin(path)).body, secrets);
  assert.doesNotMatch(walpiper.logText(), secrets);
});

scenario('skip: the last one says that it is not tried again; a 404 or a redirect is given up at once, without the secrets of the URL', async (scene) => {
  const told = await receiver(scene, (count) => ({ 1: 404, 2: 302 })[count] ?? 204);
  const { db, walpiper } = await copying(scene, { on_error: 'skip', on_error_notify: { url: told.url } });
  await db.query('UPDATE things SET v = 100 WHERE id = 3');
  await says(walpiper, /level=warn.*operator copies.*could not be told to http:\/\/127\.0\.0\.1:\d+\/: it answered with status 404/);
  await says(walpiper, /could not be told .* status 302/);
  await db.query('UPDATE things SET v = 100 WHERE id = 4');
  await isTold(told.got, 2);
  assert.deepEqual(told.got.map(known), [
    { id: '4', sqlstate: '23514', attempts: 1, again: true },
    { id: '4', sqlstate: '23514', attempts: 3, again: false },
  ]);
  assert.deepEqual(new Set(told.requests.map((request) => request.url)), new Set(['/hidden-path?token=hidden-token']));
  assert.doesNotMatch(walpiper.logText(), secrets);
});

scenario('a halt and a pause are told once, of the operator as a whole; a halt again after a restart', async (scene) => {
  const told = await receiver(scene);
  const { db, walpiper } = await copying(scene, { on_error: 'stop', lanes: 3, on_error_notify: told.url });
  for (const time of [1, 2]) {
    await db.query('ALTER TABLE copies RENAME TO gone');
    await db.query('UPDATE things SET v = v + 1');
    await isTold(told.got, time);
    await says(walpiper, /level=warn.*operator copies.*copies/, 3 * time);
    await db.query('ALTER TABLE gone RENAME TO copies');
    await says(walpiper, /works again/, 3 * time);
    await areCopied(db);
  }
  const pause = { id: null, sqlstate: '42P01', attempts: null, again: true };
  assert.deepEqual(told.got.map(known), [pause, pause], 'once by all lanes, and again when it had been over');
  await db.query('UPDATE things SET v = 100 WHERE id = 3');
  await isTold(told.got, 4);
  assert.deepEqual(told.got.slice(2).map(known), [
    { id: '3', sqlstate: '23514', attempts: 1, again: true },
    { id: null, sqlstate: null, attempts: null, again: false },
  ]);
  assert.match(told.got[3].error, /id 3,? (which )?failed 3 times: .*"small"/, 'by the first lane that knows');
  await walpiper.stop();
  await walpiper.launch();
  await isTold(told.got, 5);
  assert.match(told.got[4].error, /halted: id 3 failed 3 times/);
  assert.deepEqual(known(told.got[4]), { id: null, sqlstate: null, attempts: null, again: false });
});

scenario('a receiver that never answers, and one that is dead, hold up neither events nor the stop', async (scene) => {
  const told = await receiver(scene, () => undefined);
  const dead = `http://127.0.0.1:${await freePort()}/hidden`;
  const { db, walpiper } = await copying(scene, { on_error_notify: told.url });
  await db.query('UPDATE things SET v = 100 + id');
  await until('it was asked', () => told.requests.length > 0);
  await until('all are parked', async () => (await parked(db)).length === 20);
  await db.query('INSERT INTO things SELECT n, 1 FROM generate_series(21, 500) n');
  await until('others are copied', async () => (await copied(db)).length === 500);
  assert.equal(told.most, 1, 'one at a time');
  assert.deepEqual(await walpiper.stop('SIGTERM', 5_000), { code: 0, signal: null });
  await says(walpiper, /\d+ failures are not told to http:\/\/127\.0\.0\.1:\d+\/: the service stops/);
  walpiper.config.operators[0].on_error_notify = { url: dead };
  await walpiper.configure();
  await walpiper.start();
  await db.query('UPDATE things SET v = 100 WHERE id = 50');
  await says(walpiper, /could not be told to http:\/\/127\.0\.0\.1:\d+\/: Failed to connect/);
  await db.query('UPDATE things SET v = 51 WHERE id = 51');
  await until('51 is copied', async () => (await copied(db))[50].v === 51);
  assert.doesNotMatch(walpiper.logText(), secrets);
});

scenario('who has a certificate that nobody vouches for is told nothing', async (scene) => {
  const authority = await new Authority(scene.directory()).create();
  const { certificate, key } = await authority.sign('localhost');
  const [refusals, requests] = [[], []];
  const server = createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) });
  server.on('request', (request) => requests.push(request));
  server.on('tlsClientError', (error) => refusals.push(error));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  scene.defer(() => server.close());
  const { db } = await copying(scene, { on_error_notify: `https://localhost:${server.address().port}/` });
  await db.query('UPDATE things SET v = 100 WHERE id = 3');
  await until('it is refused', () => refusals.length > 0);
  assert.equal(refusals[0].code, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA');
  assert.deepEqual(requests, []);
});

/** A program of the test's own, in DIRECTORY, which may pass its first argument on. */
function program(directory, script) {
  const file = join(directory, 'alert');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

const ids = ['"; rm -rf / #', '$(touch pwned) `x`', "O'Neil\\", 'zwei\nZeilen\t', 'ßé漢🐘', '{"a": [1]}', '-n', ''];

scenario('a program gets it on standard input, whatever is in the id', async (scene) => {
  const directory = scene.directory();
  const out = join(directory, 'told');
  const alert = program(directory, 'cat >> "$2"; echo >> "$2"; echo "$1 $#: not a shell" >&2; exit 3');
  const db = await scene.database();
  await db.query(`CREATE TABLE names (id text PRIMARY KEY, v int);
                  CREATE TABLE upper_names (id text PRIMARY KEY, v int CHECK (v < 100))`);
  const walpiper = await scene.walpiper(db, {
    tables: [{ name: 'public.names' }],
    operators: [
      {
        name: 'names',
        target: 'upper_names',
        tables: { names: 'id' },
        select: 'SELECT id, v FROM names WHERE id = $1',
        on_error_notify: { command: [alert, '$HOME; `x`', out] },
      },
    ],
    retry: { min_restart_time: 3_600_000, max_restart_time: 3_600_000 },
  });
  await says(walpiper, /every id is computed/);
  await db.query('INSERT INTO names SELECT id, 100 FROM unnest($1::text[]) AS n (id)', [ids]);
  const told = () => (existsSync(out) ? readFileSync(out, 'utf8').split('\n') : []);
  await until('all are told', () => told().length === ids.length + 1);
  const got = told().slice(0, -1).map((line) => JSON.parse(line));
  assert.deepEqual(new Set(got.map(({ id }) => id)), new Set(ids));
  assert.ok(got.every(({ sqlstate, attempts }) => sqlstate === '23514' && attempts === 1));
  await says(walpiper, /level=warn.*could not be told to .*alert: ended with exit code 3: \$HOME; `x` 2: not a shell/, ids.length);
});

scenario('a program that hangs holds up neither events nor the stop, and ends with it', async (scene) => {
  const directory = scene.directory();
  const pid = join(directory, 'pid');
  const command = [program(directory, 'echo $$ > "$1.new"; mv "$1.new" "$1"; sleep 600'), pid];
  const { db, walpiper } = await copying(scene, { on_error_notify: { command } });
  await db.query('UPDATE things SET v = 100 WHERE id = 3');
  await until('it was started', () => existsSync(pid));
  await db.query('UPDATE things SET v = 60 WHERE id = 6');
  await until('6 is copied', async () => (await copied(db))[5].v === 60);
  const group = Number(readFileSync(pid, 'utf8'));
  process.kill(-group, 0);
  assert.deepEqual(await walpiper.stop('SIGTERM', 5_000), { code: 0, signal: null });
  await until('all of it has ended', () => {
    try {
      process.kill(-group, 0);
      return false;
    } catch {
      return true;
    }
  });
});

scenario('check: a program that cannot be run is an error with its mend, a malformed URL is refused with its line', async (scene) => {
  const db = await scene.database();
  await db.query(thingsSchema);
  const check = async (on_error_notify) => {
    const walpiper = scene.unstarted(db, things({ on_error_notify }));
    await walpiper.configure();
    return run(binary, ['check', '-c', walpiper.file]);
  };
  const missing = await check({ command: ['/no/such/alert', 'x'] });
  assert.equal(missing.code, 1);
  assert.match(missing.stdout, /^error +operator copies: on_error_notify: \/no\/such\/alert does not exist; correct the path$/m);
  const data = await check({ command: [join('config', 'walpiper.yaml')] });
  assert.match(data.stdout, /^error .*walpiper\.yaml cannot be executed; chmod \+x it/m);
  const fine = await check({ command: ['sh', '-c', 'true'] });
  assert.match(fine.stdout, /^ok +operator copies: can run$/m);
  const malformed = await check('https://user:pass-word@[::1/hidden');
  assert.equal(malformed.code, 1);
  assert.match(malformed.stderr, /walpiper\.yaml:\d+: operators\[0\]\.on_error_notify: malformed URL: .*; correct it/);
  assert.doesNotMatch(malformed.stderr, secrets);
});
