// walpiper operator: what it says of read models, and what it asks of them.
import { assert, binary, run, scenario, until } from './harness/lib.mjs';
import { command, copying, done, json, refused } from './harness/operators.mjs';
import { areCopied, copied, parked, says, things, thingsSchema } from './harness/things.mjs';

// --- list and show ----------------------------------------------------------------------------------

scenario('list and show: state, position, parked ids with their errors; --json the same; the newest first, as many as --limit', async (scene) => {
  const { db, walpiper } = await copying(scene, { bad: [3] });
  await db.query('UPDATE things SET v = 101 WHERE id = 4');
  await until('both are parked', async () => (await parked(db)).length === 2);
  const { operators } = await json(walpiper, 'list');
  assert.equal(operators.length, 1);
  const { name, state, applied, lag_bytes, lanes, parked: count, rebuild, halted } = operators[0];
  assert.deepEqual({ name, state, lanes, count, rebuild, halted }, { name: 'copies', state: 'running', lanes: 1, count: 2, rebuild: null, halted: null });
  assert.equal(applied, await db.value('SELECT lsn::text FROM walpiper.checkpoint'));
  assert.ok(lag_bytes >= 0);
  const [head, line, ...more] = (await done(walpiper, 'list')).trimEnd().split('\n');
  assert.match(head, /^name +state +applied +lag +parked +rebuild$/);
  assert.match(line, /^copies +running +[0-9A-F]+\/[0-9A-F]+ +\d+ +2 +-$/);
  assert.deepEqual(more, []);
  const shown = await json(walpiper, 'show', 'copies');
  assert.deepEqual(shown.parked_ids.map(({ id, sqlstate, attempts }) => ({ id, sqlstate, attempts })), [
    { id: '4', sqlstate: '23514', attempts: 1 },
    { id: '3', sqlstate: '23514', attempts: 1 },
  ]);
  assert.match(shown.parked_ids[0].error, /violates check constraint "small"/);
  assert.match(shown.parked_ids[0].since, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(shown.parked_ids[0].next_try > shown.parked_ids[0].since);
  assert.equal((await json(walpiper, 'show', 'copies', '--limit', '1')).parked_ids[0].id, '4');
  const text = await done(walpiper, 'show', 'copies', '--limit', '1');
  assert.match(text, /^state +running$/m);
  assert.match(text, /^parked +2\n  4: .*"small" \(23514\); failed 1 times since .*Z, next try .*Z\n$/m);
});

scenario('list: paused, halted, stopped and rebuilding are told', async (scene) => {
  const { db, walpiper } = await copying(scene, { over: { on_error: 'stop' }, config: { retry: { min_restart_time: 20, max_restart_time: 50, max_retries: 1 } } });
  const state = async () => (await json(walpiper, 'list')).operators[0];
  await until('the first rebuild is over', async () => (await state()).rebuild === null);
  const writer = await db.connect(); // a rebuild waits for those that write
  await writer.query('BEGIN; UPDATE things SET v = v WHERE id = 20');
  await done(walpiper, 'rebuild', 'copies', '--where', 'id > 1');
  const { state: word, rebuild } = await state();
  assert.equal(word, 'rebuilding');
  assert.equal(rebuild.where, 'id > 1');
  assert.equal(rebuild.of, 1);
  assert.match(await done(walpiper, 'list'), /rebuilding .* 0 of 1$/m);
  assert.match(await done(walpiper, 'show', 'copies'), /^rebuild +0 of 1\n +where +id > 1$/m);
  await writer.query('COMMIT');
  writer.release();
  await done(walpiper, 'pause', 'copies');
  assert.equal((await state()).state, 'paused');
  await done(walpiper, 'resume', 'copies');
  await db.query('UPDATE things SET v = 100 WHERE id = 1');
  await until('it is halted', async () => (await state()).state === 'halted');
  assert.match((await state()).halted, /id 1 failed 2 times/);
  await db.query('UPDATE things SET v = 1 WHERE id = 1');
  await done(walpiper, 'resume', 'copies');
  await until('it goes on', async () => ['running', 'rebuilding'].includes((await state()).state));
  await walpiper.stop();
  await until('it is stopped', async () => (await state()).state === 'stopped');
});

// --- commands ---------------------------------------------------------------------------------------

scenario('retry and skip: parked ids or all of them; with one that is not parked nothing is done', async (scene) => {
  const { db, walpiper } = await copying(scene, { bad: [3, 4, 5, 6] });
  const why = await refused(walpiper, 'skip', 'copies', '3', '7');
  assert.match(why, /operator copies: id 7 is not parked, nothing was done/);
  assert.match(await refused(walpiper, 'retry', 'copies', '3', '33'), /id 33 is not parked/);
  assert.equal((await parked(db)).length, 4);
  await db.query('ALTER TABLE copies DROP CONSTRAINT small');
  assert.match(await done(walpiper, 'retry', 'copies', '3', '4'), /^operator copies: 2 parked ids to be tried now\n$/);
  await until('they are right', async () => (await parked(db)).map(({ id }) => id).join() === '5,6');
  assert.match(await done(walpiper, 'skip', 'copies', '5'), /1 parked id given up/);
  assert.match(await done(walpiper, 'retry', 'copies'), /1 parked id to be tried now/);
  await until('none is left', async () => (await parked(db)).length === 0);
  assert.deepEqual((await copied(db)).slice(2, 6).map(({ v }) => v), [100, 100, 5, 100]);
  assert.match(await done(walpiper, 'skip', 'copies'), /0 parked ids given up/);
});

scenario('pause, resume and rebuild: the service obeys; without one the next will', async (scene) => {
  const { db, walpiper } = await copying(scene);
  assert.equal(await done(walpiper, 'pause', 'copies'), 'operator copies: pauses\n');
  await says(walpiper, /operator copies.*paused/);
  await db.query('UPDATE things SET v = 50 WHERE id = 1');
  assert.equal(await done(walpiper, 'resume', 'copies'), 'operator copies: goes on\n');
  await areCopied(db);
  await db.query('UPDATE copies SET v = 0');
  assert.equal(await done(walpiper, 'rebuild', 'copies', '--where', 'id <= 19 -- not all'), 'operator copies: computes anew the ids where id <= 19 -- not all\n');
  await until('all but one are right', async () => (await copied(db)).filter(({ v }) => v === 0).map(({ id }) => id).join() === '20');
  assert.equal(await done(walpiper, 'rebuild', 'copies'), 'operator copies: computes anew every id\n');
  await areCopied(db);
  await db.query('UPDATE copies SET v = 0');
  await walpiper.stop();
  assert.match(await done(walpiper, 'rebuild', 'copies'), /every id; no service has it now, the next one will obey\n/);
  await walpiper.start();
  await areCopied(db);
});

scenario('rebuild --swap: in a new table; refused at once when another operator has the target', async (scene) => {
  const other = { name: 'other', target: 'copies', tables: { things: 'id' }, query: 'UPDATE copies SET v = v WHERE id = $1' };
  const { db, walpiper } = await copying(scene);
  await db.query('INSERT INTO copies VALUES (99, 99)');
  const blocker = await db.connect(); // the exchange waits for it
  await blocker.query('BEGIN; LOCK TABLE copies IN SHARE MODE');
  assert.equal(await done(walpiper, 'rebuild', 'copies', '--swap'), 'operator copies: computes anew every id, in a new table\n');
  await until('it is under way', async () => (await json(walpiper, 'show', 'copies')).rebuild?.swap);
  assert.match(await done(walpiper, 'show', 'copies'), /^rebuild .* new table/m);
  await blocker.query('COMMIT');
  await areCopied(db);
  walpiper.config.operators.push(other);
  await walpiper.configure();
  assert.match(await refused(walpiper, 'rebuild', 'copies', '--swap'), /^walpiper: operator copies: operator other writes the same target; rebuild without swap/);
});

scenario('rebuild: a condition that is none is refused at once and changes nothing', async (scene) => {
  const { db, walpiper } = await copying(scene);
  const before = await db.query('TABLE walpiper.checkpoint');
  for (const condition of ['ident = 1', 'id <', 'id = $1', `id = 'x'`, 'true); DROP TABLE things; --', 'v = 1', 'id'])
    assert.match(await refused(walpiper, 'rebuild', 'copies', '--where', condition), /operator copies: --where .*; write a condition on the columns of target_id/, condition);
  assert.deepEqual(await db.query('SELECT rebuild FROM walpiper.checkpoint'), before.map(({ rebuild }) => ({ rebuild })));
  assert.equal(await db.value('SELECT count(*)::int FROM things'), 20);
});

scenario('what cannot be is refused with one line', async (scene) => {
  const db = await scene.database();
  await db.query(thingsSchema);
  const walpiper = scene.unstarted(db, things());
  await walpiper.configure();
  for (const words of [['list'], ['show', 'copies'], ['pause', 'copies'], ['verify', 'copies']])
    assert.match(await refused(walpiper, ...words), /schema walpiper: does not exist in database .*: no operator ran yet; start the service/);
  await walpiper.start();
  await says(walpiper, /every id is computed/);
  for (const verb of ['show', 'retry', 'skip', 'pause', 'resume', 'rebuild', 'verify'])
    assert.match(await refused(walpiper, verb, 'copy'), /operator copy: is not configured in .*; it has copies\n/);
  const other = scene.unstarted(db, things({ name: 'second' }));
  await other.configure();
  for (const verb of ['retry', 'skip', 'pause', 'resume', 'rebuild', 'verify'])
    assert.match(await refused(other, verb, 'second'), /operator second: did not run yet; start the service/);
  assert.match(await done(other, 'list'), /^second +never ran +- +- +0 +-$/m);
  other.config.operators = [];
  await other.configure();
  assert.match(await refused(other, 'list'), /operators: none is configured/);
  await db.query('CREATE ROLE stranger LOGIN; GRANT USAGE ON SCHEMA walpiper TO stranger; GRANT SELECT ON ALL TABLES IN SCHEMA walpiper TO stranger');
  scene.defer(() => db.query('DROP OWNED BY stranger; DROP ROLE stranger'));
  const weak = scene.unstarted(db, things({}, { database: { url: db.url.replace('user=postgres', 'user=stranger') } }));
  await weak.configure();
  assert.match(await refused(weak, 'pause', 'copies'), /operator copies: permission denied .*; GRANT it to role stranger/);
});

scenario('wrong usage: one line, exit 2', async (scene) => {
  const db = await scene.database();
  const walpiper = scene.unstarted(db, things());
  await walpiper.configure();
  const wrong = [[], ['look'], ['show'], ['list', 'copies'], ['show', 'copies', '3'], ['pause', 'copies', '--json'], ['list', '--all'],
    ['verify', 'copies', '--all', '--sample', '3'], ['verify', 'copies', '--sample', '0'], ['show', 'copies', '--limit', 'x'], ['retry', 'copies', '--where', 'true'],
    ['rebuild', 'copies', '--swap', '--where', 'true'], ['verify', 'copies', '--swap']];
  for (const words of wrong) {
    const { code, stdout, stderr } = await command(walpiper, ...words);
    assert.equal(code, 2, `${words}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, /^walpiper: operator.*\n$/);
  }
  const help = await run(binary, ['operator', '--help']);
  assert.match(help.stdout, /usage: walpiper operator list\|show\|.*\|verify \[NAME \[ID...\]\] \[options\]/);
});
