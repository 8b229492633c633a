// Writers that keep a blog busy, over restarts of the server, and know what they have committed.
import pg from 'pg';
import { sleep } from './wait.mjs';

/** The names of the messages a subscriber must get: one for each commit that the server has kept. */
export class Load {
  constructor(database, writers = 3) {
    this.database = database;
    this.stopped = false;
    this.transactions = 0;
    this.running = Promise.all(Array.from({ length: writers }, (_, n) => this.write(n + 1)));
  }

  async write(writer) {
    let client;
    for (let round = 0; !this.stopped; round++) {
      try {
        client ??= await this.connect();
        await this.transaction(client, writer, round);
        this.transactions++;
      } catch {
        // The server is away. Whether that commit was kept, only its rows can tell.
        client?.end().catch(() => {});
        client = undefined;
        await sleep(50);
      }
    }
    await client?.end().catch(() => {});
  }

  async connect() {
    const client = new pg.Client({ connectionString: this.database.url });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** Inserts, updates, moves and deletes, and one row of `events`. */
  async transaction(client, writer, round) {
    const post = 1 + ((writer * 7 + round) % 20);
    await client.query('BEGIN');
    await client.query(
      'INSERT INTO posts (id, title) VALUES ($1, $2) ON CONFLICT DO NOTHING',
      [post, `post ${post}`],
    );
    await client.query(
      `INSERT INTO comments (post_id, message)
       SELECT $1::bigint, $2 || '-' || n FROM generate_series(1, 3) n`,
      [post, `${writer}-${round}`],
    );
    await client.query(
      `INSERT INTO events (type, subscriber, payload) VALUES ('insert', 'toto', to_jsonb($1::text))`,
      [`${writer}-${round}`],
    );
    await client.query('COMMIT');
    if (round % 5 === 0) await this.touch(client, writer, round);
  }

  /** Rows of this writer only, so that writers do not wait for each other's locks. */
  async touch(client, writer, round) {
    const mine = `${writer}-${round - 5}-`;
    await client.query(`UPDATE comments SET post_id = 1 + post_id % 20 WHERE message = $1`, [`${mine}1`]);
    await client.query(`UPDATE comments SET rating = 5 WHERE message = $1`, [`${mine}2`]);
    await client.query(`DELETE FROM comments WHERE message = $1`, [`${mine}3`]);
  }

  async stop() {
    this.stopped = true;
    await this.running;
  }
}

/** The rows as a subscriber sees them who applies each event: id → record. */
export class Replica {
  constructor() {
    this.rows = new Map();
    this.problems = [];
  }

  apply(event) {
    const { type, new_record: row, old_record: old } = event;
    if (type === 'insert') {
      if (this.rows.has(row.id)) this.problems.push(`row ${row.id} was inserted twice`);
      this.rows.set(row.id, row);
    } else if (type === 'update') {
      if (!this.rows.has(row.id)) this.problems.push(`row ${row.id} was updated before its insert`);
      this.rows.set(row.id, row);
    } else if (type === 'delete') {
      if (!this.rows.delete(old.id)) this.problems.push(`row ${old.id} was deleted before its insert`);
    }
  }
}
