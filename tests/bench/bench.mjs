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

export function spread(values, digits = 2) {
  const text = (value) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${text(median(values))} (${text(Math.min(...values))} to ${text(Math.max(...values))})`;
}

/** What each of RUNS, functions, gives in each turn, the turns one after the other. Each turn begins with another
 *  one: what a run leaves behind, work for the disk or a hot processor, is not always before the same. */
export async function takeTurns(turns, ...runs) {
  const results = runs.map(() => []);
  for (let turn = 0; turn < turns; turn++) {
    for (let k = 0; k < runs.length; k++) {
      const next = (turn + k) % runs.length;
      results[next].push(await runs[next]());
    }
  }
  return results;
}

/** What VALUE(run) of ABOVE is to that of BELOW, in each turn. */
export const ratiosOf = (above, below, value) => above.map((run, turn) => value(run) / value(below[turn]));

export const number = (value) => Math.round(value).toLocaleString('en');

/** What the benches of this process have found, in their order: {bench, seconds, notes, tables, curves, headlines},
 *  and what origin() says of the run; of a table {columns, rows}, of a curve what curves.mjs says, of a headline {what, value, goal, met}. */
export const findings = [];

/** Memory of PID in MiB: resident, of itself alone, and the most that was ever resident. */
export function memoryOf(pid) {
  const read = (file, key) => Number(readFileSync(`/proc/${pid}/${file}`, 'utf8').match(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm'))[1]);
  const own = read('smaps_rollup', 'Private_Dirty') + read('smaps_rollup', 'Private_Clean');
  return { resident: read('smaps_rollup', 'Rss') / 1024, own: own / 1024, peak: read('status', 'VmHWM') / 1024 };
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

/** A table that people can read as it is. */
export function markdown(columns, rows) {
  const lines = [columns, columns.map(() => '---'), ...rows];
  const widths = columns.map((_, n) => Math.max(...lines.map((line) => line[n].length)));
  return lines.map((line) => `| ${line.map((cell, n) => cell.padEnd(widths[n])).join(' | ')} |`).join('\n');
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
    this.found = { bench: name, notes: [], tables: [], curves: [], headlines: [] };
  }

  async run(body) {
    const began = performance.now();
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
      this.found.seconds = Math.round((performance.now() - began) / 1000);
      findings.push(this.found);
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

  /** Says what a reader of the results has to know. */
  note(text) {
    this.found.notes.push(text);
    this.say(text);
  }

  /** One of the figures that matter most: VALUES of all turns, and a GOAL, {least} or {most}, if there is one. */
  headline(what, values, goal = {}, digits = 2) {
    const value = median(values);
    const known = goal.least !== undefined || goal.most !== undefined;
    const met = known ? value >= (goal.least ?? -Infinity) && value <= (goal.most ?? Infinity) : undefined;
    const wanted = [goal.least !== undefined && `at least ${goal.least}`, goal.most !== undefined && `at most ${goal.most}`];
    this.found.headlines.push({ what, value: spread(values, digits), goal: wanted.filter(Boolean).join(', '), met });
  }

  /** How something grows (curves.mjs). */
  curve(curve) {
    this.found.curves.push(curve);
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
    if (this.rows.length === 0) return;
    this.found.tables.push({ columns: this.columns, rows: this.rows });
    this.say(`\n${markdown(this.columns, this.rows)}`);
  }
}
