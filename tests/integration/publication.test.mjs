// The publication while walpiper runs: what others change in it takes effect without a restart.
import { assert, assertInOrder, binary, run, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles } from './harness/blog.mjs';
import { capturedEvents } from './harness/journal.mjs';

const post = (db, title) =>
  db.value(`INSERT INTO posts (title, body) VALUES ($1, 'b') RETURNING id::text`, [title]);

scenario('a table taken out of the publication and put back: no restart, no other event lost', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  const publication = walpiper.config.publication;
  const posts = await walpiper.subscribe('/streams/posts');
  const comments = await walpiper.subscribe('/streams/comments');
  const written = [await post(db, 'first')];
  const parent = written[0];
  const comment = (text) =>
    db.query(`INSERT INTO comments (post_id, message) VALUES ($1, $2)`, [parent, text]);
  await comment('seen');
  await comments.first(1);

  await db.query(`ALTER PUBLICATION ${publication} DROP TABLE comments`);
  const streams = async () => (walpiper.logText().match(/streaming \d+ tables/g) ?? []).map((s) => s.match(/\d+/)[0]);
  const before = (await streams())[0];
  // Posts are written all the while: the new stream begins somewhere between them.
  await until('the stream goes on without comments', async () => {
    written.push(await post(db, `p${written.length}`));
    return (await streams()).at(-1) === String(before - 1);
  });
  await comment('not marked');

  await db.query(`ALTER PUBLICATION ${publication} ADD TABLE comments`);
  await until('the stream goes on with comments', async () => {
    written.push(await post(db, `p${written.length}`));
    return (await streams()).at(-1) === before && (await streams()).length === 3;
  });
  await comment('seen again');
  const seen = await comments.first(2);
  assert.deepEqual(
    seen.map((frame) => JSON.parse(frame.data).new_record.message),
    ['seen', 'seen again'],
  );
  const got = await posts.first(written.length);
  assert.deepEqual(got.map((frame) => String(JSON.parse(frame.data).new_record.id)), written);
});

scenario('a table that the configuration does not name has topics while it is published', async (scene) => {
  const db = await scene.database({ files: blogFiles });
  const walpiper = await scene.walpiper(db, blog);
  await db.query('CREATE TABLE others (id int PRIMARY KEY, v text)');
  const status = async (path) => {
    const answer = await walpiper.request(path).catch((error) => error);
    return answer.status;
  };
  assert.equal(await status('/streams/others'), 400);
  await db.query(`ALTER PUBLICATION ${walpiper.config.publication} ADD TABLE others`);
  const stream = await until('others has a topic', () => walpiper.subscribe('/streams/others').catch(() => null));
  const row = await walpiper.subscribe('/streams/others/2');
  await db.query(`INSERT INTO others VALUES (1, 'a'), (2, 'b')`);
  const events = await stream.first(2);
  assert.deepEqual(events.map((frame) => JSON.parse(frame.data).new_record.v), ['a', 'b']);
  assert.deepEqual(await row.first(1), events.slice(1));
  await db.query(`ALTER PUBLICATION ${walpiper.config.publication} DROP TABLE others`);
  await until('others has no topic', async () => (await walpiper.subscribe('/streams/others').then((s) => s.close(), () => 'gone')) === 'gone');
});

/** Writes without a pause until stopped: transactions of two tables, and such of a third one. */
function load(db) {
  let stopped = false;
  const written = { pairs: 0, marked: 0 };
  const pairs = async (writer) => {
    for (let n = writer; !stopped; n += 2) {
      await db.query(`BEGIN; INSERT INTO a VALUES (${n}, 'a'); INSERT INTO b SELECT ${n} * 10 + i FROM generate_series(1, 3) i;
        UPDATE a SET v = 'b' WHERE id = ${n}; COMMIT`);
      written.pairs++;
    }
  };
  const third = async () => {
    for (; !stopped; written.marked++) await db.query(`INSERT INTO marked VALUES (${written.marked})`);
  };
  const running = Promise.all([pairs(0), pairs(1), third()]);
  return {
    written,
    stop: () => {
      stopped = true;
      return running;
    },
  };
}

for (const plugin of ['wal2json', 'pgoutput']) {
  scenario(`${plugin}: a table is marked and unmarked under load; the others have the events and ids of an undisturbed run`, async (scene) => {
    const db = await scene.database();
    await db.query('CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE marked (id int PRIMARY KEY)');
    const config = (name) => ({
      tables: [{ name: 'public.a' }, { name: 'public.b' }],
      slot: { name: `${db.name}_${name}`, plugin },
      publication: `${db.name}_${name}`,
    });
    const calm = await scene.walpiper(db, config('calm'));
    const walpiper = await scene.walpiper(db, config('disturbed'));
    const writing = load(db);
    const more = async () => {
      const before = { ...writing.written };
      await until('more is written', () => writing.written.pairs >= before.pairs + 20 && writing.written.marked >= before.marked + 20);
    };
    const streams = () => (walpiper.logText().match(/streaming \d+ tables/g) ?? []).map((text) => Number(text.match(/\d+/)[0]));
    for (let round = 0; round < 3; round++) {
      await more();
      await db.query(`ALTER PUBLICATION ${walpiper.config.publication} ADD TABLE marked`);
      await until('the stream has the table', () => streams().at(-1) === 4);
      await more();
      const { code, stderr } = await run(binary, ['unmark', '-c', walpiper.file, 'marked']);
      assert.equal(code, 0, stderr);
      await until('the stream is without the table', () => streams().at(-1) === 3);
    }
    await more();
    await writing.stop();
    const expected = await capturedEvents(calm);
    const events = await capturedEvents(walpiper);
    const isMarked = (text) => JSON.parse(text).name === 'marked';
    assert.equal(expected.length, writing.written.pairs * 5);
    assert.deepEqual(events.filter((text) => !isMarked(text)), expected);
    assertInOrder(events.map((text) => `00000000-${JSON.parse(text).id}`));
    const rows = events.filter(isMarked).map((text) => JSON.parse(text).new_record.id);
    const gaps = rows.filter((id, n) => n > 0 && id !== rows[n - 1] + 1);
    assert.ok(rows.length >= 60 && gaps.length === 2, 'all rows of each of the three times, and no others');
  });
}
