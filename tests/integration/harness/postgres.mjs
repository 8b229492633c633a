// One private PostgreSQL for a test file: its own directory, a unix socket, no TCP port.
import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { isRunning, makeDirectory, run, startChild } from './process.mjs';
import { until, within } from './wait.mjs';

const bin = process.env.POSTGRES_BIN ?? '/usr/lib/postgresql/15/bin';
const isRoot = process.getuid() === 0;
/** A cluster that initdb has made once for all the files of a run; see run_integration of ./dev test. */
const template = process.env.POSTGRES_TEMPLATE;

function postgresUser() {
  const id = (flag) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/** Since 15.19 a server lists the plugins it permits; older ones do not start with that setting. */
export function knowsPluginList() {
  const { stdout } = spawnSync(join(bin, 'postgres'), ['--describe-config'], { encoding: 'utf8' });
  return /^output_plugin_libraries\t/m.test(stdout);
}

export class Postgres {
  constructor() {
    this.top = makeDirectory('walpiper-pg-');
    this.socketDirectory = join(this.top, 'run');
    this.data = join(this.top, 'run', 'data');
    this.log = join(this.top, 'postgres.log');
    this.databases = 0;
    this.settings = {
      listen_addresses: '',
      port: '5432',
      unix_socket_directories: this.socketDirectory,
      wal_level: 'logical',
      max_wal_senders: '20',
      max_replication_slots: '20',
      max_connections: '100',
      // A zone other than UTC: walpiper must not depend on the server's.
      track_commit_timestamp: 'on',
      timezone: 'America/St_Johns',
      log_min_messages: 'warning',
      ...(knowsPluginList() && {
        output_plugin_libraries: 'pgoutput, test_decoding, wal2json',
      }),
    };
  }

  /** OFTEMPLATE: where there is one, the server is a copy of it, which takes a tenth of initdb's time. All
   *  copies have one system identifier. */
  async create({ ofTemplate = false } = {}) {
    mkdirSync(this.socketDirectory, { mode: 0o700 });
    if (isRoot) {
      const { uid, gid } = postgresUser();
      chownSync(this.socketDirectory, uid, gid);
    }
    const make = ofTemplate && template ? ['cp', '-a', template, this.data] : this.initdb();
    const [command, ...args] = isRoot ? ['runuser', '-u', 'postgres', '--', ...make] : make;
    const result = await run(command, args, { cwd: '/' });
    if (result.code !== 0) throw new Error(`${make[0]} failed: ${result.stderr}`);
    await this.start();
  }

  initdb() {
    const locale = ['--encoding=UTF8', '--locale=C.UTF-8'];
    return [join(bin, 'initdb'), '-D', this.data, '-U', 'postgres', '--auth=trust', ...locale, '--no-sync'];
  }

  async start(settings = {}) {
    Object.assign(this.settings, settings);
    const args = Object.entries(this.settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    this.child = startChild(join(bin, 'postgres'), ['-D', this.data, ...args], {
      log: this.log,
      signal: 'QUIT',
      user: isRoot ? 'postgres' : undefined,
      cwd: '/',
    });
    await until('PostgreSQL accepts connections', async () => {
      if (!isRunning(this.child)) throw new Error(`PostgreSQL did not start:\n${this.logText()}`);
      return this.answers();
    });
  }

  async answers() {
    const client = new pg.Client({ connectionString: this.url('postgres') });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('SELECT 1');
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => {});
    }
  }

  /** SIGINT: fast; SIGQUIT: as after a crash. */
  async stop(signal = 'SIGINT') {
    if (isRunning(this.child)) {
      this.child.kill(signal);
      await within('PostgreSQL stops', 60_000, this.child.exited);
    }
  }

  async restart(signal) {
    await this.stop(signal);
    await this.start();
  }

  /** Who may connect how: RULES of pg_hba.conf, behind those that let the tests in. */
  async hba(rules) {
    const open = ['local all postgres trust', ...rules, 'local all all reject', 'host all all all reject'];
    writeFileSync(join(this.data, 'pg_hba.conf'), `${open.join('\n')}\n`);
    await this.reload();
  }

  /** SETTINGS that need no restart. */
  async set(settings) {
    const admin = new Database(this, 'postgres');
    for (const [key, value] of Object.entries(settings)) await admin.query(`ALTER SYSTEM SET ${key} = '${value}'`);
    await admin.close();
    await this.reload();
  }

  /** From here to releaseCommits() commits are in the log, and other sessions do not see them. A while after
   *  the reload the checkpointer makes it known: it has when a commit waits. */
  async holdCommits() {
    await this.set({ synchronous_standby_names: 'nobody' });
    const admin = new Database(this, 'postgres');
    const client = await admin.connect();
    const pid = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
    const waits = () => admin.value(`SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = $1`, [pid]);
    let commit, ended;
    do {
      ended = false;
      commit = client.query(`SELECT pg_logical_emit_message(true, 'probe', '')`).finally(() => (ended = true));
      await until('a commit waits, or ends', async () => ended || waits());
    } while (ended);
    await admin.query('SELECT pg_cancel_backend($1)', [pid]);
    await commit;
    client.release();
    await admin.close();
  }

  async releaseCommits() {
    await this.set({ synchronous_standby_names: '' });
  }

  async reload() {
    const admin = new Database(this, 'postgres');
    const before = await admin.value('SELECT pg_conf_load_time()');
    await admin.query('SELECT pg_reload_conf()');
    await until('the server has reloaded', async () => (await admin.value('SELECT pg_conf_load_time()')) > before);
    await admin.close();
  }

  url(database, host = this.socketDirectory) {
    return `postgresql:///${database}?host=${encodeURIComponent(host)}&port=${this.settings.port}&user=postgres`;
  }

  logText() {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8') : '';
  }

  /** Stops at once and removes everything; for the end of a test file. */
  async destroy() {
    await this.stop('SIGQUIT');
    rmSync(this.top, { recursive: true, force: true });
  }

  async createDatabase() {
    const name = `test${++this.databases}`;
    const admin = new Database(this, 'postgres');
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.close();
    return new Database(this, name);
  }
}

export class Database {
  constructor(server, name) {
    this.server = server;
    this.name = name;
    this.url = server.url(name);
    this.pool = new pg.Pool({ connectionString: this.url, max: 8, idleTimeoutMillis: 0 });
    this.pool.on('error', () => {}); // an idle connection lost to a server restart
    this.lent = new Set();
  }

  /** Rows of the last statement. Without PARAMETERS several statements may come in one text. */
  async query(text, parameters) {
    const result = await this.pool.query(text, parameters);
    return (Array.isArray(result) ? result.at(-1) : result).rows;
  }

  /** The only column of the only row. */
  async value(text, parameters) {
    const result = await this.pool.query({ text, values: parameters, rowMode: 'array' });
    return result.rows[0]?.[0];
  }

  /** A connection of its own, for open transactions: {query, release}. */
  async connect() {
    const client = await this.pool.connect();
    client.on('error', () => {});
    this.lent.add(client);
    const release = () => {
      this.lent.delete(client);
      client.release();
    };
    return { query: (...args) => client.query(...args), release };
  }

  /** Loads files of the checkout with psql, as ./dev run does. */
  async load(...files) {
    const args = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', this.url, ...files.flatMap((f) => ['-f', f])];
    const { code, stderr } = await run('psql', args, {
      env: { PGOPTIONS: '-c client_min_messages=warning' },
    });
    if (code !== 0) throw new Error(`psql could not load ${files.join(', ')}: ${stderr}`);
  }

  async close() {
    for (const client of this.lent) client.release(true); // a test that failed gave none back
    await this.pool.end();
  }

  /** Slots outlive databases' tests and are counted: drops those of this one. */
  async dropSlots() {
    await this.query(
      `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
       WHERE database = current_database() AND NOT active`,
    );
  }
}
