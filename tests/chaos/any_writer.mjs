// What all writers have in common: a connection of their own, and a life of turns that can be paused
// with nothing under way.
import pg from 'pg';
import { sleep, until } from '../integration/harness/wait.mjs';

/** A server that goes away or comes up: what it says then, or what the connection says. */
const isOutage = (error) => !(error instanceof pg.DatabaseError) || /^(57P0|08|53300)/.test(error.code);

export class AnyWriter {
  /** REST: so many milliseconds between two turns, at least and at most. ONERROR hears what is no outage. */
  constructor(id, { database, random, onError, rest }) {
    Object.assign(this, { id, database, random, onError, rest });
    this.paused = true;
    this.idle = true;
    this.stopped = false;
  }

  start() {
    this.running = this.run();
  }

  resume() {
    this.paused = false;
  }

  /** Resolves when what became of its last transaction is known. */
  async pause() {
    this.paused = true;
    await until(`writer ${this.id} knows what became of its last transaction`, () => this.idle && this.isSettled(), {
      timeout: 60_000,
    });
  }

  async stop() {
    this.stopped = true;
    await this.running;
    await this.client?.end().catch(() => {});
  }

  /** Whether it needs no further turn to know what it has done. */
  isSettled() {
    return true;
  }

  async run() {
    while (!this.stopped) {
      if (this.paused && this.isSettled()) {
        await sleep(10);
        continue;
      }
      this.idle = false;
      await this.turn();
      this.idle = true;
      await sleep(this.random.between(...this.rest));
    }
  }

  async connect() {
    const client = new pg.Client({ connectionString: this.database.url });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** A turn has failed: the next one begins with a new connection. */
  async failed(error) {
    if (!isOutage(error)) this.onError(error);
    this.client?.end().catch(() => {});
    this.client = undefined;
    await sleep(50);
  }
}
