// Writers that share a few rows: they move, delete and take up again what others have just written.
// What was committed is what the tables say.
import { sleep } from '../integration/harness/wait.mjs';
import { AnyWriter } from './any_writer.mjs';
import { hot, ids, shelves } from './models.mjs';

/** Two of them met: a deadlock, a lock that did not come, a key that is taken. */
const isQuarrel = ({ code }) => ['40P01', '55P03', '23505'].includes(code);

const idOf = (kind) => (random) => random.integer(1, random.chance(0.5) ? hot[kind] : ids[kind]);
const [author, post, comment] = ['authors', 'posts', 'comments'].map(idOf);

/** Each a statement and its values; as often as their weight says. */
const works = [
  [8, 'insert comments', (r) => [
    `INSERT INTO comments SELECT id % ${ids.comments} + 1, $2, $3, $4 FROM generate_series($1::int, $1 + $5) id
     ON CONFLICT (id) DO UPDATE SET post_id = excluded.post_id, rating = excluded.rating`,
    [comment(r), post(r), r.chance(0.1) ? null : r.integer(1, shelves), r.integer(0, 5), r.integer(0, 4)],
  ]],
  [6, 'move a comment', (r) => ['UPDATE comments SET post_id = $2 WHERE id = $1', [comment(r), r.chance(0.05) ? null : post(r)]]],
  [6, 'rate a comment', (r) => ['UPDATE comments SET rating = $2, shelf = $3 WHERE id = $1', [comment(r), r.integer(0, 5), r.integer(1, shelves)]]],
  [4, 'delete comments', (r) => ['DELETE FROM comments WHERE id BETWEEN $1 AND $1 + 3', [comment(r)]]],
  [1, 'give a comment another key', (r) => ['UPDATE comments SET id = $2 WHERE id = $1', [comment(r), comment(r)]]],
  [5, 'insert posts', (r) => [
    `INSERT INTO posts SELECT id, $2, $3 FROM generate_series($1::int, $1 + $4) id ON CONFLICT DO NOTHING`,
    [post(r), author(r), `post ${r.integer(1, 999)}`, r.integer(0, 4)],
  ]],
  [3, 'delete a post', (r) => ['DELETE FROM posts WHERE id = $1', [post(r)]]],
  [3, 'move a post', (r) => ['UPDATE posts SET author_id = $2 WHERE id = $1', [post(r), r.chance(0.1) ? null : author(r)]]],
  [2, 'title a post', (r) => ['UPDATE posts SET title = $2 WHERE id = $1', [post(r), `post ${r.integer(1, 999)}`]]],
  [2, 'give a post another key', (r) => ['UPDATE posts SET id = $2 WHERE id = $1', [post(r), post(r)]]],
  [2, 'name an author', (r) => [
    'INSERT INTO authors VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name',
    [author(r), `author ${r.integer(1, 999)}`],
  ]],
  [0.5, 'delete an author', (r) => ['DELETE FROM authors WHERE id = $1', [author(r)]]],
  [0.05, 'truncate', (r) => [`TRUNCATE ${r.pick(['comments', 'comments', 'posts', 'posts, comments', 'authors'])}`, []]],
];

const weight = works.reduce((sum, [each]) => sum + each, 0);

export class ModelWriter extends AnyWriter {
  /** COUNTS of what was done is shared by all. Quarrels are counted, and no error. */
  constructor(id, { counts, ...options }) {
    super(id, { ...options, rest: [0, 15] });
    this.counts = counts;
  }

  async turn() {
    try {
      this.client ??= await this.connect();
      await this.transaction();
    } catch (error) {
      if (isQuarrel(error)) {
        this.counts.quarrels++;
        await this.client.query('ROLLBACK').catch(() => {});
        return;
      }
      await this.failed(error);
    }
  }

  async connect() {
    const client = await super.connect();
    await client.query('SET lock_timeout = 500');
    return client;
  }

  async transaction() {
    const { client, random, counts } = this;
    await client.query('BEGIN');
    for (let step = random.integer(1, 4); step > 0; step--) {
      if (random.chance(0.1)) await this.inVain();
      await this.work();
    }
    // It is open for long, and others of its rows come and go meanwhile.
    if (random.chance(0.03)) await sleep(random.between(100, 1500));
    const kept = random.chance(0.95);
    await client.query(kept ? 'COMMIT' : 'ROLLBACK');
    counts[kept ? 'transactions' : 'rollbacks']++;
  }

  async work() {
    let dice = this.random.between(0, weight);
    const [, , statement] = works.find(([each]) => (dice -= each) < 0) ?? works[0];
    await this.client.query(...statement(this.random));
  }

  /** Changes that are rolled back to a savepoint. */
  async inVain() {
    await this.client.query('SAVEPOINT here');
    await this.work();
    await this.work();
    await this.client.query('ROLLBACK TO here');
    this.counts.savepoints++;
  }
}
