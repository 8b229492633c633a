// Blows that fall at random but fairly: a deck holds each kind as often as its weight says, and is
// dealt out and shuffled anew. Here are those that hit PostgreSQL.
import { sleep, until } from '../integration/harness/wait.mjs';

export class Deck {
  constructor(weights, random) {
    this.cards = Object.entries(weights).flatMap(([name, weight]) => Array(weight).fill(name));
    this.random = random;
    this.left = [];
  }

  next() {
    if (this.left.length === 0) this.left = this.random.shuffled(this.cards);
    return this.left.pop();
  }
}

/** A blow NAME is a method; it may give a detail to tell, or false: nothing happened. */
export class Storm {
  /** PAUSES: the milliseconds between two blows, at least and at most. ADMIN is a database of SERVER
   *  that walpiper does not read. */
  constructor({ blows, pauses, random, server, admin, log }) {
    Object.assign(this, { pauses, random, server, admin, log });
    this.counts = Object.fromEntries(Object.keys(blows).map((name) => [name, 0]));
    this.blows = new Deck(blows, random);
  }

  /** Until calm(). */
  start() {
    this.over = false;
    this.running = this.storm();
  }

  /** Resolves when nothing is wrong any more but what takes time to heal by itself. */
  async calm() {
    this.over = true;
    await this.running;
  }

  async rest(milliseconds) {
    const end = Date.now() + milliseconds;
    while (!this.over && Date.now() < end) await sleep(Math.min(50, milliseconds));
  }

  async storm() {
    for (;;) {
      await this.rest(this.random.between(...this.pauses));
      if (this.over) return;
      await this.happens(this.blows.next());
    }
  }

  async happens(name, ...how) {
    const detail = await this[name](...how);
    if (detail === false) return;
    this.counts[name]++;
    this.log(`${name} ${detail ?? ''}`);
  }

  /** A question to a server that may be away: undefined then. */
  async ask(text, database = this.admin) {
    return database.value(text).catch(() => undefined);
  }

  answers() {
    return until('the server is back', () => this.server.answers(), { timeout: 60_000 });
  }

  async endWalsender() {
    const ended = await this.ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender' LIMIT 1`);
    return ended === true ? undefined : false;
  }

  /** kill -9, after which the server starts all of its backends anew. */
  async killBackend() {
    const pids = await this.ask(`SELECT array_agg(pid) FROM pg_stat_activity
      WHERE backend_type IN ('walsender', 'client backend') AND pid <> pg_backend_pid()`);
    if (!pids) return false;
    process.kill(this.random.pick(pids), 'SIGKILL');
    await sleep(50);
    await this.answers();
    return undefined;
  }

  async crashServer() {
    await this.server.stop('SIGQUIT');
    await this.rest(this.random.between(0, 1000));
    await this.server.start();
  }
}
