// Writers with known content. Each transaction leaves a row in the ledger, so that after a commit
// whose connection died the ledger says whether it was kept.
import { sleep } from '../integration/harness/wait.mjs';
import { AnyWriter } from './any_writer.mjs';
import { buckets, consumers, deleteKey, keyOf, noteOf, rolledBack, tables } from './content.mjs';

const rowsKept = 60; // of a writer in one table; above it deletes more than it inserts

/** The changes of one transaction, in their order, and the writer's rows as they are after it. */
class Transaction {
  constructor(writer, seq, rows) {
    Object.assign(this, { writer, seq, changes: [], n: 0 });
    this.rows = Object.fromEntries(tables.map((table) => [table, new Map(rows[table])]));
  }

  /** The next change: its place and what recognizes it. */
  next(table, n = ++this.n) {
    const key = keyOf(table, { writer: this.writer, seq: this.seq, n });
    return { table, writer: this.writer, seq: this.seq, n, key, note: noteOf(key) };
  }

  add(change) {
    this.changes.push(change);
  }
}

export class Writer extends AnyWriter {
  /** TRUTH has what all of them committed; else they share nothing but the server. */
  constructor(id, { truth, ...options }) {
    super(id, { ...options, rest: [2, 50] });
    this.truth = truth;
    this.rows = Object.fromEntries(tables.map((table) => [table, new Map()]));
    this.seq = 0;
    this.unknown = null; // the transaction whose commit was not answered
  }

  isSettled() {
    return !this.unknown;
  }

  /** One transaction, or what the server's absence leaves of it. */
  async turn(work = (t) => this.work(t)) {
    try {
      this.client ??= await this.connect();
      if (this.unknown) await this.lookUp();
      await this.transaction(work);
      return true;
    } catch (error) {
      await this.failed(error);
      return false;
    }
  }

  /** The connection is gone and with it its backend: what the ledger says now is final. */
  async lookUp() {
    const asked = [this.id, this.unknown.seq];
    const { rowCount } = await this.client.query('SELECT FROM ledger WHERE writer = $1 AND seq = $2', asked);
    if (rowCount > 0) this.keep(this.unknown);
    this.truth.lookedUp++;
    this.unknown = null;
  }

  keep(transaction) {
    this.rows = transaction.rows;
    this.truth.commit(transaction);
  }

  async transaction(work) {
    const { client, random } = this;
    const transaction = new Transaction(this.id, ++this.seq, this.rows);
    await client.query('BEGIN');
    await client.query('INSERT INTO ledger VALUES ($1, $2)', [this.id, this.seq]);
    await work(transaction);
    // Those who began later commit first.
    if (random.chance(0.3)) await sleep(random.between(0, 60));
    if (random.chance(0.1)) {
      await client.query('ROLLBACK');
      this.truth.rollbacks++;
      return;
    }
    this.unknown = transaction;
    await client.query('COMMIT');
    this.unknown = null;
    this.keep(transaction);
  }

  async work(transaction) {
    for (let step = this.random.integer(1, 5); step > 0; step--) {
      if (this.random.chance(0.1)) await this.inVain(transaction);
      if (this.random.chance(0.25)) await this.event(transaction, this.random.pick(consumers));
      else await this.change(transaction, this.random.pick(tables));
    }
  }

  async change(transaction, table) {
    const mine = transaction.rows[table];
    const dice = this.random.next() + (mine.size > rowsKept ? 0.3 : 0);
    if (mine.size === 0 || dice < 0.4) return this.insert(transaction, table, this.random.integer(1, 4));
    const id = this.random.pick([...mine.keys()]);
    return dice < 0.75 ? this.update(transaction, table, id) : this.delete(transaction, table, id);
  }

  async insert(transaction, table, count, where) {
    const changes = Array.from({ length: count }, (_, n) => ({
      ...transaction.next(table),
      type: 'insert',
      bucket: where?.[n] ?? this.random.pick(buckets),
    }));
    const columns = ['n', 'bucket', 'note'].map((name) => changes.map((change) => change[name]));
    const { rows } = await this.client.query(
      `INSERT INTO ${table} (writer, seq, n, bucket, note)
       SELECT $1, $2, n, bucket, note FROM unnest($3::int[], $4::int[], $5::text[]) AS u (n, bucket, note)
       RETURNING id, n`,
      [this.id, transaction.seq, ...columns],
    );
    const ids = new Map(rows.map(({ id, n }) => [n, id]));
    for (const change of changes) {
      transaction.rows[table].set(ids.get(change.n), { bucket: change.bucket, note: change.note });
      transaction.add(change);
    }
  }

  /** With another bucket or the same, with a new note or the one that it had. */
  async update(transaction, table, id) {
    const before = transaction.rows[table].get(id);
    const change = { ...transaction.next(table), type: 'update', oldBucket: before.bucket };
    change.bucket = this.random.chance(0.5) ? this.random.pick(buckets) : before.bucket;
    if (this.random.chance(0.5)) {
      change.note = before.note;
      await this.client.query(`UPDATE ${table} SET seq = $2, n = $3, bucket = $4 WHERE id = $1`, [id, change.seq, change.n, change.bucket]);
    } else {
      const values = [id, change.seq, change.n, change.bucket, change.note];
      await this.client.query(`UPDATE ${table} SET seq = $2, n = $3, bucket = $4, note = $5 WHERE id = $1`, values);
    }
    transaction.rows[table].set(id, { bucket: change.bucket, note: change.note });
    transaction.add(change);
  }

  async delete(transaction, table, id) {
    const { bucket } = transaction.rows[table].get(id);
    await this.client.query(`DELETE FROM ${table} WHERE id = $1`, [id]);
    transaction.rows[table].delete(id);
    transaction.add({ ...transaction.next(table), key: deleteKey(table, id), type: 'delete', bucket, note: undefined });
  }

  async event(transaction, consumer) {
    const { key, writer, seq, n, note } = transaction.next('events');
    await this.client.query(`INSERT INTO events (type, subscriber, payload) VALUES ('insert', $1, $2)`, [
      consumer,
      JSON.stringify({ writer, seq, n, note }),
    ]);
    transaction.add({ table: 'events', writer, seq, n, key, note, type: 'insert', consumer });
  }

  /** Changes that are rolled back to a savepoint. */
  async inVain(transaction) {
    const { client } = this;
    const table = this.random.pick(tables);
    const { seq, n, note } = transaction.next(table, rolledBack + transaction.n);
    await client.query('SAVEPOINT here');
    await client.query(`INSERT INTO ${table} (writer, seq, n, bucket, note) VALUES ($1, $2, $3, 1, $4)`, [this.id, seq, n, note]);
    await client.query(`UPDATE ${table} SET n = $2, seq = $3 WHERE writer = $1`, [this.id, n, seq]);
    if (this.random.chance(0.5)) await client.query(`DELETE FROM ${table} WHERE writer = $1`, [this.id]);
    await client.query('ROLLBACK TO here');
    this.truth.savepoints++;
  }

  /** One row of every kind for everybody: whoever has it has all that was committed before. */
  async mark() {
    const kept = this.truth.transactions;
    const everything = async (transaction) => {
      for (const table of tables) await this.insert(transaction, table, buckets.length, buckets);
      for (const consumer of consumers) await this.event(transaction, consumer);
    };
    while (this.truth.transactions === kept) await this.turn(everything);
  }
}
