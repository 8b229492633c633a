// What an operator's derived row may be said as, and what its id may be made of: each read model
// against its query from scratch.
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { assert, scenario, until } from './harness/lib.mjs';

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
  assert.doesNotMatch(walpiper.logText(), /parked|skipped/);
});

scenario('every form computes all ids anew, whatever they are made of', async (scene) => {
  const { db, all, walpiper } = await everything(scene);
  await Promise.all(all.map((kind) => kind.write(db)));
  await walpiper.start();
  for (const kind of all) await kind.right(db);
  assert.doesNotMatch(walpiper.logText(), /parked|skipped/);
});
