// Read your writes: GET /processed/TABLE, and `walpiper wait`, say yes when the read model has it, and no before.
import { assert, binary, run, scenario, until } from './harness/lib.mjs';
import { hsToken } from './harness/jwt.mjs';
import { areCopied, copies, copying, retry, says, thingsSchema } from './harness/things.mjs';

const insertLsn = (db) => db.value('SELECT pg_current_wal_insert_lsn()');
const serverTime = (db) => db.value(`SELECT to_json(clock_timestamp()) #>> '{}'`);

/** GET /processed/...: {status, headers, ...the answer}. */
async function processed(walpiper, query, { table = 'things', headers } = {}) {
  const path = `/processed/${table}?${new URLSearchParams(query)}`;
  const { status, headers: sent, body } = await walpiper.request(path, { headers });
  const json = sent['content-type'] === 'application/json' ? JSON.parse(body) : { text: body };
  return { status, headers: sent, ...json };
}

const waiting = async (walpiper, query, options) => {
  const answer = await processed(walpiper, { wait: 60, ...query }, options);
  assert.equal(answer.status, 200, JSON.stringify(answer));
  return answer;
};

/** Keeps the operator from writing until the session that it returns commits. */
async function holdUp(db) {
  const session = await db.connect();
  await session.query('BEGIN; LOCK TABLE copies IN SHARE MODE');
  return session;
}

const wait = (walpiper, ...args) => run(binary, ['wait', '-c', walpiper.file, ...args]);

/** Writes things, asks with YES(query) for each write, and looks whether it can be read then. */
async function writeAndRead(db, writer, rounds, yes) {
  const session = await db.connect();
  for (let round = 1; round <= rounds; round++) {
    const id = 1 + ((writer * 5 + round) % 5) + writer * 5;
    await session.query('UPDATE things SET v = (v + 1) % 100 WHERE id = $1', [id]);
    const { rows } = await session.query('SELECT pg_current_wal_insert_lsn() AS lsn, clock_timestamp()::text AS since');
    const answer = await yes(writer % 2 === 0 ? { lsn: rows[0].lsn } : { since: rows[0].since });
    const [{ same }] = await db.query('SELECT t.v = c.v AS same FROM things t JOIN copies c USING (id) WHERE id = $1', [id]);
    assert.ok(same, `${writer}, round ${round}: ${JSON.stringify(answer)}`);
  }
  session.release();
}

scenario('writers who wait for their commit, by its LSN or by the time, read it in the read model each time', async (scene) => {
  const { db, walpiper } = await copying(scene, { lanes: 2 });
  await Promise.all([0, 1, 2, 3].map((writer) => writeAndRead(db, writer, 10, (query) => waiting(walpiper, query))));
});

scenario('a yes is true also when walpiper is killed, and asked again by who had no answer', async (scene) => {
  const { db, walpiper } = await copying(scene, { lanes: 2 });
  let kills = 0;
  const yes = async (query) => {
    let answer;
    await until('a yes', async () => {
      answer = await processed(walpiper, { ...query, wait: 5 }).catch(() => ({}));
      return answer.status === 200;
    });
    return answer;
  };
  const writing = Promise.all([0, 1, 2, 3].map((writer) => writeAndRead(db, writer, 12, yes))).finally(() => (kills = 3));
  for (; kills < 3; kills++) {
    await until('some are processed', async () => (await processed(walpiper, { lsn: await insertLsn(db) })).status === 200);
    await walpiper.kill();
    await walpiper.start();
  }
  await writing;
});

scenario('no before it is applied: 425 with who is behind; a client that waits is answered when it is', async (scene) => {
  const { db, walpiper } = await copying(scene);
  const before = await serverTime(db);
  await waiting(walpiper, { since: before });
  const stream = await walpiper.subscribe('/streams/things');
  const session = await holdUp(db);
  await db.query('UPDATE things SET v = 77 WHERE id = 3');
  const [high, low] = JSON.parse((await stream.first(1))[0].data).lsn;
  const ofEvent = `${high.toString(16)}/${low.toString(16)}`;
  assert.equal((await processed(walpiper, { lsn: ofEvent })).status, 425);
  const [lsn, since] = [await insertLsn(db), await serverTime(db)];
  for (const query of [{ lsn }, { since }]) {
    const { status, headers, ...answer } = await processed(walpiper, query);
    assert.equal(status, 425);
    assert.equal(headers['retry-after'], '1');
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(answer.table, 'things');
    assert.equal(answer.processed, false);
    assert.equal(answer.operators.length, 1);
    const [{ name, processed: own, state, rebuilding, parked }] = answer.operators;
    assert.deepEqual({ name, own, state, rebuilding, parked }, { name: 'copies', own: false, state: 'busy', rebuilding: false, parked: 0 });
  }
  assert.equal((await processed(walpiper, { since: before })).status, 200, 'what was before it');
  const answers = Promise.all([waiting(walpiper, { lsn }), waiting(walpiper, { lsn: ofEvent }), waiting(walpiper, { since }), waiting(walpiper, { lsn }, { table: 'public.things' })]);
  await session.query('COMMIT');
  for (const answer of await answers) {
    assert.equal(answer.processed, true);
    assert.equal(answer.operators[0].processed, true);
  }
  assert.equal(await db.value('SELECT v FROM copies WHERE id = 3'), 77);
  session.release();
});

scenario('an idle server is asked: what touches no table, and the start of a page or segment of WAL, is reached at once', async (scene) => {
  const { db, walpiper } = await copying(scene);
  await db.query('CREATE TABLE other (t text)');
  const session = await db.connect();
  await session.query('SET synchronous_commit = off');
  for (let size = 0; size < 3; size++) {
    await session.query(`INSERT INTO other VALUES (repeat('x', ${size * 900}))`);
    await waiting(walpiper, { lsn: await insertLsn(db) });
    await waiting(walpiper, { since: await serverTime(db) });
  }
  await db.query('SELECT pg_switch_wal()');
  const lsn = await insertLsn(db);
  assert.match(lsn, /000028$/, 'behind the header of a segment');
  // Every 15 s the server may write something by itself.
  await waiting(walpiper, { lsn, wait: 8 });
  await waiting(walpiper, { since: await serverTime(db), wait: 8 });
  session.release();
});

scenario('what has not happened is not processed: an LSN that there is not yet, a time to come', async (scene) => {
  const { db, walpiper } = await copying(scene);
  const ahead = await db.value(`SELECT pg_current_wal_insert_lsn() + 100000000`);
  const { status, wanted } = await processed(walpiper, { lsn: ahead });
  assert.deepEqual({ status, wanted }, { status: 425, wanted: ahead });
  const later = await processed(walpiper, { since: '2999-01-01T00:00:00Z' });
  assert.deepEqual([later.status, later.wanted], [425, null]);
  // A second is over when the next one begins.
  const second = await db.value(`SELECT to_char(clock_timestamp(), 'YYYY-MM-DD HH24:MI:SSOF')`);
  await waiting(walpiper, { since: second });
  assert.ok(Date.parse(await serverTime(db)) >= Date.parse(second.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')) + 1000);
});

scenario('paused, halted or rebuilding: no, and the answer says which; parked ids are counted', async (scene) => {
  // Long enough that it is seen to go on with a parked id before it halts for it.
  const slowly = { min_restart_time: 1500, max_restart_time: 1500, max_retries: 1 };
  const { db, walpiper } = await copying(scene, { on_error: 'stop', rebuild_rate: 12 }, { retry: slowly });
  const state = async (query) => {
    const { status, operators: [op] } = await processed(walpiper, query);
    return { status, state: op.state, rebuilding: op.rebuilding, parked: op.parked };
  };
  await db.query(`SELECT walpiper.pause('copies')`);
  await says(walpiper, /operator copies.*paused/);
  await db.query('UPDATE things SET v = 50 WHERE id = 1');
  const lsn = await insertLsn(db);
  assert.deepEqual(await state({ lsn }), { status: 425, state: 'paused', rebuilding: false, parked: 0 });
  const answer = waiting(walpiper, { lsn });
  await db.query(`SELECT walpiper.resume('copies')`);
  await answer;

  await db.query(`SELECT walpiper.rebuild('copies')`);
  await until('it rebuilds', async () => (await state({ lsn })).rebuilding);
  assert.equal((await state({ lsn })).status, 425);
  await says(walpiper, /every id is computed/, 2);
  await waiting(walpiper, { lsn });

  await db.query('UPDATE things SET v = 100 WHERE id = 3');
  const parked = await insertLsn(db);
  assert.equal((await waiting(walpiper, { lsn: parked })).operators[0].parked, 1);
  await says(walpiper, /stopped at id 3/);
  await db.query('UPDATE things SET v = 60 WHERE id = 4');
  const after = await insertLsn(db);
  assert.deepEqual(await state({ lsn: after }), { status: 425, state: 'halted', rebuilding: false, parked: 1 });
  const { code, stderr } = await wait(walpiper, '--lsn', after, '--timeout', '3600');
  assert.equal(code, 1);
  assert.match(stderr, /^walpiper: wait: operator copies is halted at .*walpiper\.resume\('copies'\)\n$/);
});

scenario('what is asked wrongly is refused: 400 with what is meant, 404 for a table without an operator', async (scene) => {
  const { db, walpiper } = await copying(scene);
  await db.query('CREATE TABLE other (id int PRIMARY KEY)');
  const lsn = await insertLsn(db);
  const refused = async (query, options) => {
    const { status, text } = await processed(walpiper, query, options);
    return `${status} ${text}`;
  };
  assert.match(await refused({}), /^400 .*either lsn= or since=$/);
  assert.match(await refused({ lsn, since: await serverTime(db) }), /^400 .*either lsn= or since=$/);
  for (const wrong of ['', '1', 'x/y', '0/16B3748;', '1/2/3']) assert.match(await refused({ lsn: wrong }), /^400 .*"lsn" must be an LSN/, wrong);
  for (const wrong of ['', 'now', 'infinity', '2026-08-25', '2026-08-25T13:13:30', '2026-08-25T13:13Z', '2026-02-30T13:13:30Z', '1787663610'])
    assert.match(await refused({ since: wrong }), /^400 .*"since" must be a time/, wrong);
  assert.match(await refused({ lsn, wait: 61 }), /^400 .*"wait" must be a number of seconds from 0 to 60$/);
  assert.match(await refused({ lsn, limit: 1 }), /^400 There is no parameter "limit"/);
  assert.equal(await refused({ lsn }, { table: 'other' }), '404 No operator listens to table "other"');
  assert.equal(await refused({ lsn }, { table: 'copies' }), '404 No operator listens to table "copies"');
  for (const path of ['/processed', '/processed/', '/processed/things/1']) assert.equal((await walpiper.request(`${path}?lsn=${lsn}`)).status, 404, path);
  assert.equal((await walpiper.request(`/processed/things?lsn=${lsn}`, { method: 'POST' })).status, 405);
  // Blanks for '+', as browsers write it, and as they read it.
  const time = await db.value(`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')`);
  for (const since of [`${time}+00`, `${time.replace(' ', 'T')}Z`, `${time}+00:00`]) {
    assert.equal((await walpiper.request(`/processed/things?wait=5&since=${since.replace(' ', '%20')}`)).status, 200, since);
    await waiting(walpiper, { since });
  }
});

scenario('a token needs the table; who may have one sees the operators of that one only', async (scene) => {
  const secret = 'a secret of the tests that is long enough for HS256';
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query('CREATE TABLE hidden (id int PRIMARY KEY, v int); CREATE TABLE hidden_copies (id int PRIMARY KEY, v int)');
  const operators = [copies, { ...copies, name: 'hidden_one', target: 'hidden_copies', tables: { hidden: 'id' }, delete_with: [], query: 'SELECT $1::int' }];
  const tables = [{ name: 'public.things' }, { name: 'public.hidden' }];
  const walpiper = await scene.walpiper(db, { tables, operators, retry, auth: { mode: 'jwt', jwt: { secret } } });
  const lsn = await insertLsn(db);
  const ask = (table, topics) => {
    const headers = topics === undefined ? {} : { Authorization: `Bearer ${hsToken(secret, { topics })}` };
    return processed(walpiper, { lsn, wait: 20 }, { table, headers });
  };
  assert.equal((await ask('things')).status, 401);
  assert.equal((await ask('things', 'hidden')).status, 403);
  assert.equal((await ask('things', 'things/1')).status, 403);
  assert.equal((await ask('nowhere', 'things')).status, 403);
  const answer = await ask('things', 'things');
  assert.deepEqual([answer.status, answer.operators.map(({ name }) => name)], [200, ['copies']]);
});

scenario('wait: 0 when it is applied; 1 with one line at the timeout, without the operator, without a service; 2 for wrong usage', async (scene) => {
  const { db, walpiper } = await copying(scene);
  const ends = async (args, code, line = /^$/) => {
    const result = await wait(walpiper, ...args);
    assert.equal(result.code, code, result.stderr);
    assert.match(result.stderr, line);
    assert.equal(result.stdout, '');
  };
  const session = await holdUp(db);
  await db.query('UPDATE things SET v = 88 WHERE id = 5');
  const lsn = await insertLsn(db);
  await ends(['--lsn', lsn, '--timeout', '0'], 1, /^walpiper: wait: not within 0 s: operator copies, which is busy, has applied all up to \S+, not to \S+\n$/);
  const patient = ends(['--lsn', lsn], 0);
  const choosy = ends(['--lsn', lsn, '--operator', 'copies'], 0);
  await session.query('COMMIT');
  await Promise.all([patient, choosy]);
  assert.equal(await db.value('SELECT v FROM copies WHERE id = 5'), 88);
  session.release();
  await ends(['--lsn', lsn, '--operator', 'a b&c'], 1, /^walpiper: wait: there is no operator a%20b%26c\n$/);
  await ends([], 2, /^walpiper: wait: --lsn is missing/);
  await ends(['--lsn', 'now'], 2, /^walpiper: wait: --lsn now: write an LSN/);
  await ends(['--lsn', lsn, '--timeout', 'x'], 2, /^walpiper: wait: --timeout x: write seconds/);
  await walpiper.stop();
  await ends(['--lsn', lsn], 1, /^walpiper: wait: the service does not answer on admin\.listen, unix:.*; start it/);
});

scenario('a service that stops answers who waits', async (scene) => {
  const { db, walpiper } = await copying(scene);
  const session = await holdUp(db);
  await db.query('UPDATE things SET v = 66 WHERE id = 6');
  const answer = processed(walpiper, { lsn: await insertLsn(db), wait: 60 });
  await until('it waits', () => walpiper.connections() === 1);
  const stopped = walpiper.stop();
  assert.equal((await answer).status, 425);
  await session.query('COMMIT');
  assert.deepEqual(await stopped, { code: 0, signal: null });
  session.release();
  await walpiper.start();
  await areCopied(db);
});
