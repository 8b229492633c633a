// What every run of trouble is made of: rounds, each closed by calm and judgement.
import { Random } from './random.mjs';
import { sleep, until } from '../integration/harness/wait.mjs';

const shown = 12; // of what is wrong
const longest = 4000; // characters of one of it

/** Something that walpiper promises did not hold. */
export class Broken extends Error {}

/** Has `writers`, `troubles` and `service` when it is open; settle() and story() are the run's own. */
export class Rounds {
  /** PLUGIN: wal2json or pgoutput. LOG gets a line for each fault. */
  constructor({ seed, plugin, log }) {
    Object.assign(this, { seed, plugin });
    this.began = Date.now();
    this.log = (line) => log(`${((Date.now() - this.began) / 1000).toFixed(1).padStart(7)} s  ${line}`);
    this.wrongs = [];
    this.rounds = 0;
    this.random = this.chance('rounds');
  }

  chance(name) {
    return new Random(this.seed, name);
  }

  /** Values may be long. */
  wrong(what) {
    this.wrongs.push(what.length > longest ? `${what.slice(0, longest)}...` : what);
  }

  /** What is wrong by now ends the run. */
  check() {
    if (this.wrongs.length === 0) return;
    const more = this.wrongs.length > shown ? [`... and ${this.wrongs.length - shown} more`] : [];
    throw new Broken([...this.wrongs.slice(0, shown), ...more].join('\n'));
  }

  /** Rounds until MILLISECONDS are over, or something is wrong. */
  async run(milliseconds) {
    const end = Date.now() + milliseconds;
    while (Date.now() < end) {
      await this.trouble(Math.min(end - Date.now(), this.random.between(5000, 12_000)));
      await this.settle();
      this.rounds++;
      this.log(`round ${this.rounds} is well: ${this.story()}`);
    }
  }

  async trouble(milliseconds) {
    const end = Date.now() + milliseconds;
    for (const writer of this.writers) writer.resume();
    this.troubles.start();
    while (Date.now() < end && this.wrongs.length === 0) await sleep(50);
    await this.troubles.calm();
    this.check();
  }

  /** Waits for what is promised. */
  async promised(what, condition) {
    try {
      await until(what, () => this.wrongs.length > 0 || condition(), { timeout: 60_000 });
    } catch (error) {
      this.wrong(error.message);
    }
    this.check();
  }

  async health() {
    try {
      await this.service.healthy();
    } catch (error) {
      const answer = await this.service.walpiper.request('/manage/health').catch(() => undefined);
      this.wrong(`health at the end: ${error.message} ${answer?.body ?? ''}`);
    }
    this.check();
  }

  /** The beginning of the story in numbers. */
  summary() {
    return [
      `seed ${this.seed}, ${this.plugin}: ${this.rounds} rounds in ${Math.round((Date.now() - this.began) / 1000)} s`,
      `  faults: ${Object.entries(this.troubles?.counts ?? {}).map(([name, count]) => `${name} ${count}`).join(', ')}`,
    ].join('\n');
  }

  /** Lets the troubles end; a fault that waits for a server that Ctrl-C has ended waits in vain. */
  async endTroubles() {
    if (this.troubles?.running) await Promise.race([this.troubles.calm().catch(() => {}), sleep(5000)]);
  }

  /** What walpiper said last. */
  lastWords() {
    return this.service?.walpiper.logText().trimEnd().split('\n').slice(-25).join('\n');
  }
}
