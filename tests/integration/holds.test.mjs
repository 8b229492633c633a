// What an operator that cannot run keeps in the journal, and where that ends.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { assert, root, run, scenario, until } from './harness/lib.mjs';
import { blog, blogFiles, counts, countsFromScratch } from './harness/blog.mjs';

const [stuck] = blog.operators;

/** A second read model of the same rows, with an operator of its own. */
const other = 'other_counts';
const query = readFileSync(join(root, stuck.query_file), 'utf8').replaceAll(stuck.target, other);
const { query_file: unused, ...rest } = stuck;
const operators = [stuck, { ...rest, name: other, target: other, query }];
const otherTable = `CREATE TABLE ${other} (LIKE ${stuck.target} INCLUDING ALL)`;

const retry = { min_restart_time: 50, max_restart_time: 200 };

async function bloggers(scene, journal) {
  const db = await scene.database({ files: blogFiles });
  await db.query(otherTable);
  await db.query(`INSERT INTO posts (id, title) SELECT n, 'post ' || n FROM generate_series(1, 10) n
                  ON CONFLICT DO NOTHING`);
  const walpiper = await scene.walpiper(db, { ...blog, operators, journal, retry });
  await until('both operators have run', () => isRight(db));
  return { db, walpiper };
}

const isRight = async (db) => {
  const expected = await countsFromScratch(db);
  const others = await db.query(`SELECT id, comments_count FROM ${other} ORDER BY id`);
  const wanted = expected.map(({ id, comments_count }) => ({ id, comments_count }));
  return isDeepStrictEqual(await counts(db), expected) && isDeepStrictEqual(others, wanted);
};

/** Events of about 4 MB, 1 MB in the journal, in transactions that the subscriber sees one by one. */
async function write(db, stream, rounds = 30) {
  const before = stream.events.length;
  for (let round = 1; round <= rounds; round++) {
    await db.query(
      `INSERT INTO comments (post_id, message)
       SELECT 1 + (n + $1::int) % 10,
              (SELECT string_agg(md5(random()::text || n || m), '') FROM generate_series(1, 6) m)
       FROM generate_series(1, 150) n`,
      [round],
    );
    await stream.first(before + round * 150);
  }
}

/** Bytes of the pages that records take in the journal. */
async function journalBytes(walpiper) {
  const { code, stdout, stderr } = await run('mdb_stat', ['-s', 'records', walpiper.config.journal.path]);
  assert.equal(code, 0, stderr);
  const pages = [...stdout.matchAll(/(?:Branch|Leaf|Overflow) pages: (\d+)/g)].map(([, count]) => Number(count));
  return pages.reduce((sum, count) => sum + count, 0) * 4096;
}

const times = (walpiper, text) => walpiper.logText().split(text).length - 1;

const troubles = {
  'is locked': async (scene, db) => {
    const locker = await db.connect();
    await locker.query(`BEGIN; LOCK TABLE ${stuck.target}`);
    return async () => {
      await locker.query('COMMIT');
      locker.release();
    };
  },
  'is missing': async (scene, db) => {
    await db.query(`ALTER TABLE ${stuck.target} RENAME TO elsewhere`);
    return () => db.query(`ALTER TABLE elsewhere RENAME TO ${stuck.target}`);
  },
};

for (const [what, trouble] of Object.entries(troubles)) {
  scenario(`while an operator's target ${what} the journal is bounded by max_hold; then it is rebuilt`, async (scene) => {
    const journal = { retention: { bytes: '64kB' }, max_hold: '256kB' };
    const { db, walpiper } = await bloggers(scene, journal);
    const stream = await walpiper.subscribe('/streams/comments');
    const mend = await trouble(scene, db);
    await write(db, stream);
    await until('it is given up', () => walpiper.logText().includes('is given up'));
    // A batch beyond both limits, and half empty pages.
    await until('the journal is within its limits', async () => (await journalBytes(walpiper)) < 512 * 1024);
    await write(db, stream, 5);
    await until('the other operator goes on', async () => {
      const sums = `SELECT (SELECT sum(comments_count) FROM ${other}) = (SELECT count(*) FROM comments) AS same`;
      return db.value(sums);
    });
    assert.equal(times(walpiper, 'computes every id anew:'), 2, 'only when they ran for the first time');
    await mend();
    // What it had read before is enough for these ten ids: it may be right before it is rebuilt.
    await until('it is rebuilt', () => times(walpiper, 'every id is computed') === 3);
    await until('both read models are what the query gives', () => isRight(db));
    const log = walpiper.logText();
    assert.match(log, new RegExp(`operator ${stuck.name}.*is given up.*raise journal.max_hold`));
    assert.equal(times(walpiper, 'is given up'), 1, 'told once');
    assert.match(log, new RegExp(`operator ${stuck.name}.*computes every id anew: the journal does not hold`));
    assert.equal(times(walpiper, 'computes every id anew:'), 3);
    // From now on it holds again what it has not read.
    await write(db, stream, 5);
    await until('both follow', () => isRight(db));
    assert.equal(times(walpiper, 'computes every id anew:'), 3);
  });
}

scenario('an operator that is given up is rebuilt after a restart too', async (scene) => {
  const journal = { retention: { bytes: '64kB' }, max_hold: '256kB' };
  const { db, walpiper } = await bloggers(scene, journal);
  const stream = await walpiper.subscribe('/streams/comments');
  const mend = await troubles['is missing'](scene, db);
  await write(db, stream);
  await until('it is given up', () => walpiper.logText().includes('is given up'));
  await walpiper.kill();
  await mend();
  await walpiper.start();
  await until('both read models are what the query gives', () => isRight(db));
  assert.match(walpiper.logText(), /computes every id anew: the journal does not hold/);
});

scenario('with room in max_hold an operator goes on where it stood, also after a restart', async (scene) => {
  const journal = { retention: { bytes: '64kB' }, max_hold: '1GB' };
  const { db, walpiper } = await bloggers(scene, journal);
  const stream = await walpiper.subscribe('/streams/comments');
  const mend = await troubles['is missing'](scene, db);
  await write(db, stream);
  assert.ok((await journalBytes(walpiper)) > 512 * 1024, 'retention would have removed it');
  await walpiper.stop();
  await walpiper.launch(); // and is not up before its operator can run
  await mend();
  await walpiper.healthy();
  await until('both read models are what the query gives', () => isRight(db));
  assert.equal(times(walpiper, 'computes every id anew:'), 2, 'only when they ran for the first time');
  assert.equal(times(walpiper, 'is given up'), 0);
  await until('the journal is within its limits', async () => (await journalBytes(walpiper)) < 256 * 1024);
});
