// walpiper as a service manager sees it: started again however it ended, here also killed, stopped
// for a while, and run on a disk and a clock that fail (tests/faults).
import { Faults } from '../integration/harness/faults.mjs';
import { isRunning } from '../integration/harness/process.mjs';
import { Walpiper } from '../integration/harness/walpiper.mjs';
import { sleep } from '../integration/harness/wait.mjs';

export class Service {
  /** ONWRONG hears of an end that nobody wanted. */
  constructor({ database, directory, config, onWrong }) {
    this.walpiper = new Walpiper(database, directory, config);
    this.faults = new Faults(this.walpiper);
    this.onWrong = onWrong;
    this.starts = 0;
    this.wanted = false; // an end that is wanted is on its way
  }

  get base() {
    return this.walpiper.base;
  }

  async launch() {
    await this.walpiper.configure();
    return this.start();
  }

  async start() {
    this.wanted = false;
    await this.walpiper.launch();
    this.starts++;
    const { child } = this.walpiper;
    child.exited.then(({ code, signal }) => {
      if (this.wanted || child !== this.walpiper.child) return;
      this.onWrong(`walpiper ended by itself with ${signal ?? code}:\n${this.story()}`);
    });
  }

  /** Why it ended: a sanitizer's report, else what it said last. */
  story() {
    const text = this.walpiper.logText();
    const report = text.search(/^.*(Sanitizer|runtime error)/m);
    return report < 0 ? text.slice(-1500) : text.slice(report, report + 3500);
  }

  get isUp() {
    return isRunning(this.walpiper.child);
  }

  /** Killed without notice, and started again AFTER so many milliseconds. */
  async kill(after) {
    this.wanted = true;
    await this.walpiper.kill();
    await sleep(after);
    await this.start();
  }

  /** Stopped in mid-breath for so many milliseconds: nothing it holds is let go. */
  async pause(milliseconds) {
    this.walpiper.child.kill('SIGSTOP');
    await sleep(milliseconds);
    this.walpiper.child.kill('SIGCONT');
  }

  /** The power fails at one of the next calls that write or sync; false: it wrote nothing. */
  async cutPower({ calls, seed, after }) {
    const { faults } = this;
    this.wanted = true;
    faults.set('seed', seed);
    faults.set('cutAt', faults.get('calls') + calls);
    const patience = Date.now() + 2000;
    while (this.isUp && Date.now() < patience) await sleep(10);
    const happened = !this.isUp && faults.get('undone') > 0;
    this.undone = faults.get('undone') - 1;
    faults.set('cutAt', 0);
    await this.kill(after);
    return happened;
  }

  healthy() {
    return this.walpiper.healthy(60_000);
  }

  async stop() {
    this.wanted = true;
    await this.walpiper.stop('SIGKILL');
  }
}
