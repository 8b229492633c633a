// What an operator's derived row may be said as, and what its id may be made of: each read model
// against its query from scratch.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { assert, root, scenario, until } from './harness/lib.mjs';
import { blog, counts, countsFromScratch } from './harness/blog.mjs';

/** Waits until what ACTUAL gives is what EXPECTED gives from scratch. */
async function becomes(what, actual, expected) {
  const right = await expected();
  let seen;
  await until(what, async () => isDeepStrictEqual((seen = await actual()), right)).catch((error) => {
    throw new Error(`${error.message}: it has ${JSON.stringify(seen)} and not ${JSON.stringify(right)}`);
  });
}

// --- posts and comments, whose ids are of any type --------------------------------------------------

const hostile = ['', 'NULL', 'null', 'a"b', 'a\\b', "it's", 'a,b', '{a}', '["1","2"]', ' a ', 'é\n\t$1', '\\"', '\x01'];

/** The columns of an id, and some of its values. */
const kinds = {
  number: { columns: { id: 'bigint' }, ids: hostile.map((_, i) => [String(i - 3)]) },
  uuid: { columns: { id: 'uuid' }, ids: hostile.map(() => [randomUUID()]) },
  text: { columns: { id: 'text' }, ids: hostile.map((text) => [text]) },
  padded: { columns: { id: 'char(9)' }, ids: hostile.map((_, i) => [`"${i}\\`]) },
  time: { columns: { id: 'timestamptz' }, ids: hostile.map((_, i) => [`2026-01-${10 + i} 01:00:00.5+02`]) },
  pair: { columns: { org: 'integer', id: 'text' }, ids: hostile.map((text, i) => [String(i % 2), text]) },
  triple: {
    columns: { 'Org"': 'uuid', 'a b': 'varchar(20)', id: 'numeric(6,2)' },
    ids: hostile.map((text, i) => ['6f1d0a0e-0000-4000-8000-000000000000', text, `${i % 3}.5`]),
  },
};

const quoted = (name) => `"${name.replaceAll('"', '""')}"`;
const list = (names, prefix = '') => names.map((name) => `${prefix}${quoted(name)}`).join(', ');

class Kind {
  constructor(name, { columns, ids }) {
    Object.assign(this, { name, ids, columns: Object.keys(columns), types: Object.values(columns) });
  }

  targets() {
    return Object.keys(forms).map((form) => `${this.name}_${form}`);
  }

  schema() {
    const id = this.columns.map((column, i) => `${quoted(column)} ${this.types[i]}`).join(', ');
    const model = (table) =>
      `CREATE TABLE ${table} (${id}, title text, comments bigint, PRIMARY KEY (${list(this.columns)}));`;
    return `
      CREATE TABLE ${this.name}_posts (${id}, title text, PRIMARY KEY (${list(this.columns)}));
      CREATE TABLE ${this.name}_comments (nr int PRIMARY KEY, ${id});
      ALTER TABLE ${this.name}_comments REPLICA IDENTITY FULL;
      ${this.targets().map(model).join('\n')}`;
  }

  select(where) {
    const same = this.columns.map((column) => `c.${quoted(column)} = p.${quoted(column)}`).join(' AND ');
    return `SELECT ${list(this.columns, 'p.')}, p.title,
      (SELECT count(*) FROM ${this.name}_comments c WHERE ${same}) AS comments FROM ${this.name}_posts p ${where}`;
  }

  merge(target, source) {
    const same = this.columns.map((column) => `t.${quoted(column)} = s.${quoted(column)}`).join(' AND ');
    return `MERGE INTO ${target} t USING (${source}) s ON ${same}
      WHEN NOT MATCHED THEN INSERT VALUES (${list(this.columns, 's.')}, s.title, s.comments)
      WHEN MATCHED AND (t.title, t.comments) IS DISTINCT FROM (s.title, s.comments) THEN
        UPDATE SET title = s.title, comments = s.comments`;
  }

  /** The condition that a post is that of the parameters. */
  one() {
    return `WHERE ${this.columns.map((column, i) => `p.${quoted(column)} = $${i + 1}`).join(' AND ')}`;
  }

  many() {
    const parameters = this.columns.map((_, i) => `$${i + 1}`).join(', ');
    return `JOIN unnest(${parameters}) AS k (${list(this.columns)}) USING (${list(this.columns)})`;
  }

  operator(form) {
    const target = `${this.name}_${form}`;
    const tables = { [`${this.name}_posts`]: this.columns, [`${this.name}_comments`]: this.columns };
    return { name: target, target, target_id: this.columns, tables, ...forms[form](this, target) };
  }

  async write(db) {
    const [posts, comments] = [`${this.name}_posts`, `${this.name}_comments`];
    const parameters = (first) => this.columns.map((_, i) => `$${first + i}`).join(', ');
    const set = (first) => this.columns.map((column, i) => `${quoted(column)} = $${first + i}`).join(', ');
    const is = (first) => this.columns.map((column, i) => `${quoted(column)} = $${first + i}`).join(' AND ');
    const { ids } = this;
    const post = (id, title) => db.query(`INSERT INTO ${posts} VALUES (${parameters(1)}, '${title}')`, id);
    for (const id of ids.slice(0, -1)) await post(id, 'first');
    for (let nr = 0; nr < 30; nr++) {
      await db.query(`INSERT INTO ${comments} VALUES (${nr}, ${parameters(1)})`, ids[nr % ids.length]);
    }
    await db.query(`UPDATE ${posts} SET title = 'second' WHERE ${is(1)}`, ids[1]);
    await db.query(`UPDATE ${comments} SET ${set(1)} WHERE nr IN (2, 3, 4)`, ids[5]);
    await db.query(`UPDATE ${comments} SET ${quoted(this.columns[0])} = NULL WHERE nr IN (4, 6)`);
    await db.query(`DELETE FROM ${comments} WHERE nr IN (3, 7)`);
    await db.query(`DELETE FROM ${posts} WHERE ${is(1)}`, ids[2]);
    await db.query(`DELETE FROM ${posts} WHERE ${is(1)}`, ids[3]);
    await post(ids[3], 'again');
    const count = this.columns.length;
    await db.query(`UPDATE ${posts} SET ${set(1)} WHERE ${is(count + 1)}`, [...ids.at(-1), ...ids[8]]);
    await db.query(`INSERT INTO ${comments} VALUES (100, ${parameters(1)})`, ids[8]);
  }

  async right(db) {
    const order = `ORDER BY ${list(this.columns)}`;
    for (const target of this.targets()) {
      const columns = `SELECT ${list(this.columns)}, title, comments`;
      await becomes(
        `${target} is right`,
        () => db.query(`${columns} FROM ${target} ${order}`),
        () => db.query(`${columns} FROM (${this.select('')}) s ${order}`),
      );
    }
  }
}

const forms = {
  query: (kind, target) => ({
    query: kind.merge(target, kind.select(kind.one())),
    delete_with: [`${kind.name}_posts`],
  }),
  batch: (kind, target) => ({
    batch: true,
    query: kind.merge(target, kind.select(kind.many())),
    delete_with: [`${kind.name}_posts`],
  }),
  select: (kind) => ({ select: `${kind.select(kind.one())}; -- $9` }),
};

/** All kinds of ids in all forms, several operators to a table. */
async function everything(scene) {
  const db = await scene.database();
  const all = Object.entries(kinds).map(([name, kind]) => new Kind(name, kind));
  for (const kind of all) await db.query(kind.schema());
  const names = all.flatMap((kind) => [`${kind.name}_posts`, `${kind.name}_comments`]);
  const operators = all.flatMap((kind) => Object.keys(forms).map((form) => kind.operator(form)));
  const walpiper = scene.unstarted(db, { tables: names.map((name) => ({ name })), operators });
  return { db, all, walpiper };
}

scenario('every form keeps a read model right, whatever its ids are made of', async (scene) => {
  const { db, all, walpiper } = await everything(scene);
  await walpiper.start();
  await Promise.all(all.map((kind) => kind.write(db)));
  for (const kind of all) await kind.right(db);
  assert.doesNotMatch(walpiper.logText(), /parked|skipped|deadlock/);
});

scenario('every form computes all ids anew, whatever they are made of', async (scene) => {
  const { db, all, walpiper } = await everything(scene);
  await Promise.all(all.map((kind) => kind.write(db)));
  await walpiper.start();
  for (const kind of all) await kind.right(db);
  assert.doesNotMatch(walpiper.logText(), /parked|skipped|deadlock/);
});

// --- select -----------------------------------------------------------------------------------------

/** An operator on src(id, ...) with the target t, by its SELECT. */
const selecting = (select, over) => ({
  tables: [{ name: 'src' }],
  operators: [{ name: 'o', target: 't', tables: { src: 'id' }, select, ...over }],
});

scenario('select: a row of any types is written when it differs, and left alone when it does not', async (scene) => {
  const db = await scene.database();
  const values = `round(n, 3) AS average, j, x, p, c, a, n`;
  await db.query(`CREATE TABLE src (id int PRIMARY KEY, n numeric, j json, x xml, p point, c text, a int[], rest int);
    CREATE TABLE t (id int PRIMARY KEY, average numeric(6,2), j json, x xml, p point, c char(5), a int[], n numeric)`);
  await scene.walpiper(db, selecting(`SELECT id, ${values} FROM src WHERE id = $1`));
  const read = () => db.query('SELECT to_jsonb(t) AS row FROM t ORDER BY id');
  const right = () =>
    db.query(`SELECT to_jsonb(s) AS row FROM (SELECT id, round(n, 2) AS average, j, x, p, c::char(5), a, n FROM src) s
              ORDER BY id`);
  await db.query(`INSERT INTO src VALUES (1, 1.0055, '{"a":1}', '<a/>', '(1,2)', 'c', '{1,NULL}', 0)`);
  await db.query('INSERT INTO src VALUES (2)');
  await becomes('the rows are there', read, right);
  const version = () => db.value('SELECT xmin::text FROM t WHERE id = 1');
  let before = await version();
  await db.query('UPDATE src SET rest = rest + 1 WHERE id = 1');
  await db.query('INSERT INTO src VALUES (3)');
  await becomes('what follows is there', read, right);
  assert.equal(await version(), before);
  for (const change of ['n = 2.0', `j = '{"a": 1}'`, `x = '<b/>'`, `p = '(2,1)'`, `c = 'C'`, `a = '{1}'`, 'n = 2.00']) {
    await db.query(`UPDATE src SET ${change} WHERE id = 1`);
    await until(`the row is written for ${change}`, async () => (await version()) !== before);
    before = await version();
    await becomes('the rows are right', read, right);
  }
});

scenario('select: the columns of the id may be all that there is', async (scene) => {
  const db = await scene.database();
  await db.query('CREATE TABLE src (id int PRIMARY KEY, ok bool); CREATE TABLE t (id int PRIMARY KEY)');
  await scene.walpiper(db, selecting('SELECT id FROM src WHERE id = $1 AND ok'));
  const is = (ids) => becomes(`the ids are ${ids}`, () => db.query('SELECT id FROM t ORDER BY id'), async () => ids.map((id) => ({ id })));
  await db.query('INSERT INTO src SELECT n, n % 2 = 1 FROM generate_series(1, 5) n');
  await is([1, 3, 5]);
  await db.query('UPDATE src SET ok = NOT ok WHERE id < 4');
  await is([2, 5]);
  await db.query('DELETE FROM src WHERE id = 5');
  await is([2]);
});

scenario('select: two rows for an id park it, and the others go on', async (scene) => {
  const db = await scene.database();
  await db.query('CREATE TABLE src (id int PRIMARY KEY, n int); CREATE TABLE t (id int PRIMARY KEY, n int)');
  await scene.walpiper(db, selecting('SELECT id, g AS n FROM src, generate_series(1, n) g WHERE id = $1'));
  await db.query('INSERT INTO src VALUES (1, 1), (2, 2), (3, 1)');
  await becomes('the others are there', () => db.query('SELECT id FROM t ORDER BY id'), async () => [{ id: 1 }, { id: 3 }]);
  const parked = () => db.query('SELECT id, sqlstate FROM walpiper.parked');
  await becomes('the id is parked', parked, async () => [{ id: '2', sqlstate: '23505' }]);
  await db.query('UPDATE src SET n = 1 WHERE id = 2');
  await becomes('it is mended', () => db.query('SELECT id FROM t ORDER BY id'), async () => [{ id: 1 }, { id: 2 }, { id: 3 }]);
});

scenario('select: $1 in strings, names and comments is none', async (scene) => {
  const db = await scene.database();
  const select = `/* $1 /* ' */ $2 */ SELECT $1 AS id, 'it''s $1' || E'\\'$1' || $$ $1 ' $$ || $a$ $1 $$ $a$ -- $1 '
    || U&'\\0041$1' || E'a'
    '\\'$1' AS a, $1::text || "$1" || a$1."$1" AS b, $1 AS c FROM (SELECT id, 'x' AS "$1" FROM src) a$1 WHERE id = $1; -- $1`;
  await db.query('CREATE TABLE src (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, a text, b text, c int)');
  await scene.walpiper(db, selecting(select));
  await db.query('INSERT INTO src VALUES (7)');
  const session = await db.connect();
  await session.query(`PREPARE right_one (int) AS ${select}`);
  const right = async () => (await session.query('EXECUTE right_one (7)')).rows;
  await becomes('it is what the server makes of it', () => db.query('SELECT * FROM t'), right);
  session.release();
});

// --- several operators ------------------------------------------------------------------------------

scenario('operators: several listen to one table, and one listens to what another derives', async (scene) => {
  const db = await scene.database();
  await db.query(`CREATE TABLE src (id int PRIMARY KEY, n int); CREATE TABLE doubled (id int PRIMARY KEY, n int);
    CREATE TABLE squared (id int PRIMARY KEY, n int); CREATE TABLE squared_double (id int PRIMARY KEY, n int)`);
  const operator = (name, source, n) => ({
    ...{ name, target: name, tables: { [source]: 'id' } },
    select: `SELECT id, ${n} AS n FROM ${source} WHERE id = $1`,
  });
  const operators = [
    operator('squared_double', 'doubled', 'n * n'),
    operator('doubled', 'src', '2 * n'),
    operator('squared', 'src', 'n * n'),
  ];
  const tables = [{ name: 'src' }, { name: 'doubled' }, { name: 'squared_double' }];
  await scene.walpiper(db, { tables, operators });
  await db.query('INSERT INTO src SELECT n, n FROM generate_series(1, 20) n');
  await db.query('UPDATE src SET n = n + 1 WHERE id % 2 = 0');
  await db.query('DELETE FROM src WHERE id % 5 = 0');
  for (const [table, n] of Object.entries({ doubled: '2 * n', squared: 'n * n', squared_double: '4 * n * n' })) {
    const read = () => db.query(`SELECT * FROM ${table} ORDER BY id`);
    await becomes(`${table} is right`, read, () => db.query(`SELECT id, ${n} AS n FROM src ORDER BY id`));
  }
  const circle = [...operators, operator('doubled_again', 'squared_double', 'n')];
  circle[3].target = 'src';
  const refused = await scene.unstarted(db, { tables, operators: circle }).refuse();
  assert.match(refused.log, /squared_double, .*comes back to it/);
});

// --- the examples -----------------------------------------------------------------------------------

/** The first example of docs/operators.md for KEY, without its indentation. */
function documented(key) {
  const text = readFileSync(join(root, 'docs/operators.md'), 'utf8');
  const [, example] = text.match(new RegExp(`\n    ${key}: \\|\n((?:      .*\n)+)`));
  return example.replaceAll(/^ {6}/gm, '');
}

scenario('the examples of sql/operators and of the documentation keep the demo right', async (scene) => {
  const sql = 'sql/operators/post_with_comments_counts';
  const examples = [
    { query_file: `${sql}.sql`, delete_with: ['posts'] },
    { query_file: `${sql}_batch.sql`, delete_with: ['posts'], batch: true },
    { select: documented('select') },
  ];
  for (const example of examples) {
    const db = await scene.database({ files: ['sql/demo/blog.sql', 'sql/operators/on_comment.sql'] });
    const [operator] = blog.operators;
    const { name, target, tables } = operator;
    const calls = { name: 'calls', call: 'on_comment', tables: ['comments'], events: ['insert', 'update'] };
    const walpiper = await scene.walpiper(db, { ...blog, operators: [{ name, target, tables, ...example }, calls] });
    const right = () => becomes('the counts are right', () => counts(db), () => countsFromScratch(db));
    await right();
    await until('the function is called', () => walpiper.logText().includes('gets the events from now on'));
    const moderators = await walpiper.events('moderators');
    await db.query(`INSERT INTO comments (post_id, message, rating) SELECT id, 'bad', 1 FROM posts`);
    await db.query('DELETE FROM posts WHERE id = (SELECT min(id) FROM posts)');
    await right();
    const [frame] = await moderators.first(1);
    assert.equal(JSON.parse(frame.data).message, 'bad');
    await walpiper.stop();
  }
});

// --- keys -------------------------------------------------------------------------------------------

/** Authors, and posts whose read model has the author's name. */
async function authors(scene, over) {
  const db = await scene.database();
  await db.query(`CREATE TABLE authors (id int PRIMARY KEY, name text);
    CREATE TABLE posts (org int, id text, author int, PRIMARY KEY (org, id));
    ALTER TABLE posts REPLICA IDENTITY FULL;
    CREATE TABLE t (org int, id text, name text, PRIMARY KEY (org, id))`);
  const select = 'SELECT p.org, p.id, a.name FROM posts p LEFT JOIN authors a ON a.id = p.author';
  const keys = 'SELECT org, id FROM posts WHERE author = $1';
  const walpiper = scene.unstarted(db, {
    tables: [{ name: 'authors' }, { name: 'posts' }],
    operators: [
      {
        ...{ name: 'o', target: 't', target_id: ['org', 'id'], select: `${select} WHERE p.org = $1 AND p.id = $2` },
        tables: { posts: ['org', 'id'], authors: { keys, map: 'id' } },
        ...over,
      },
    ],
  });
  const right = () =>
    becomes(
      'the read model is right',
      () => db.query('SELECT * FROM t ORDER BY org, id'),
      () => db.query(`${select} ORDER BY org, id`),
    );
  return { db, walpiper, right };
}

scenario('keys: a renamed author touches all of his posts, and whoever comes and goes', async (scene) => {
  const { db, walpiper, right } = await authors(scene);
  await walpiper.start();
  await db.query(`INSERT INTO posts SELECT n % 2, 'post "' || n || '\\', n % 4 FROM generate_series(1, 40) n`);
  await right();
  await db.query(`INSERT INTO authors VALUES (1, 'one'), (2, 'two'), (3, 'three'), (9, 'nobody')`);
  await right();
  await db.query(`UPDATE authors SET name = 'ONE' WHERE id = 1`);
  await right();
  await db.query('UPDATE authors SET id = 0 WHERE id = 2');
  await right();
  await db.query('DELETE FROM authors WHERE id IN (1, 9)');
  await db.query('UPDATE posts SET author = 3 WHERE author = 1');
  await right();
  await db.query(`BEGIN; UPDATE authors SET name = 'III' WHERE id = 3; DELETE FROM posts WHERE org = 0; COMMIT`);
  await right();
  await db.query('TRUNCATE authors');
  await right();
  assert.doesNotMatch(walpiper.logText(), /parked|skipped/);
});

scenario('keys: more ids than a page and a batch hold, while walpiper is killed', async (scene) => {
  const { db, walpiper, right } = await authors(scene, { batch_size: 300 });
  await db.query(`INSERT INTO authors VALUES (1, 'one'), (2, 'two')`);
  await db.query(`INSERT INTO posts SELECT 1, n::text, 1 + (n % 20 = 0)::int FROM generate_series(1, 6000) n`);
  await walpiper.start();
  await right();
  await db.query(`UPDATE authors SET name = upper(name)`);
  await until('some rows are right', () => db.value(`SELECT EXISTS (SELECT FROM t WHERE name = 'ONE')`));
  await walpiper.restart('SIGKILL');
  await right();
});

scenario('keys: each lane refreshes its own ids', async (scene) => {
  const { db, walpiper, right } = await authors(scene, { lanes: 3, batch_size: 10 });
  await walpiper.start();
  await db.query(`INSERT INTO posts SELECT n % 2, n, n % 4 FROM generate_series(1, 100) n`);
  await db.query(`INSERT INTO authors SELECT n, 'name ' || n FROM generate_series(0, 3) n`);
  await right();
  await db.query(`UPDATE authors SET name = name || '!'`);
  await right();
});
