// A walpiper in office, and those that it takes over from: stopped in mid-breath, with all their
// connections, they are replaced by one that has their journal, and wake up later.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../integration/harness/process.mjs';
import { sleep } from '../integration/harness/wait.mjs';
import { Service } from './service.mjs';

/** One that is stopped. */
class Stopped {
  constructor(service) {
    this.service = service;
    this.said = service.walpiper.logText().length;
    service.walpiper.child.kill('SIGSTOP');
  }

  /** Wakes up for so many milliseconds, and is gone for good. */
  async wake(milliseconds) {
    const { walpiper } = this.service;
    walpiper.child.kill('SIGCONT');
    await sleep(milliseconds);
    this.isFenced = /taken over by another process/.test(walpiper.logText().slice(this.said));
    await this.service.stop();
    rmSync(walpiper.directory, { recursive: true, force: true });
  }
}

export class Crew {
  /** CONFIG() makes the configuration of each, which has a directory of its own in DIRECTORY. */
  constructor({ directory, config, ...options }) {
    Object.assign(this, { directory, config, options });
    this.number = 0;
    this.starts = 0; // of those that are gone
  }

  next() {
    const directory = join(this.directory, String(++this.number));
    mkdirSync(directory);
    return new Service({ ...this.options, directory, config: this.config() });
  }

  async open() {
    this.service = this.next();
    await this.service.launch();
    await this.service.healthy();
  }

  stop() {
    return new Stopped(this.service);
  }

  /** The one in office is stopped: what it has on disk does not change. */
  async replace() {
    const { walpiper: before, starts } = this.service;
    this.starts += starts;
    const service = this.next();
    const copied = await run('cp', ['-r', '--sparse=always', before.config.journal.path, service.walpiper.config.journal.path]);
    if (copied.code !== 0) throw new Error(copied.stderr);
    this.service = service;
    await service.launch();
    await service.healthy();
  }
}
