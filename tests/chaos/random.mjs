// Chance that can be repeated: every actor draws from a generator of its own, so that what one does
// does not depend on how often another one was asked.
import { createHash } from 'node:crypto';

export class Random {
  /** The generator of the actor NAME in the run SEED. */
  constructor(seed, name) {
    this.state = createHash('sha256').update(`${seed}/${name}`).digest().readUInt32LE(0);
  }

  /** In [0, 1): mulberry32. */
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  between(least, most) {
    return least + this.next() * (most - least);
  }

  integer(least, most) {
    return Math.floor(this.between(least, most + 1));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.integer(0, list.length - 1)];
  }

  shuffled(list) {
    const result = [...list];
    for (let n = result.length - 1; n > 0; n--) {
      const other = this.integer(0, n);
      [result[n], result[other]] = [result[other], result[n]];
    }
    return result;
  }
}
