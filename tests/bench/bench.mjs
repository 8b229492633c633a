// What the benches share: a PostgreSQL of their own, a table of results, medians with their spread.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cpus } from 'node:os';
import { Postgres } from '../integration/harness/postgres.mjs';
import { makeDirectory } from '../integration/harness/process.mjs';

const ticksPerSecond = 100; // USER_HZ, which Linux fixes for all that /proc tells

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function spread(values) {
  const text = (value) => value.toFixed(2);
  return `${text(median(values))} (${text(Math.min(...values))} to ${text(Math.max(...values))})`;
}

/** CPU seconds, user and system, that PID has used so far. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export class Bench {
  constructor(name, columns) {
    this.name = name;
    this.columns = columns;
    this.rows = [];
    this.turn = 0;
  }

  async run(body) {
    this.directory = makeDirectory(`walpiper-bench-${this.name}-`);
    this.server = new Postgres();
    // A server that is asked to be fast, the same for all who read from it.
    Object.assign(this.server.settings, {
      shared_buffers: '256MB',
      max_wal_size: '8GB',
      synchronous_commit: 'off',
      autovacuum: 'off',
      log_replication_commands: 'on',
    });
    try {
      await this.server.create();
      this.say(`${this.name}: ${cpus().length} cores, ${cpus()[0].model}`);
      await body();
      this.print();
    } finally {
      await this.server.destroy();
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  async database(...files) {
    const database = await this.server.createDatabase();
    await database.load(...files);
    return database;
  }

  turnDirectory() {
    return join(this.directory, `turn${++this.turn}`);
  }

  say(text) {
    console.log(text);
  }

  row(...cells) {
    this.rows.push(cells.map(String));
    this.say(`  ${cells.join(' | ')}`);
  }

  print() {
    const lines = [this.columns, this.columns.map(() => '---'), ...this.rows];
    const widths = this.columns.map((_, n) => Math.max(...lines.map((line) => line[n].length)));
    this.say('');
    for (const line of lines) {
      this.say(`| ${line.map((cell, n) => cell.padEnd(widths[n])).join(' | ')} |`);
    }
  }
}
