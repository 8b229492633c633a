// Operators on the admin listener: how they are, and what is asked of them, by whoever may.
import { assert, freePort, scenario, until } from './harness/lib.mjs';
import { Metrics } from './harness/metrics.mjs';
import { proxy } from './harness/network.mjs';
import { areCopied, copied, copies, copying, parked, says, things, thingsSchema } from './harness/things.mjs';

const forgetful = { retry: { min_restart_time: 3_600_000, max_restart_time: 3_600_000 } };

/** A request of the admin listener: {status, headers, json}. */
async function ask(walpiper, path, options) {
  const { status, headers, body } = await walpiper.admin(path, options);
  return { status, headers, json: headers['content-type'] === 'application/json' ? JSON.parse(body) : body };
}

const post = (walpiper, command, { json, ...options } = {}) =>
  ask(walpiper, `/operators/${command}`, {
    method: 'POST',
    ...(json === undefined ? {} : { body: JSON.stringify(json), headers: { 'Content-Type': 'application/json' } }),
    ...options,
  });

async function done(walpiper, command, options) {
  const { status, json } = await post(walpiper, command, options);
  assert.equal(status, 200, JSON.stringify(json));
  assert.equal(json.done, true);
  return json;
}

const show = async (walpiper, name = 'copies', query = '') => (await ask(walpiper, `/operators/${name}${query}`)).json;

scenario('the list says of each operator what it is and how far; status and metrics say the same', async (scene) => {
  const call = { name: 'calls', call: 'public.called', tables: ['things'] };
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query(`CREATE FUNCTION called(jsonb) RETURNS void LANGUAGE sql AS ''`);
  const walpiper = await scene.walpiper(db, things({}, { operators: [copies, call] }));
  await says(walpiper, /every id is computed/);
  await db.query('INSERT INTO things SELECT n, n FROM generate_series(1, 20) n');
  await areCopied(db);
  const wanted = await db.value('SELECT pg_current_wal_insert_lsn()');
  assert.equal((await ask(walpiper, `/processed?lsn=${wanted}&wait=20`)).status, 200);
  let list;
  const atRest = async () => {
    list = (await ask(walpiper, '/operators')).json;
    return list.every(({ lag_bytes: bytes, lag_seconds: seconds, state }) => bytes === 0 && seconds === 0 && state === 'ready');
  };
  await until('they have nothing to do', atRest);
  assert.deepEqual(list.map(({ name, target, form }) => [name, target, form]), [
    ['copies', 'public.copies', 'query'],
    ['calls', null, 'call'],
  ]);
  const { applied, events, ...rest } = list[0];
  assert.match(applied, /^[0-9A-F]+\/[0-9A-F]+$/);
  assert.equal(events, 20);
  assert.deepEqual(rest, {
    name: 'copies', target: 'public.copies', form: 'query', state: 'ready', lag_bytes: 0, lag_seconds: 0,
    dirty: 0, parked: 0, failures: 0, rebuilding: false, rebuild_step: null, error: null,
  });
  const status = (await ask(walpiper, '/status')).json.operators;
  assert.deepEqual(status.map(Object.keys), list.map(Object.keys));
  const metrics = new Metrics((await ask(walpiper, '/metrics')).json);
  for (const name of ['lag_bytes', 'lag_seconds', 'dirty', 'parked']) assert.equal(metrics.sum(`walpiper_operator_${name}{operator="calls"}`), 0);
  assert.ok(metrics.sum('walpiper_operator_applied_lsn{operator="calls"}') > 0);
});

scenario('an operator that is behind says how far, in bytes and seconds, and what is wrong with it', async (scene) => {
  const { db, walpiper } = await copying(scene);
  await db.query('ALTER TABLE copies RENAME TO away');
  await db.query('UPDATE things SET v = 50');
  await until('it says so', async () => {
    const { lag_bytes: bytes, lag_seconds: seconds, error, dirty } = (await ask(walpiper, '/operators')).json[0];
    return bytes > 0 && seconds > 0 && dirty > 0 && /"?copies"? does not exist/.test(error);
  });
  const metrics = new Metrics((await ask(walpiper, '/metrics')).json);
  assert.ok(metrics.sum('walpiper_operator_dirty{operator="copies"}') > 0);
  assert.ok(metrics.sum('walpiper_operator_lag_bytes{operator="copies"}') > 0);
  await db.query('ALTER TABLE away RENAME TO copies');
  await areCopied(db);
  await until('all is well again', async () => {
    const { lag_seconds: seconds, error } = (await ask(walpiper, '/operators')).json[0];
    return seconds === 0 && error === null;
  });
});

scenario('one operator: its parked ids with their errors, a page at a time', async (scene) => {
  const { db, walpiper } = await copying(scene, {}, forgetful);
  await db.query('UPDATE things SET v = 100 + id WHERE id IN (2, 3, 5, 7, 11)');
  await until('they are parked', async () => (await show(walpiper)).parked === 5);
  const all = await show(walpiper);
  assert.equal(all.name, 'copies');
  assert.equal(all.next, null);
  const ids = ['11', '2', '3', '5', '7'];
  assert.deepEqual(all.parked_ids.map(({ id }) => id), ids);
  const { error, sqlstate, attempts, next_try: next, since } = all.parked_ids[0];
  assert.match(error, /small/);
  assert.deepEqual([sqlstate, attempts], ['23514', 1]);
  assert.ok(Date.parse(next) > Date.now() + 3_000_000 && Date.parse(since) <= Date.now() + 60_000, `${next} ${since}`);
  const pages = [];
  for (let after = ''; after !== null; ) {
    const page = await show(walpiper, 'copies', `?limit=2${after && `&after=${after}`}`);
    pages.push(page.parked_ids.map(({ id }) => id));
    after = page.next;
  }
  assert.deepEqual(pages, [['11', '2'], ['3', '5'], ['7']]);
  for (const query of ['?limit=0', '?limit=1001', '?limit=x', '?offset=1', '?after=%00', '?after=%zz']) {
    const { status, json } = await ask(walpiper, `/operators/copies${query}`);
    assert.equal(status, 400, query);
    assert.match(json.error, /limit|after/);
  }
});

scenario('retry and skip: all parked ids, or one, from query or body; how many is answered', async (scene) => {
  const { db, walpiper } = await copying(scene, {}, forgetful);
  await db.query('UPDATE things SET v = 100 + id WHERE id IN (2, 3, 5, 7)');
  await until('they are parked', async () => (await parked(db)).length === 4);
  await db.query('ALTER TABLE copies DROP CONSTRAINT small');
  assert.deepEqual(await done(walpiper, 'copies/retry?id=2'), { operator: 'copies', done: true, ids: 1 });
  assert.equal((await done(walpiper, 'copies/skip', { json: { id: '3' } })).ids, 1);
  assert.equal((await done(walpiper, 'copies/retry', { json: { id: 5 } })).ids, 1);
  await until('one is left', async () => (await parked(db)).map(({ id }) => id).join() === '7');
  const { status, json } = await post(walpiper, 'copies/skip?id=3');
  assert.deepEqual([status, json], [404, { error: 'operator copies has not parked this id' }]);
  assert.equal((await done(walpiper, 'copies/retry', { json: {} })).ids, 1);
  await until('none is left', async () => (await parked(db)).length === 0);
  assert.equal((await done(walpiper, 'copies/skip')).ids, 0);
  const { v } = (await copied(db))[2];
  assert.equal(v, 3, 'it was given up');
});

scenario('an id of several columns is an array, as it is shown', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE lines (org int, n text, v int, PRIMARY KEY (org, n));
    CREATE TABLE copies (org int, n text, v int CONSTRAINT small CHECK (v < 100), PRIMARY KEY (org, n))`);
  const op = { name: 'copies', target: 'copies', target_id: ['org', 'n'], tables: { lines: ['org', 'n'] }, select: 'SELECT * FROM lines WHERE org = $1 AND n = $2' };
  const walpiper = await scene.walpiper(db, { tables: [{ name: 'public.lines' }], operators: [op], ...forgetful });
  await db.query(`INSERT INTO lines VALUES (1, 'a "b"', 100), (1, 'c', 100)`);
  await until('both are parked', async () => (await show(walpiper)).parked === 2);
  const [{ id }] = (await show(walpiper)).parked_ids;
  assert.deepEqual(JSON.parse(id), ['1', 'a "b"']);
  assert.equal((await done(walpiper, 'copies/skip', { json: { id: [1, 'a "b"'] } })).ids, 1);
  assert.equal((await done(walpiper, `copies/skip?id=${encodeURIComponent('["1","c"]')}`)).ids, 1);
});

scenario('pause, resume, rebuild: the service obeys', async (scene) => {
  const { db, walpiper } = await copying(scene);
  const is = (state) => until(`it is ${state}`, async () => (await ask(walpiper, '/operators')).json[0].state === state);
  assert.deepEqual(await done(walpiper, 'copies/pause'), { operator: 'copies', done: true });
  await is('paused');
  await db.query('UPDATE things SET v = 50 WHERE id = 1');
  await done(walpiper, 'copies/resume', { json: {} });
  await areCopied(db);
  await db.query('UPDATE copies SET v = 0');
  await done(walpiper, 'copies/rebuild', { json: { where: 'id BETWEEN 2 AND 4' } });
  await says(walpiper, /the rebuild of the ids where id BETWEEN 2 AND 4 is over/);
  assert.deepEqual((await copied(db)).slice(0, 5).map(({ v }) => v), [0, 2, 3, 4, 0]);
  await done(walpiper, `copies/rebuild?where=${encodeURIComponent('id = 5')}`);
  await says(walpiper, /the rebuild of the ids where id = 5 is over/);
  await done(walpiper, 'copies/rebuild', { json: { swap: false } });
  await areCopied(db);
  await db.query('UPDATE copies SET v = 0');
  await done(walpiper, 'copies/rebuild', { json: { swap: true } });
  await areCopied(db);
  await db.query('UPDATE copies SET v = 1');
  await done(walpiper, 'copies/rebuild?swap=true');
  await areCopied(db);
});

scenario('what is not meant is refused in JSON, and nothing is done', async (scene) => {
  const { db, walpiper } = await copying(scene);
  const commands = () => db.value('SELECT commands FROM walpiper.operator');
  const before = await commands();
  const refused = async (command, status, words, options) => {
    const answer = await post(walpiper, command, options);
    assert.equal(answer.status, status, `${command}: ${JSON.stringify(answer.json)}`);
    assert.match(answer.json.error, words);
  };
  await refused('copy/pause', 404, /^there is no operator copy$/);
  await refused('copies/pause?id=1', 400, /^pause takes no id$/);
  await refused('copies/retry?where=1', 400, /^retry takes no where, but id$/);
  await refused('copies/retry?id=1&id=2', 400, /^id is said twice$/);
  await refused('copies/retry?id=1', 400, /^id is said twice$/, { json: { id: 2 } });
  await refused('copies/retry?id=%00', 400, /^id is not well percent-encoded$/);
  for (const id of [null, true, 1.5, {}, [], ['1'], [['1'], '2'], Array(9).fill(1)]) await refused('copies/retry', 400, /^id must be/, { json: { id } });
  await refused('copies/rebuild', 400, /^where must be a string$/, { json: { where: 1 } });
  await refused('copies/rebuild', 400, /^rebuild takes no were, but where$/, { json: { were: 'id = 1' } });
  await refused('copies/rebuild', 400, /^rebuild takes swap or where, not both$/, { json: { where: 'id = 1', swap: true } });
  await refused('copies/rebuild?swap=true', 400, /^rebuild with swap takes no where$/, { json: { where: 'id = 1' } });
  await refused('copies/pause?swap=true', 400, /^pause takes no swap$/);
  for (const where of ['', 'ident = 1', 'id = nothing(id)', 'id = 1; DROP TABLE copies', 'id = 1 +', 'id'])
    await refused('copies/rebuild', 400, /syntax error|does not exist|must be type boolean/, { json: { where } });
  for (const json of [[], 'x', 1, null]) await refused('copies/rebuild', 400, /^the body is no JSON object$/, { json });
  const headers = { 'Content-Type': 'application/json; charset=utf-8' };
  await refused('copies/rebuild', 400, /^the body is no JSON object$/, { headers, body: '{"where": "id = 1"' });
  await refused('copies/rebuild', 400, /^the body is no JSON object$/, { headers, body: '{"where": "1", "where": "2"}' });
  await refused('copies/rebuild', 400, /^the body is no JSON object$/, { headers, body: '{"where": "\\u0000"}' });
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', ''])
    await refused('copies/rebuild', 415, /^Content-Type must be application\/json$/, { headers: { 'Content-Type': type }, body: '{}' });
  for (const [path, method, allow] of [['copies/pause', 'GET', 'POST'], ['copies', 'POST', 'GET, HEAD'], ['copies/retry', 'DELETE', 'POST']]) {
    const answer = await ask(walpiper, `/operators/${path}`, { method });
    assert.deepEqual([answer.status, answer.headers.allow], [405, allow], path);
  }
  for (const path of ['/operators/', '/operators/copies/', '/operators/copies/verify', '/operators//pause', '/operators/copies/pause/now'])
    assert.equal((await ask(walpiper, path, { method: 'POST' })).status, 404, path);
  assert.equal((await ask(walpiper, '/operators/copy')).status, 404);
  assert.equal(await commands(), before);
});

scenario('pages of other origins change nothing, and names that DNS may point here are none', async (scene) => {
  const port = await freePort();
  const { walpiper } = await copying(scene, {}, { admin: { listen: `127.0.0.1:${port}` } });
  const status = async (headers, method = 'POST') => (await walpiper.admin('/operators/copies/pause', { method, headers })).status;
  const page = 'https://pages.example.org';
  for (const origin of [page, 'null', 'http://localhost:8080', `http://127.0.0.1:${port + 1}`, `file://127.0.0.1:${port}`, ''])
    assert.equal(await status({ Origin: origin }), 403, origin);
  assert.equal(await status({ Origin: page }, 'OPTIONS'), 403);
  assert.equal(await status({ Host: 'pages.example.org', Origin: 'http://pages.example.org' }), 403);
  const [{ state }] = (await ask(walpiper, '/operators')).json;
  assert.notEqual(state, 'paused');
  for (const headers of [{ Host: `localhost:${port}`, Origin: `http://localhost:${port}` }, { Origin: `http://127.0.0.1:${port}` }, {}])
    assert.equal(await status(headers), 200);
});

scenario('a database out of reach is answered 503 and no later than it takes to know; when it is back, so are the answers', async (scene) => {
  const db = await scene.database();
  await db.query(thingsSchema);
  const gate = await proxy(scene, db.server);
  const walpiper = await scene.walpiper(db, things({}, { database: { url: gate.url(db) } }));
  await until('the tables are there', async () => (await ask(walpiper, '/operators/copies')).status === 200);
  await gate.close();
  const { status, json } = await post(walpiper, 'copies/pause');
  assert.equal(status, 503);
  assert.match(json.error, /^the database cannot be asked now: /);
  assert.equal((await ask(walpiper, '/operators/copies')).status, 503);
  assert.equal((await ask(walpiper, '/operators')).status, 200, 'what is known without it');
});

scenario('an operator whose target is in another database is asked there', async (scene) => {
  const db = await scene.database();
  await db.query(thingsSchema);
  const models = await scene.database();
  await models.query(`CREATE FUNCTION refuse(jsonb) RETURNS void LANGUAGE sql AS 'SELECT 1 / 0'`);
  const away = { name: 'away', call: 'public.refuse', tables: ['things'], database: { url: models.url } };
  const walpiper = await scene.walpiper(db, things({}, { operators: [copies, away], ...forgetful }));
  await until('both run', async () => (await ask(walpiper, '/operators')).json.every(({ applied }) => applied !== null));
  await db.query('INSERT INTO things VALUES (1, 1)');
  await until('its event is parked', async () => (await show(walpiper, 'away')).parked_ids.length === 1);
  assert.deepEqual((await show(walpiper, 'copies')).parked_ids, []);
  assert.equal((await done(walpiper, 'away/skip')).ids, 1);
  for (const json of [{}, { swap: true }]) {
    const { status, json: { error } } = await post(walpiper, 'away/rebuild', { json });
    assert.deepEqual([status, error], [409, 'operator away calls a function for each event: it has no rows that could be computed anew']);
  }
  assert.equal((await done(walpiper, 'copies/skip')).ids, 0);
  assert.deepEqual(await parked(models), []);
  assert.deepEqual(await walpiper.stop(), { code: 0, signal: null });
});

scenario('an operator that has not run yet is told as that, not as broken', async (scene) => {
  const db = await scene.database();
  await db.query(thingsSchema);
  const walpiper = await scene.walpiper(db, things({ tables: { things: 'nowhere' } }));
  const { status, json } = await post(walpiper, 'copies/pause');
  assert.equal(status, 409, JSON.stringify(json));
  assert.match(json.error, /has not run yet/);
});
