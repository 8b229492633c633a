// What goes wrong around the subscribers: blows, and weather (the disk), which lasts for a while as
// they fall.
import { sleep } from '../integration/harness/wait.mjs';
import { Deck, Storm } from './storm.mjs';

const hour = 3_600_000;

const blows = { killWalpiper: 6, cutPower: 4, pauseWalpiper: 1, endWalsender: 2, cutServer: 2, stallServer: 1,
  cutClients: 2, stepClock: 1, killBackend: 1, crashServer: 1 };
const weathers = { slowDisk: 3, fullDisk: 1 };

export class Troubles extends Storm {
  constructor({ weatherRandom, service, proxy, watchers, ...storm }) {
    super({ ...storm, blows, pauses: [100, 1500] });
    Object.assign(this, { weatherRandom, service, proxy, watchers });
    for (const name of Object.keys(weathers)) this.counts[name] = 0;
    this.weathers = new Deck(weathers, weatherRandom);
  }

  start() {
    super.start();
    this.running = Promise.all([this.running, this.weather()]);
  }

  async weather() {
    for (;;) {
      await this.rest(this.weatherRandom.between(200, 3000));
      if (this.over) return;
      await this.happens(this.weathers.next());
    }
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
}
