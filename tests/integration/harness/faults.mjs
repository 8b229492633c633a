// Faults of the disk below a walpiper's journal, and of its clock, with the preload library of
// tests/faults: power cuts, a full disk, syncs that fail or are slow. They can change while it runs.
//
//     const { walpiper, faults } = await startFaulty(scene, db, config);
//     faults.full('ENOSPC');
//     ...
//     faults.full(null);
import assert from 'node:assert/strict';
import { closeSync, existsSync, openSync, readSync, realpathSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { within } from './wait.mjs';
import { binary } from './walpiper.mjs';

/** The words of tests/faults/steering.h. */
const word = { cutAt: 0, seed: 1, full: 2, sync: 3, syncMs: 4, clockMs: 5 };
const report = { calls: 16, refused: 17, syncs: 18, failedSyncs: 19, undone: 20 };
const ways = ['well', 'lost', 'reached', 'dropped'];
const words = 32;

const library = join(dirname(binary), '../tests/faults/faults.so');

export class Faults {
  /** WALPIPER has not been started yet, or is down; from now on it starts with the library. */
  constructor(walpiper) {
    assert.ok(existsSync(library), `${library} is missing: build all of the tree that ${binary} is of`);
    this.walpiper = walpiper;
    this.file = join(walpiper.directory, 'steering');
    writeFileSync(this.file, Buffer.alloc(words * 8));
    const journal = walpiper.config.journal.path;
    // As the kernel names its files; the directory itself may not be there yet.
    const below = join(realpathSync(dirname(journal)), basename(journal));
    walpiper.wrapper = [
      ...walpiper.wrapper,
      'env',
      `LD_PRELOAD=${library}`,
      `FAULTS_STEERING=${this.file}`,
      `FAULTS_BELOW=${below}`,
      'ASAN_OPTIONS=detect_leaks=1:verify_asan_link_order=0',
    ];
  }

  set(name, value) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    const fd = openSync(this.file, 'r+');
    writeSync(fd, bytes, 0, 8, word[name] * 8);
    closeSync(fd);
  }

  /** What the process has done since it started: calls, refused, syncs, failedSyncs, undone. */
  get(name) {
    const bytes = Buffer.alloc(8);
    const fd = openSync(this.file, 'r');
    readSync(fd, bytes, 0, 8, report[name] * 8);
    closeSync(fd);
    return Number(bytes.readBigUInt64LE());
  }

  /** CODE: 'ENOSPC' or 'EDQUOT'; null: there is room again. */
  full(code = 'ENOSPC') {
    this.set('full', code === null ? 0 : constants.errno[code]);
  }

  /** HOW: 'well'; or they fail with EIO, and what they should have written is 'lost' (and stays in
   *  the kernel's cache), 'reached' the disk all the same, or is 'dropped' (from the cache too). */
  syncs(how) {
    this.set('sync', ways.indexOf(how));
  }

  /** Each sync takes MS longer. */
  slow(ms) {
    this.set('syncMs', ms);
  }

  /** The clock of the wall is off by MS. */
  clock(ms) {
    this.set('clockMs', ms);
  }

  /** No fault from now on. */
  none() {
    for (const name of Object.keys(word)) this.set(name, 0);
  }

  /** Cuts the power at the CALLS-th write or sync below the journal from now on; SEED says how much
   *  of what was not synced is there afterwards. Waits for it. The next start is without a cut. */
  async cut({ calls = 1, seed = 1, timeout = 30_000 } = {}) {
    await this.cutAt({ at: this.get('calls') + calls, seed, timeout });
  }

  /** The same at the call with this number, counted from the start of the process. */
  async cutAt({ at, seed = 1, timeout = 30_000 }) {
    this.set('seed', seed);
    this.set('cutAt', at);
    await this.untilCut(timeout);
  }

  async untilCut(timeout = 30_000) {
    const how = await within('the power is cut', timeout, this.walpiper.child.exited);
    this.set('cutAt', 0);
    assert.equal(how.signal, 'SIGKILL', `walpiper ended with ${JSON.stringify(how)} instead of a power cut`);
    assert.ok(this.get('undone') > 0, 'walpiper was killed, but not by a power cut');
  }
}

/** {walpiper, faults}: a walpiper of SCENE that is up, and may have faults from now on. */
export async function startFaulty(scene, database, config) {
  const walpiper = scene.unstarted(database, config);
  const faults = new Faults(walpiper);
  await walpiper.start();
  return { walpiper, faults };
}
