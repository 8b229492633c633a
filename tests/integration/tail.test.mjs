// walpiper tail: it prints each event once, in order, whatever the service does meanwhile, and the
// service does not notice it.
import { mkdirSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { assert, binary, run, scenario, within } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { captured, journalEvents } from './harness/journal.mjs';
import { tail } from './harness/tail.mjs';

const small = { ...blog, operators: [] };

async function insertPosts(db, from, to) {
  await db.query('INSERT INTO posts (id, title, body) SELECT n, $1 || n, $2 FROM generate_series($3::int, $4::int) n', [
    'post ',
    'text',
    from,
    to,
  ]);
}

async function commentOn(db, post, id, message = 'hello') {
  await db.query('INSERT INTO comments (id, post_id, message, rating) VALUES ($1, $2, $3, 4)', [id, post, message]);
}

async function refused(walpiper, ...words) {
  const { code, stdout, stderr } = await run(binary, ['tail', '-c', walpiper.file, ...words]);
  assert.equal(code, 1, stdout);
  assert.equal(stdout, '');
  assert.match(stderr, /^walpiper: [^\n]+\n$/);
  return stderr;
}

scenario('it prints what the journal has, in order, and goes on with what comes', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, small);
  await insertPosts(db, 1000, 1099);
  await captured(walpiper);
  const all = await tail(scene, walpiper, '--json', '--from', 'earliest');
  await all.until('what was there is printed', () => all.lines().length === 100);
  await insertPosts(db, 1100, 1199);
  await all.until('what came is printed', () => all.lines().length === 200);
  assert.deepEqual(await all.stop('SIGINT'), { code: 0, signal: null });
  assert.equal(all.err, '');
  await walpiper.stop();
  assert.deepEqual(all.lines(), await journalEvents(walpiper));
});

scenario('topics choose, as in URLs: a table, a row, a scope, several', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, small);
  await insertPosts(db, 1000, 1002);
  await commentOn(db, 1000, 2000);
  await commentOn(db, 1001, 2001);
  await db.query('UPDATE comments SET post_id = 1001 WHERE id = 2000');
  await db.query('DELETE FROM posts WHERE id = 1002');
  await captured(walpiper);
  const everything = await tail(scene, walpiper, '--json', '--from', 'earliest', 'posts', 'comments');
  await everything.until('both tables are printed', () => everything.lines().length === 7);
  const row = await tail(scene, walpiper, '--json', '--from', 'earliest', 'public.posts/1002');
  await row.until('the row is printed', () => row.lines().length === 2);
  assert.deepEqual(row.events().map((event) => event.type), ['insert', 'delete']);
  const scope = await tail(scene, walpiper, '--json', '--from', 'earliest', 'posts/1001/comments', 'posts/%31000');
  await scope.until('scope and row are printed', () => scope.lines().length === 3);
  assert.deepEqual(
    scope.events().map(({ name, type }) => `${name} ${type}`),
    ['posts insert', 'comments insert', 'comments update'],
  );
  assert.match(await refused(walpiper, 'posts/1/2/3'), /posts\/1\/2\/3.*write TABLE, TABLE\/ID, PARENT\/ID\/TABLE or PARENT\/ID\/PARENT\/ID\/TABLE/);
  assert.match(await refused(walpiper, 'comments/1/posts'), /has no scope/);
  assert.match(await refused(walpiper, 'posts/%4'), /%XX wants two hex digits/);
});

scenario('lines for people: what changed, never a control character', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  await db.query('ALTER TABLE comments REPLICA IDENTITY FULL');
  const walpiper = await scene.walpiper(db, small);
  await insertPosts(db, 1000, 1000);
  await commentOn(db, 1000, 2000, 'bell \x07, escape \x1b[2J, \u009b, line\nbreak, \u202e turned');
  await db.query('UPDATE comments SET rating = 5 WHERE id = 2000');
  await db.query('DELETE FROM comments WHERE id = 2000');
  await captured(walpiper);
  const lines = await tail(scene, walpiper, '--from', 'earliest', 'comments');
  await lines.until('three lines', () => lines.lines().length >= 3);
  const [insert, update, remove] = lines.lines();
  const head = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (\w+) comments [0-9a-f]{8}-[0-9A-F]+-1 (.*)$/;
  assert.equal(insert.match(head)[1], 'insert');
  assert.match(insert, / id=2000 post_id=1000 message="bell \\u0007, escape \\u001b\[2J, \\xc2\\x9b, line\\nbreak, /);
  assert.equal(update.match(head)[1], 'update');
  assert.match(update, / id=2000 rating=4->5( updated_at=\S+->\S+)?$/);
  assert.equal(remove.match(head)[1], 'delete');
  assert.match(remove, / id=2000 /);
  assert.doesNotMatch(lines.out.replaceAll('\n', ''), /[\x00-\x1f\x7f-\x9f\u202e]/);
});

scenario('--from is an id, earliest or latest; what cannot be is refused by name', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, small);
  await insertPosts(db, 1000, 1009);
  await captured(walpiper);
  const all = await tail(scene, walpiper, '--json', '--from', 'earliest');
  await all.until('ten', () => all.lines().length === 10);
  const ids = all.events().map((event) => event.id);
  const after = await tail(scene, walpiper, '--json', '--from', ids[6]);
  await after.until('three', () => after.lines().length === 3);
  assert.deepEqual(after.events().map((event) => event.id), ids.slice(7));
  const [epoch, lsn, ordinal] = ids[9].split('-');
  assert.match(await refused(walpiper, '--from', 'yesterday'), /--from yesterday: is no event id; .*earliest or latest/);
  const foreign = epoch === '00000000' ? '00000001' : '00000000';
  assert.match(await refused(walpiper, '--from', `${foreign}-${lsn}-${ordinal}`), /is of another epoch/);
  const farAhead = (BigInt(`0x${lsn}`) + (64n << 20n)).toString(16).toUpperCase();
  assert.match(await refused(walpiper, '--from', `${epoch}-${farAhead}-1`), /is past the newest event/);
  // Standing at the newest is no error, nor is an id between two; nor one that a subscriber may have had before
  // the journal's disk.
  const newest = await tail(scene, walpiper, '--json', '--from', ids[9]);
  const ahead = await tail(scene, walpiper, '--json', '--from', `${epoch}-${lsn}-${Number(ordinal) + 1}`);
  await insertPosts(db, 2000, 2000);
  await newest.until('the next one', () => newest.lines().length === 1);
  await ahead.until('the next one', () => ahead.lines().length === 1);
});

scenario('an id that retention has passed is refused, and who is overtaken is told', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, { ...small, journal: { retention: { bytes: '128kB' } } });
  await insertPosts(db, 500, 500);
  await captured(walpiper);
  const first = await tail(scene, walpiper, '--json', '--from', 'earliest');
  await first.until('one', () => first.lines().length === 1);
  const [{ id }] = first.events();
  first.child.kill('SIGSTOP');
  for (let from = 1000; from < 6000; from += 500) {
    await db.query(
      `INSERT INTO posts (id, title, body)
       SELECT n, md5(n::text), md5((-n)::text) FROM generate_series($1::int, $2::int) n`,
      [from, from + 499],
    );
    await captured(walpiper);
  }
  assert.match(await refused(walpiper, '--from', id), /is expired/);
  first.child.kill('SIGCONT');
  await first.until('it goes on to the newest', () => first.out.includes('"id":5999'));
  assert.match(first.err, new RegExp(`retention of journal .* has removed events after ${id}; going on after `));
});

scenario('the service may stop, be killed and come back: nothing is lost or printed twice', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, small);
  const all = await tail(scene, walpiper, '--json', '--from', 'earliest');
  for (let round = 0; round < 3; round++) {
    await insertPosts(db, 1000 + round * 50, 1049 + round * 50);
    await captured(walpiper);
    await walpiper.restart(round === 1 ? 'SIGKILL' : 'SIGTERM');
  }
  await insertPosts(db, 5000, 5000);
  await all.until('the last one', () => all.out.includes('"id":5000'));
  const posts = all.events().map((event) => event.new_record.id);
  assert.deepEqual(posts, [...Array.from({ length: 150 }, (_, n) => 1000 + n), 5000]);
  // Without a service: what there is.
  await walpiper.stop();
  const again = await tail(scene, walpiper, '--json', '--from', 'earliest');
  await again.until('all of it', () => again.lines().length === 151);
  assert.deepEqual(again.lines(), all.lines());
});

scenario('a new epoch is told, and its first event printed; so is another journal in the same place', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, small);
  const all = await tail(scene, walpiper, '--json', '--from', 'earliest');
  await insertPosts(db, 1000, 1000);
  await all.until('one', () => all.lines().length === 1);
  await walpiper.stop();
  await db.query('SELECT pg_drop_replication_slot($1)', [walpiper.slot]);
  const { code, stderr } = await run(binary, ['slot', 'drop', '-c', walpiper.file]);
  assert.equal(code, 0, stderr);
  await walpiper.start();
  await insertPosts(db, 2000, 2000);
  await all.until('the first of the new epoch', () => all.lines().length === 2);
  assert.match(all.err, /has begun a new epoch, [0-9a-f]{8}, after [0-9a-f]{8}-/);
  await walpiper.stop();
  rmSync(walpiper.config.journal.path, { recursive: true });
  await walpiper.start();
  await insertPosts(db, 3000, 3000);
  await all.until('the first of the new journal', () => all.lines().length === 3);
  assert.deepEqual(all.events().map((event) => event.new_record.id), [1000, 2000, 3000]);
  assert.equal(new Set(all.events().map((event) => event.id.slice(0, 8))).size, 3);
  assert.equal(all.err.match(/new epoch/g).length, 2);
});

scenario('it ends silently when its reader leaves, also while it waits, and when it is told to', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, small);
  await insertPosts(db, 1000, 1099);
  await captured(walpiper);
  const line = `set -o pipefail; '${binary}' tail -c '${walpiper.file}' --from earliest | head -n 3`;
  const { code, stdout, stderr } = await within('head ends it', 30_000, run('bash', ['-c', line]));
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(stdout.split('\n').length, 4);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const one = await tail(scene, walpiper, '--from', 'earliest');
    await one.until('it prints', () => one.lines().length === 100);
    assert.deepEqual(await within(signal, 30_000, one.stop(signal)), { code: 0, signal: null });
    assert.equal(one.err, '');
  }
  const left = await tail(scene, walpiper, '--from', 'earliest');
  await left.until('it prints and waits', () => left.lines().length === 100);
  left.child.stdout.destroy();
  assert.deepEqual(await within('it notices', 30_000, left.ended), { code: 0, signal: null });
  // Its reader does not read: a signal ends it all the same.
  await insertPosts(db, 2000, 9999);
  await captured(walpiper);
  const stuck = spawn(binary, ['tail', '-c', walpiper.file, '--from', 'earliest'], { stdio: ['ignore', 'pipe', 'pipe'] });
  scene.defer(() => stuck.kill('SIGKILL'));
  await new Promise((resolve) => stuck.stdout.once('readable', resolve));
  stuck.kill('SIGTERM');
  stuck.stdout.resume();
  const how = await within('it ends', 30_000, new Promise((resolve) => stuck.once('exit', (...end) => resolve(end))));
  assert.deepEqual(how, [0, null]);
});

scenario('without a journal it says so', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = scene.unstarted(db, small);
  await walpiper.configure();
  assert.match(await refused(walpiper), /journal .*: cannot be read: No such file or directory; start the service/);
  mkdirSync(walpiper.config.journal.path, { recursive: true });
  assert.match(await refused(walpiper), /cannot be read/);
});
