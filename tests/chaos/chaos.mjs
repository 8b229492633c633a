// One run: rounds of trouble under load, each closed by calm, marks, and judgement.
import { rmSync } from 'node:fs';
import { captured } from '../integration/harness/journal.mjs';
import { Proxy } from '../integration/harness/network.mjs';
import { Database, Postgres } from '../integration/harness/postgres.mjs';
import { makeDirectory } from '../integration/harness/process.mjs';
import { sleep } from '../integration/harness/wait.mjs';
import { buckets, configuration, consumers, ddl, readModel, tables } from './content.mjs';
import { Broken, Rounds } from './rounds.mjs';
import { Service } from './service.mjs';
import { Troubles } from './troubles.mjs';
import { Truth } from './truth.mjs';
import { LineReader, Puller, Replayer, Watcher } from './watchers.mjs';
import { Writer } from './writers.mjs';

const writers = 5;

export class Chaos extends Rounds {
  constructor(options) {
    super(options);
    this.truth = new Truth();
  }

  // --- the parts --------------------------------------------------------------------------------

  async open() {
    this.server = new Postgres();
    await this.server.create();
    this.database = await this.server.createDatabase();
    await this.database.load('sql/schema.sql');
    await this.database.query(ddl);
    this.admin = new Database(this.server, 'postgres');
    this.proxy = await new Proxy(this.server).listen();
    this.directory = makeDirectory('walpiper-chaos-');
    this.service = new Service({
      database: this.database,
      directory: this.directory,
      config: { ...configuration, database: { url: this.proxy.url(this.database) }, slot: { name: 'chaos', plugin: this.plugin } },
      onWrong: (what) => this.wrong(what),
    });
    await this.service.launch();
    await this.service.healthy();
    this.openWatchers();
    this.openWriters();
    this.openTroubles();
  }

  openWatchers() {
    const { service } = this;
    const options = (path, wants, habit, more) => {
      const name = `${path} (${[more?.headers?.['X-Consumer-Id'], more?.form, habit].filter(Boolean).join(', ')})`;
      return { name, path, wants, habit, service, random: this.chance(name), onWrong: (what) => this.wrong(what), ...more };
    };
    const ofTable = (table) => (change) => change.table === table;
    const ofBucket = (bucket) => (change) =>
      change.table === 'full_rows' && (change.bucket === bucket || change.oldBucket === bucket);
    const ofConsumer = (consumer) => (change) => change.consumer === consumer;
    const feed = (consumer) => ({ headers: { 'X-Consumer-Id': consumer }, from: '0' });
    this.watchers = [
      options('/streams/plain', ofTable('plain'), 'faithful'),
      ...tables.map((table) => options(`/streams/${table}`, ofTable(table), 'restless')),
      options('/streams/events', ofTable('events'), 'restless'),
      options('/streams/large', ofTable('large'), 'slow'),
      options('/streams/parted', ofTable('parted'), 'absent'),
      options('/streams/buckets/2/full_rows', ofBucket(2), 'restless'),
      options('/streams/buckets/3/full_rows', ofBucket(3), 'absent'),
      options('/events', ofConsumer(consumers[0]), 'restless', feed(consumers[0])),
      options('/events', ofConsumer(consumers[1]), 'faithful', feed(consumers[1])),
    ].map((one) => new Watcher(one).start());
    this.watchers.push(new Puller(options('/streams/full_rows', ofTable('full_rows'), 'slow', { form: 'JSON' })).start());
    this.watchers.push(new LineReader(options('/streams/large', ofTable('large'), 'restless', { form: 'NDJSON' })).start());
    const [faithful] = this.watchers;
    this.replayer = new Replayer(options('/streams/plain', ofTable('plain'), 'slow'), () => faithful.last?.at).start();
  }

  openWriters() {
    const options = { database: this.database, truth: this.truth, onError: (error) => this.wrong(`a writer: ${error.stack}`) };
    this.writers = Array.from({ length: writers }, (_, n) => new Writer(n + 1, { ...options, random: this.chance(`writer ${n + 1}`) }));
    this.marker = new Writer(0, { ...options, random: this.chance('marker') });
    for (const writer of this.writers) writer.start();
  }

  openTroubles() {
    this.troubles = new Troubles({
      random: this.chance('blows'),
      weatherRandom: this.chance('weather'),
      service: this.service,
      server: this.server,
      proxy: this.proxy,
      admin: this.admin,
      watchers: () => [...this.watchers, this.replayer],
      log: this.log,
    });
  }

  // --- rounds -----------------------------------------------------------------------------------

  setCalm(calm) {
    for (const one of [...(this.watchers ?? []), this.replayer]) if (one) one.calm = calm;
  }

  async trouble(milliseconds) {
    this.setCalm(false);
    await super.trouble(milliseconds);
  }

  story() {
    return `${this.truth.transactions} transactions, ${this.truth.checked} events checked`;
  }

  /** All catch up, and what they have is judged. */
  async settle() {
    this.setCalm(true);
    await Promise.all(this.writers.map((writer) => writer.pause()));
    await this.health();
    const marked = this.marker.seq;
    await this.marks(marked);
    this.check();
    const { replayer } = this;
    await this.promised('replays come to their end', () => !replayer.busy);
    this.wrongs.push(...this.truth.judge(this.watchers, replayer.handOver(), marked));
    const disorder = this.truth.writersOutOfOrder();
    if (disorder) this.wrong(disorder);
    this.check();
    await this.checkServer();
    this.check();
  }

  /** Marks, until everybody has got one: should a mark itself be lost, the next one tells. */
  async marks(before) {
    const late = () => this.watchers.filter((watcher) => watcher.mark <= before);
    const patience = Date.now() + 45_000;
    do {
      await this.marker.mark();
      const next = Date.now() + 2000;
      while (late().length > 0 && Date.now() < next && this.wrongs.length === 0) await sleep(20);
    } while (late().length > 0 && this.wrongs.length === 0 && Date.now() < patience);
    for (const { name, lastId } of late()) this.wrong(`${name}: has stopped at ${lastId}, all else is there`);
  }

  /** The ledger, the read model and the slot. */
  async checkServer() {
    const { database, truth } = this;
    const kept = Number(await database.value('SELECT count(*) FROM ledger'));
    if (kept !== truth.transactions) this.wrong(`the ledger has ${kept} transactions, the writers know of ${truth.transactions}`);
    let model;
    const isEqual = async () => {
      model = await readModel(database);
      return JSON.stringify(model.kept) === JSON.stringify(model.scratch);
    };
    await this.promised('the read model equals the query from scratch', isEqual).catch((error) => {
      throw new Broken(`${error.message}\n${JSON.stringify(model)}`);
    });
    await captured({ database, slot: 'chaos' }).catch((error) => this.wrong(error.message));
    this.check();
    await this.health();
  }

  // --- the end ----------------------------------------------------------------------------------

  /** The story in numbers. */
  summary() {
    const { truth, watchers = [], replayer, service } = this;
    const connections = watchers.reduce((sum, watcher) => sum + watcher.connections, 0);
    return [
      super.summary(),
      `  transactions: ${truth.transactions} committed, ${truth.lookedUp} looked up after a lost answer, ` +
        `${truth.rollbacks} rolled back, ${truth.savepoints} savepoints rolled back`,
      `  subscribers: ${truth.checked} events checked over ${connections} connections, ` +
        `${truth.replayed} in ${replayer?.count ?? 0} replays; walpiper was started ${service?.starts ?? 0} times`,
    ].join('\n');
  }

  /** Stops all, at any moment. KEEP: the directories stay. Gives their names. */
  async close(keep) {
    this.setCalm(true);
    await this.endTroubles();
    const all = [...(this.watchers ?? []), this.replayer, ...(this.writers ?? []), this.marker];
    await Promise.allSettled(all.map((one) => one?.stop()));
    await this.service?.stop();
    await this.proxy?.close();
    await Promise.allSettled([this.admin?.close(), this.database?.close()]);
    await this.server.stop('SIGQUIT');
    const directories = [this.directory, this.server.top].filter(Boolean);
    if (!keep) for (const directory of directories) rmSync(directory, { recursive: true, force: true });
    return directories;
  }
}
