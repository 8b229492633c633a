// What the benches share: a PostgreSQL of their own, a table of results, medians with their spread.
import { readFileSync, readdirSync, rmSync } from 'node:fs';
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

/** CPU seconds of the threads of PID that are called NAME, or of all: to the nanosecond, up to the last
 *  time that each was scheduled. */
export function threadSeconds(pid, name) {
  const read = (thread, file) => readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'utf8');
  const threads = readdirSync(`/proc/${pid}/task`);
  const wanted = threads.filter((thread) => !name || read(thread, 'comm').trim() === name);
  if (wanted.length === 0) throw new Error(`process ${pid} has no thread '${name}'`);
  return wanted.reduce((sum, thread) => sum + Number(read(thread, 'schedstat').split(' ')[0]) / 1e9, 0);
}

/** The options of the last stream of SLOT, as the server has logged them, for pg_recvlogical. */
export function lastOptions(bench, slot) {
  const commands = new RegExp(`START_REPLICATION SLOT "${slot}" LOGICAL \\S+ \\(.*\\)$`, 'gm');
  const command = bench.server.logText().match(commands).at(-1);
  const options = command.slice(command.indexOf('(') + 1, -1);
  return [...options.matchAll(/"?([a-z_-]+)"? '([^']*)'/g)].flatMap(([, name, value]) => ['-o', `${name}=${value}`]);
}

export class Bench {
  /** SETTINGS: of its server, beyond those below. */
  constructor(name, columns, settings = {}) {
    this.name = name;
    this.columns = columns;
    this.settings = settings;
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
      ...this.settings,
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

  /** A further table of results. */
  table(columns) {
    this.print();
    this.say('');
    this.columns = columns;
    this.rows = [];
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
