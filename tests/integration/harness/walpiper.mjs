// One walpiper under test: its configuration, its process, its subscribers.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, isRunning, root, startChild } from './process.mjs';
import { Subscription, request } from './sse.mjs';
import { until, within } from './wait.mjs';

export const binary = process.env.WALPIPER_BIN ?? join(root, 'build/release/src/walpiper');

/** Lays OVER upon BASE, key by key; lists are replaced. */
function merge(base, over) {
  const result = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const both = isObject(value) && isObject(base[key]);
    result[key] = both ? merge(base[key], value) : value;
  }
  return result;
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

export class Walpiper {
  /** CONFIG overrides what is here; DIRECTORY holds configuration, journal and log. */
  constructor(database, directory, config = {}) {
    this.database = database;
    this.directory = directory;
    this.log = join(directory, 'walpiper.log');
    this.file = join(directory, 'walpiper.yaml');
    this.env = {};
    this.wrapper = []; // what stands before its command
    this.config = merge(
      {
        database: { url: database.url },
        slot: { name: `walpiper_${database.name}` },
        publication: `walpiper_${database.name}`,
        tables: [],
        events: { table: 'public.events' },
        journal: { path: join(directory, 'journal') },
        admin: { listen: `unix:${join(directory, 'admin.sock')}` },
        log: { level: 'info' },
      },
      config,
    );
  }

  async configure() {
    mkdirSync(this.directory, { recursive: true });
    if (!this.config.http?.listen) {
      this.port = await freePort();
      this.config = merge(this.config, { http: { listen: `127.0.0.1:${this.port}` } });
    }
    this.base = `http://${this.config.http.listen}`;
    // JSON is YAML; ids with '$' are kept from expansion by the rules of the configuration.
    writeFileSync(this.file, `${JSON.stringify(this.config, null, 2)}\n`);
  }

  get slot() {
    return this.config.slot.name;
  }

  /** Starts it and waits until it is up. */
  async start() {
    await this.launch();
    await this.healthy();
    return this;
  }

  async launch() {
    if (!this.base) await this.configure();
    const [command, ...args] = [...this.wrapper, binary, 'run', '-c', this.file];
    this.child = startChild(command, args, {
      log: this.log,
      env: { ...this.env, ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'print_stacktrace=1' },
    });
  }

  healthy(timeout = 30_000) {
    return until(
      'walpiper is up',
      async () => {
        if (!isRunning(this.child)) {
          const { code, signal } = await this.child.exited;
          throw new Error(`walpiper ended with ${signal ?? code}: ${this.logText().slice(-2000)}`);
        }
        const answer = await request(`${this.base}/manage/health`).catch(() => null);
        return answer?.status === 200 && answer;
      },
      { timeout },
    );
  }

  /** Starts it, expecting that it refuses: {code, signal, log}. */
  async refuse() {
    await this.launch();
    const how = await within('walpiper refuses to start', 30_000, this.child.exited);
    return { ...how, log: this.logText() };
  }

  /** SIGTERM unless told, and the way it ended: {code, signal}. */
  async stop(signal = 'SIGTERM', timeout = 30_000) {
    if (!isRunning(this.child)) return this.child?.exited;
    this.child.kill(signal);
    return within(`walpiper ends after ${signal}`, timeout, this.child.exited);
  }

  kill() {
    return this.stop('SIGKILL');
  }

  async restart(signal) {
    await this.stop(signal);
    await this.start();
  }

  logText() {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8') : '';
  }

  /** A subscriber of PATH; options as of Subscription. Closed by whoever owns this walpiper. */
  async subscribe(path, options = {}) {
    const subscription = new Subscription({ url: this.base + path, ...options });
    this.subscriptions ??= [];
    this.subscriptions.push(subscription);
    return subscription.open();
  }

  events(consumer, options = {}) {
    return this.subscribe('/events', {
      ...options,
      headers: { 'X-Consumer-Id': consumer, ...options.headers },
    });
  }

  request(path, options) {
    return request(this.base + path, options);
  }

  /** Of the admin listener, which is a unix socket unless the scenario says otherwise. */
  admin(path, options) {
    const { listen } = this.config.admin;
    if (!listen.startsWith('unix:')) return request(`http://${listen}${path}`, options);
    return request(`http://localhost${path}`, { ...options, socketPath: listen.slice('unix:'.length) });
  }

  /** Resident memory in KiB: {now, peak, anonymous}; the last one is now, without what lies in files. */
  memory() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    const kib = (key) => Number(status.match(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm'))[1]);
    return { now: kib('VmRSS'), peak: kib('VmHWM'), anonymous: kib('RssAnon') };
  }

  descriptors() {
    return readdirSync(`/proc/${this.child.pid}/fd`).length;
  }

  /** Connections of clients that it has open. */
  connections() {
    const local = `0100007F:${this.port.toString(16).toUpperCase().padStart(4, '0')}`;
    const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').map((line) => line.trim().split(/ +/));
    const listens = '0A';
    // One that only the kernel still knows has no inode.
    return rows.filter((row) => row[1] === local && row[3] !== listens && row[9] !== '0').length;
  }

  async destroy() {
    for (const subscription of this.subscriptions ?? []) subscription.close();
    await this.stop('SIGKILL');
  }
}
