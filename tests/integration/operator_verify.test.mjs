// walpiper operator verify: whether it finds the rows that are wrong, and no others.
import { assert, scenario, until } from './harness/lib.mjs';
import { command, copying, done, fails, json, refused } from './harness/operators.mjs';
import { says, things, thingsSchema } from './harness/things.mjs';

/** Posts and their comments, whose ids have these COLUMNS, and a read model in each form. */
class Posts {
  constructor(columns) {
    this.columns = columns;
    this.list = columns.join(', ');
  }

  schema() {
    const id = this.columns.map((column) => `${column} ${column === 'org' ? 'int' : 'text'}`).join(', ');
    const key = `PRIMARY KEY (${this.list})`;
    const models = Object.keys(this.forms()).map((form) => `CREATE TABLE ${form} (${id}, title text, comments numeric, note text, ${key});`);
    return `CREATE TABLE posts (${id}, title text, ${key});
      CREATE TABLE comments (nr int PRIMARY KEY, ${id});
      ALTER TABLE comments REPLICA IDENTITY FULL; ${models.join(' ')}`;
  }

  select(where) {
    const same = this.columns.map((column) => `c.${column} = p.${column}`).join(' AND ');
    return `SELECT ${this.columns.map((column) => `p.${column}`).join(', ')}, p.title,
      (SELECT count(*) FROM comments c WHERE ${same})::numeric AS comments FROM posts p ${where}`;
  }

  merge(target, source) {
    return `INSERT INTO ${target} (${this.list}, title, comments) ${source}
      ON CONFLICT (${this.list}) DO UPDATE SET title = excluded.title, comments = excluded.comments`;
  }

  forms() {
    const one = `WHERE ${this.columns.map((column, i) => `p.${column} = $${i + 1}`).join(' AND ')}`;
    const parameters = this.columns.map((_, i) => `$${i + 1}`).join(', ');
    const many = `JOIN unnest(${parameters}) AS k (${this.list}) USING (${this.list})`;
    return {
      by_query: { query: this.merge('by_query', this.select(one)), delete_with: ['posts'] },
      by_batch: { batch: true, query: this.merge('by_batch', this.select(many)), delete_with: ['posts'] },
      by_select: { select: this.select(one) },
    };
  }

  config(over = {}) {
    const tables = { posts: this.columns, comments: this.columns };
    const operators = Object.entries(this.forms()).map(([name, form]) => ({ name, target: name, target_id: this.columns, tables, ...form, ...over }));
    return { tables: [{ name: 'posts' }, { name: 'comments' }], operators };
  }

  async fill(db, count) {
    const id = this.columns.map((column) => (column === 'org' ? 'n % 3' : `'p "' || n`)).join(', ');
    await db.query(`INSERT INTO posts SELECT ${id}, 'title ' || n FROM generate_series(1, ${count}) n`);
    await db.query(`INSERT INTO comments SELECT n, ${id.replaceAll('|| n', `|| 1 + n % ${count}`).replaceAll('n % 3', `(1 + n % ${count}) % 3`)} FROM generate_series(1, ${count}) n`);
  }

  /** Waits until every read model is right. */
  async right(db) {
    const key = `ORDER BY ${this.list}`;
    for (const form of Object.keys(this.forms()))
      await until(`${form} is right`, async () => {
        const is = await db.query(`SELECT ${this.list}, title, comments FROM ${form} ${key}`);
        return JSON.stringify(is) === JSON.stringify(await db.query(`SELECT * FROM (${this.select('')}) s ${key}`));
      });
  }
}

/** All row versions of TABLE, as other sessions see them. */
const versions = (db, table) => db.query(`SELECT xmin::text, ctid::text, t::text AS row FROM ${table} t ORDER BY ctid`);

async function spoil(db, form, list) {
  await db.query(`UPDATE ${form} SET title = NULL, comments = 1.00 WHERE id = 'p "7'`);
  await db.query(`DELETE FROM ${form} WHERE id = 'p "8'`);
  await db.query(`INSERT INTO ${form} SELECT ${list.replace('id', `'gone'`)}, 'old', 7, E'a\n' FROM ${form} WHERE id = 'p "9'`);
  await db.query(`UPDATE ${form} SET note = 'not of the query' WHERE id = 'p "10'`);
}

for (const columns of [['id'], ['org', 'id']]) {
  const pair = columns.length > 1;
  const text = (n) => (pair ? `["${n % 3}","p \\"${n}"]` : `p "${n}`);
  const gone = pair ? '["0","gone"]' : 'gone';

  async function findsAll(db, walpiper, form) {
    const before = await versions(db, form);
    const found = await fails(walpiper, 'verify', form, '--all');
    assert.deepEqual(
      found.stdout.trimEnd().split('\n').sort(),
      [
        `${text(7)}: differs: title=NULL->title 7 comments=1.00->1`,
        `${text(8)}: missing: ${pair ? 'org=2 ' : ''}id=p "8 title=title 8 comments=1 note=NULL`,
        `${gone}: superfluous: ${pair ? 'org=0 ' : ''}id=gone title=old comments=7 note=a\\x0a`,
      ].sort(),
    );
    assert.match(found.why, new RegExp(`operator ${form}: 3 of 601 ids are wrong; .*'walpiper operator rebuild ${form}'`));
    assert.deepEqual(await versions(db, form), before);
    return found.why;
  }

  async function findsInJson(walpiper, form) {
    const where = `id IN ('p "7', 'p "10', 'gone')`;
    const { ids, ...counts } = JSON.parse((await fails(walpiper, 'verify', form, '--where', where, '--json')).stdout);
    assert.deepEqual(counts, { operator: form, checked: 3, wrong: 2, parked: 0, undecided: 0, complete: true });
    assert.deepEqual(
      ids.find(({ verdict }) => verdict === 'differs'),
      {
        ...{ id: text(7), verdict: 'differs' },
        columns: { title: { is: null, should: 'title 7' }, comments: { is: '1.00', should: '1' } },
      },
    );
    assert.deepEqual(ids.find(({ verdict }) => verdict === 'superfluous').columns.note, { is: 'a\n' });
  }

  scenario(`verify finds the rows that are wrong and changes nothing, in each form, with ${columns.length} columns of id, also without a service`, async (scene) => {
    const db = await scene.database();
    const posts = new Posts(columns);
    await db.query(posts.schema());
    await posts.fill(db, 600);
    const walpiper = await scene.walpiper(db, posts.config());
    await posts.right(db);
    const forms = Object.keys(posts.forms());
    const each = (work) => Promise.all(forms.map(work));
    await each(async (form) => assert.equal(await done(walpiper, 'verify', form, '--all'), `operator ${form}: ok, 600 ids are right\n`));
    await each((form) => spoil(db, form, posts.list));
    await each((form) => findsAll(db, walpiper, form));
    await each((form) => findsInJson(walpiper, form));
    await walpiper.stop();
    for (const form of forms) assert.match(await findsAll(db, walpiper, form), /; no service has it, and it may only be behind; /);
    await walpiper.start();
    await each((form) => done(walpiper, 'rebuild', form));
    await posts.right(db);
    await each(async (form) => {
      await until('the rebuild is over', async () => (await json(walpiper, 'show', form)).rebuild === null);
      assert.match(await done(walpiper, 'verify', form, '--sample', '77'), /: ok, 77 ids are right\n/);
    });
  });
}

scenario('verify: a sample reads some pages of a large table, from all of it, and finds what is wrong', async (scene) => {
  const db = await scene.database();
  // Some twenty rows a page, fewer in the target; the source has two partitions.
  await db.query(`CREATE TABLE things (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF things FOR VALUES FROM (0) TO (10000) WITH (fillfactor = 10);
    CREATE TABLE high PARTITION OF things FOR VALUES FROM (10000) TO (20000) WITH (fillfactor = 10);
    CREATE TABLE copies (id int PRIMARY KEY, v int) WITH (fillfactor = 10);
    INSERT INTO copies SELECT -n, 1 FROM generate_series(1, 30000) n;
    INSERT INTO things SELECT n, n FROM generate_series(0, 19999) n`);
  const walpiper = await scene.walpiper(db, things({ select: 'SELECT id, v FROM things WHERE id = $1', query: undefined, delete_with: undefined }));
  await says(walpiper, /every id is computed/);
  await walpiper.stop();
  const session = await db.connect();
  await session.query('DELETE FROM copies WHERE id < 0; UPDATE copies SET v = -1 WHERE id >= 18000');
  await session.query('VACUUM (ANALYZE, TRUNCATE off) copies');
  await session.query('SELECT pg_stat_force_next_flush()');
  session.release();
  const others = `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'walpiper'`;
  const read = () => db.value(`SELECT sum(seq_tup_read)::int FROM pg_stat_user_tables`);
  await until('all is counted', async () => (await db.value(others)) === 0);
  const before = await read();
  const { stdout, why } = await fails(walpiper, 'verify', 'copies', '--sample', '100');
  assert.match(why, /of 100 ids are wrong/);
  const ids = stdout.trimEnd().split('\n').map((line) => Number(/^(\d+): differs/.exec(line)[1]));
  assert.ok(ids.every((id) => id >= 18000), stdout);
  assert.ok(ids.length < 50, 'a tenth of the rows are wrong');
  const near = ids.filter((id) => ids.some((other) => other !== id && Math.abs(other - id) < 20));
  assert.ok(near.length <= 0.8 * ids.length, `few are of one page: ${ids}`);
  await until('it is counted', async () => (await read()) > before);
  assert.ok((await read()) - before < 15_000, `${(await read()) - before} rows were read`);
});

scenario('verify: a row that the operator is about to write is no wrong one, however much is written', async (scene) => {
  const db = await scene.database();
  const posts = new Posts(['org', 'id']);
  await db.query(posts.schema());
  await posts.fill(db, 300);
  const walpiper = await scene.walpiper(db, posts.config());
  await posts.right(db);
  let writing = true;
  const writer = async (seed) => {
    for (let n = seed; writing; n = (n * 7 + 3) % 300) {
      const id = `p "${1 + n}`;
      await db.query('UPDATE posts SET title = md5(random()::text) WHERE id = $1', [id]);
      await db.query(`WITH gone AS (DELETE FROM posts WHERE id = $1 RETURNING *)
                      SELECT FROM gone`, [id]);
      await db.query(`INSERT INTO posts VALUES ($1, $2, 'again')`, [(1 + n) % 3, id]);
      await db.query('UPDATE comments SET id = $1, org = $2 WHERE nr = $3', [id, (1 + n) % 3, 1 + (n % 50)]);
    }
  };
  const writers = [writer(1), writer(100)];
  for (let i = 0; i < 2; i++)
    for (const form of Object.keys(posts.forms())) {
      const { code, stdout, stderr } = await command(walpiper, 'verify', form, '--all');
      assert.equal(code, 0, `${stdout}${stderr}`);
    }
  await db.query(`INSERT INTO by_select VALUES (1, 'never a post', 'x', 1)`);
  const { stdout } = await fails(walpiper, 'verify', 'by_select', '--all');
  assert.deepEqual(stdout.split('\n').filter((line) => /superfluous|missing|differs/.test(line)), [
    '["1","never a post"]: superfluous: org=1 id=never a post title=x comments=1 note=NULL',
  ]);
  writing = false;
  await Promise.all(writers);
  assert.doesNotMatch(walpiper.logText(), /parked|level=error/);
});

scenario('verify: an operator that is behind and at work is waited for', async (scene) => {
  const { db, walpiper } = await copying(scene);
  const session = await db.connect();
  await session.query('BEGIN; SELECT FROM walpiper.checkpoint FOR UPDATE');
  await db.query('UPDATE things SET v = 50 WHERE id = 1; DELETE FROM things WHERE id = 2');
  const sessions = (where) => db.value(`SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND ${where}`);
  await until('the operator is held up', () => sessions(`wait_event_type = 'Lock'`));
  const verifying = command(walpiper, 'verify', 'copies', '--all');
  await until('verify waits', () => sessions(`query ~ 'at_work' AND pid <> pg_backend_pid()`));
  await session.query('COMMIT');
  session.release();
  const { stdout, stderr } = await verifying;
  assert.equal(stdout + stderr, 'operator copies: ok, 20 ids are right\n');
});

scenario('verify: parked ids are told as parked, ids whose query fails as failing, a paused operator is named', async (scene) => {
  const { db, walpiper } = await copying(scene, { bad: [3] });
  const found = await done(walpiper, 'verify', 'copies', '--all');
  assert.equal(found, '3: parked: new row for relation "copies" violates check constraint "small"\noperator copies: ok, 19 ids are right, 1 parked\n');
  await done(walpiper, 'pause', 'copies');
  await db.query('UPDATE things SET v = 104 WHERE id = 4; UPDATE things SET v = 6 WHERE id = 5');
  const { stdout, why } = await fails(walpiper, 'verify', 'copies', '--all');
  assert.match(stdout, /^3: parked: .*\n4: fails: new row for relation "copies" violates.*\n5: differs: v=5->6\n$/);
  assert.match(why, /2 of 20 ids are wrong; it is paused, and may only be behind; /);
  assert.deepEqual(await db.query('SELECT id, v FROM copies WHERE id IN (4, 5) ORDER BY id'), [{ id: 4, v: 4 }, { id: 5, v: 5 }]);
});

scenario('verify: a locked row is undecided and not waited for, and the service does not wait for verify', async (scene) => {
  const { db, walpiper } = await copying(scene);
  const session = await db.connect();
  await session.query('BEGIN; SELECT FROM copies WHERE id = 7 FOR UPDATE');
  const found = await done(walpiper, 'verify', 'copies', '--all');
  assert.match(found, /^7: undecided: .*lock timeout\noperator copies: ok, 19 ids are right, 1 undecided\n$/);
  await session.query('ROLLBACK');
  session.release();
  assert.equal(await done(walpiper, 'verify', 'copies'), 'operator copies: ok, 20 ids are right\n');
});

scenario('a target in another database: its operator is shown, obeys and is verified', async (scene) => {
  const db = await scene.database();
  const models = await scene.database();
  await db.query('CREATE TABLE things (id int PRIMARY KEY, v int); INSERT INTO things SELECT n, n FROM generate_series(1, 300) n');
  await models.query(`CREATE TABLE copies (id bigint PRIMARY KEY, v int); CREATE EXTENSION postgres_fdw;
    CREATE SERVER sources FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '${db.server.socketDirectory}', dbname '${db.name}');
    CREATE USER MAPPING FOR postgres SERVER sources OPTIONS (user 'postgres');
    IMPORT FOREIGN SCHEMA public LIMIT TO (things) FROM SERVER sources INTO public`);
  const query = `INSERT INTO copies SELECT id, v FROM things WHERE id = ANY ($1) ON CONFLICT (id) DO UPDATE SET v = excluded.v`;
  const walpiper = await scene.walpiper(db, things({ database: { database: models.name }, batch: true, query }));
  const all = (from) => from.query('SELECT id::int, v FROM ' + (from === db ? 'things' : 'copies') + ' ORDER BY id');
  const right = () => until('it is right', async () => JSON.stringify(await all(db)) === JSON.stringify(await all(models)));
  await right();
  const { operators } = await json(walpiper, 'list');
  assert.deepEqual(operators.map(({ name, state, lag_bytes }) => ({ name, state, lag_bytes })), [{ name: 'copies', state: 'running', lag_bytes: null }]);
  assert.equal(await done(walpiper, 'verify', 'copies', '--all'), 'operator copies: ok, 300 ids are right\n');
  await models.query('DELETE FROM copies WHERE id IN (5, 290); UPDATE copies SET v = 0 WHERE id = 6; INSERT INTO copies VALUES (999, 1)');
  const found = await fails(walpiper, 'verify', 'copies', '--all');
  assert.deepEqual(found.stdout.trimEnd().split('\n'), ['6: differs: v=0->6', '999: superfluous: id=999 v=1', '5: missing: id=5 v=5', '290: missing: id=290 v=290']);
  assert.match(found.why, /4 of 301 ids are wrong/);
  assert.match(await refused(walpiper, 'rebuild', 'copies', '--where', 'ident = 1'), /--where ident = 1: .*ident/);
  await done(walpiper, 'rebuild', 'copies');
  await right();
});

scenario('verify and rebuild: a function that gets events has no rows to be computed anew', async (scene) => {
  const db = await scene.database();
  await db.query(`${thingsSchema} CREATE FUNCTION heard(jsonb) RETURNS void LANGUAGE sql AS ''`);
  const walpiper = await scene.walpiper(db, { tables: [{ name: 'things' }], operators: [{ name: 'calls', call: 'heard', tables: ['things'] }] });
  await says(walpiper, /gets the events from now on/);
  assert.match(await refused(walpiper, 'rebuild', 'calls'), /operator calls: calls a function/);
  assert.match(await refused(walpiper, 'verify', 'calls'), /operator calls: calls a function/);
});
