// What goes wrong, at random but fairly: a deck holds each kind as often as its weight says, and is
// dealt out and shuffled anew. Weather (the disk) lasts for a while, and blows fall meanwhile.
import { sleep, until } from '../integration/harness/wait.mjs';

const hour = 3_600_000;

const blows = { killWalpiper: 6, cutPower: 4, pauseWalpiper: 1, endWalsender: 2, cutServer: 2, stallServer: 1,
  cutClients: 2, stepClock: 1, killBackend: 1, crashServer: 1 };
const weathers = { slowDisk: 3, fullDisk: 1 };

class Deck {
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

export class Troubles {
  /** ADMIN is a database of SERVER that walpiper does not read. */
  constructor({ random, weatherRandom, service, server, proxy, admin, watchers, log }) {
    Object.assign(this, { random, service, server, proxy, admin, watchers, log });
    this.counts = Object.fromEntries(Object.keys({ ...weathers, ...blows }).map((name) => [name, 0]));
    this.blows = new Deck(blows, random);
    this.weatherRandom = weatherRandom;
    this.weathers = new Deck(weathers, weatherRandom);
  }

  /** Both kinds, until calm(). */
  start() {
    this.over = false;
    this.running = Promise.all([this.storm(), this.weather()]);
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
      await this.rest(this.random.between(100, 1500));
      if (this.over) return;
      await this.happens(this.blows.next());
    }
  }

  async weather() {
    for (;;) {
      await this.rest(this.weatherRandom.between(200, 3000));
      if (this.over) return;
      await this.happens(this.weathers.next());
    }
  }

  async happens(name) {
    const detail = await this[name]();
    if (detail === false) return;
    this.counts[name]++;
    this.log(`${name} ${detail ?? ''}`);
  }

  // --- the disk ---------------------------------------------------------------------------------

  async slowDisk() {
    const ms = this.weatherRandom.integer(50, 600);
    this.service.faults.slow(ms);
    await this.rest(this.weatherRandom.between(1500, 4000));
    this.service.faults.slow(0);
    return `${ms} ms a sync`;
  }

  async fullDisk() {
    const { faults } = this.service;
    const refused = faults.get('refused');
    faults.full(this.weatherRandom.pick(['ENOSPC', 'EDQUOT']));
    await this.rest(this.weatherRandom.between(500, 2500));
    faults.full(null);
    return `${Math.max(0, faults.get('refused') - refused)} calls refused`;
  }

  // --- walpiper ---------------------------------------------------------------------------------

  /** Sometimes killed again before it is up. */
  async killWalpiper() {
    const again = this.random.chance(0.25);
    await this.service.kill(this.random.between(0, 300));
    if (!again) return undefined;
    await sleep(this.random.between(0, 150));
    await this.service.kill(0);
    return 'twice';
  }

  async cutPower() {
    const happened = await this.service.cutPower({
      calls: this.random.integer(1, 40),
      seed: this.random.integer(1, 1_000_000),
      after: this.random.between(0, 200),
    });
    return happened ? `${this.service.undone} sectors lost` : false;
  }

  async pauseWalpiper() {
    await this.service.pause(this.random.between(200, 2000));
  }

  /** Hours, not more than the journal keeps. */
  async stepClock() {
    const off = Math.round(this.random.between(-24, 24) * hour);
    this.service.faults.clock(off);
    return `${(off / hour).toFixed(1)} h off`;
  }

  // --- the network ------------------------------------------------------------------------------

  async cutServer() {
    for (const link of this.proxy.links) link.destroy();
  }

  /** Dead without a word; then cut, as a router does in the end. */
  async stallServer() {
    this.proxy.stall(undefined, { spread: true });
    await this.rest(this.random.between(200, 2500));
    this.proxy.heal();
    await this.cutServer();
  }

  async cutClients() {
    const some = this.watchers().filter(() => this.random.chance(0.7));
    for (const watcher of some) watcher.cut();
    return `${some.length} of them`;
  }

  // --- PostgreSQL -------------------------------------------------------------------------------

  /** A question to a server that may be away: undefined then. */
  async ask(text) {
    return this.admin.value(text).catch(() => undefined);
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
