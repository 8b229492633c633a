// What a test file uses: scenario(), and through its scene databases, walpipers and subscribers.
//
//     scenario('two sessions of one consumer both get it', async (scene) => {
//       const db = await scene.database();
//       const walpiper = await scene.walpiper(db);
//       const toto = await walpiper.events('toto');
//       ...
//     });
//
// A test file has one PostgreSQL, a scenario databases of its own. Whatever a scenario started is
// stopped when it ends, also when it fails or takes too long; then its logs are printed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Postgres } from './postgres.mjs';
import { makeDirectory, root, run } from './process.mjs';
import { Subscription } from './sse.mjs';
import { sleep, until, within } from './wait.mjs';
import { Walpiper } from './walpiper.mjs';

export { assert, root, run, sleep, until, within };
export { freePort, makeDirectory, startChild, isRunning } from './process.mjs';
export { assertInOrder, position } from './ids.mjs';
export { knowsPluginList, Postgres } from './postgres.mjs';
export { SseParser, Subscription, request } from './sse.mjs';
export { binary, Walpiper } from './walpiper.mjs';

// When the runner is killed, its files must not live on. What they started ends with them.
const runner = process.ppid;
setInterval(() => {
  if (process.ppid !== runner) process.exit(1);
}, 500).unref();

let shared;

/** The PostgreSQL of this test file. */
function sharedPostgres() {
  shared ??= (async () => {
    const server = new Postgres();
    await server.create({ ofTemplate: true });
    return server;
  })();
  return shared;
}

after(async () => {
  if (shared) await (await shared).destroy();
});

class Scene {
  constructor() {
    this.cleanups = [];
    this.logs = [];
  }

  /** WORK is done when the scenario ends, the last one first. */
  defer(work) {
    this.cleanups.push(async () => work());
  }

  directory(prefix = 'walpiper-test-') {
    const directory = makeDirectory(prefix);
    this.defer(() => rmSync(directory, { recursive: true, force: true }));
    return directory;
  }

  /** A new database with sql/schema.sql and the further FILES of the checkout. */
  async database({ server, files = [] } = {}) {
    const postgres = server ?? (await sharedPostgres());
    this.logs.push(postgres.log);
    const database = await postgres.createDatabase();
    this.defer(async () => {
      await database.dropSlots().catch(() => {});
      await database.close();
    });
    await database.load('sql/schema.sql', ...files);
    return database;
  }

  /** A PostgreSQL of this scenario alone, for those that stop it or change its settings. */
  async postgres(settings = {}) {
    const server = new Postgres();
    this.defer(() => server.destroy());
    Object.assign(server.settings, settings);
    await server.create();
    return server;
  }

  /** A walpiper that is up. */
  async walpiper(database, config) {
    return this.unstarted(database, config).start();
  }

  unstarted(database, config) {
    const walpiper = new Walpiper(database, this.directory(), config);
    this.logs.push(walpiper.log);
    this.defer(() => walpiper.destroy());
    return walpiper;
  }

  /** The real curl, left running: {output(), child}. */
  curl(...args) {
    const child = spawn('curl', ['--noproxy', '*', '-sS', '-N', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
    child.stderr.setEncoding('utf8').on('data', (part) => (text += part));
    this.defer(() => child.kill('SIGKILL'));
    return { child, output: () => text };
  }

  async close() {
    const failures = [];
    for (const cleanup of this.cleanups.reverse()) {
      try {
        await within('clearing away', 60_000, cleanup());
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  printLogs() {
    for (const log of new Set(this.logs)) {
      if (!existsSync(log)) continue;
      const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
      // A sanitizer's report says what matters first.
      const report = lines.findIndex((line) => /Sanitizer|runtime error/.test(line));
      const shown = report < 0 ? lines.slice(-40) : lines.slice(report, report + 60);
      console.error(`--- ${log}:\n${shown.join('\n')}`);
    }
  }
}

/** A test with a scene, which is cleared away however the test ends. */
export function scenario(name, options, body) {
  if (typeof options === 'function') return scenario(name, {}, options);
  const { timeout = 120_000, ...rest } = options;
  return test(name, rest, async (t) => {
    const scene = new Scene();
    try {
      await within(`the scenario '${name}'`, timeout, body(scene, t));
    } catch (error) {
      scene.printLogs();
      throw error;
    } finally {
      await scene.close();
    }
  });
}

/** The frames as curl prints them: what the README shows. */
export function frameText({ id, event, data }) {
  return `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`;
}

/** A subscriber as a browser is one: comes back with its last id whenever the stream ends. */
export class Follower {
  constructor(walpiper, path, { headers, onFrame } = {}) {
    Object.assign(this, { walpiper, path, headers, onFrame });
    this.events = [];
    this.resets = [];
    this.connections = 0;
    this.error = null;
    this.stopped = false;
    this.running = this.run();
  }

  async run() {
    while (!this.stopped && !this.error) {
      const options = { headers: this.headers, lastEventId: this.lastId, keep: false };
      const onFrame = (frame) => this.frame(frame);
      this.current = new Subscription({ url: this.walpiper.base + this.path, ...options, onFrame });
      try {
        await this.current.open();
        this.connections++;
        await this.current.ended;
        if (this.current.error) this.error = this.current.error;
      } catch {
        await sleep(20); // refused: it is down, and will be back
      }
    }
  }

  frame(frame) {
    if (frame.event === 'reset') this.resets.push(frame);
    else if (frame.data !== undefined && !['heartbeat', 'keepalive'].includes(frame.event)) {
      this.events.push(frame);
    }
    if (frame.id !== undefined) this.lastId = frame.id;
    this.onFrame?.(frame);
  }

  async until(what, condition, timeout = 60_000) {
    await until(
      what,
      () => {
        if (this.error) throw this.error;
        assert.deepEqual(this.resets, [], 'continuity was lost');
        return condition();
      },
      { timeout },
    );
  }

  async stop() {
    this.stopped = true;
    this.current?.close();
    await this.running;
  }
}
