// The table that the fan-out benches write to. Each row has a stamp, "#NUMBER@MICROSECONDS#", which says
// which event it is and when it was made (tally.h); it comes out of walpiper, of pg_recvlogical and of
// nchan as it went in.
import { readFileSync } from 'node:fs';
import { Walpiper } from '../integration/harness/walpiper.mjs';
import { request } from '../integration/harness/sse.mjs';
import { until } from '../integration/harness/wait.mjs';

const stamp = (number) =>
  `'#' || ${number} || '@' || (extract(epoch FROM clock_timestamp()) * 1000000)::bigint || '#'`;

/** The most files that a process may have open here. */
export function descriptors() {
  return Number(readFileSync('/proc/self/limits', 'utf8').match(/^Max open files +\d+ +(\d+)/m)[1]);
}

export function microseconds() {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

export class Stamps {
  async create(bench) {
    this.db = await bench.database('sql/schema.sql');
    await this.db.query(`CREATE TABLE stamps (
      id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      k     int NOT NULL DEFAULT 0,
      stamp text NOT NULL)`);
    this.next = 1; // number that the next row gets
    this.connection = await this.db.connect();
    return this;
  }

  /** One row in a transaction of its own: its number. */
  async commit() {
    const number = this.next++;
    await this.connection.query({ name: 'one', text: `INSERT INTO stamps (stamp) VALUES (${stamp('$1::text')})`, values: [number] });
    return number;
  }

  /** COUNT rows in one transaction: when its commit was asked for, in microseconds. */
  async commitTogether(count) {
    await this.connection.query('BEGIN');
    await this.connection.query(
      `INSERT INTO stamps (stamp) SELECT ${stamp('n')} FROM generate_series($1::bigint, $2::bigint) n`,
      [this.next, this.next + count - 1],
    );
    this.next += count;
    const asked = microseconds();
    await this.connection.query('COMMIT');
    return asked;
  }

  /** A walpiper with one serving thread that has this table. No heartbeat falls into a measurement. */
  async serve(directory, slot) {
    const walpiper = new Walpiper(this.db, directory, {
      slot,
      tables: [{ name: 'public.stamps' }],
      http: { threads: 1, heartbeat: '1h' },
      log: { level: 'warn' },
    });
    walpiper.wrapper = ['prlimit', `--nofile=${descriptors()}:${descriptors()}`];
    await walpiper.start();
    // Filters are refused until it has read the columns.
    await until('it knows the columns', async () => {
      const path = '/streams/stamps?k=eq.0&after=latest&limit=1';
      const answer = await request(walpiper.base + path, { headers: { Accept: 'application/json' } });
      return answer.status === 200;
    });
    return walpiper;
  }

  async close() {
    this.connection.release();
    await this.db.close();
  }
}
