// One run of trouble around operators: rounds under load, each closed by quiet, a last event that all
// have applied, and the comparison of every read model with its query from scratch.
import { rmSync } from 'node:fs';
import { foreignTables } from '../integration/harness/foreign.mjs';
import { Database, Postgres } from '../integration/harness/postgres.mjs';
import { makeDirectory } from '../integration/harness/process.mjs';
import { pullAll } from '../integration/harness/pull.mjs';
import { sleep } from '../integration/harness/wait.mjs';
import { Crew } from './crew.mjs';
import { ModelTroubles } from './model_troubles.mjs';
import { ModelWriter } from './model_writers.mjs';
import { configuration, ddl, ddlApart, differences, models } from './models.mjs';
import { Broken, Rounds } from './rounds.mjs';

const writers = 8;

export class OperatorChaos extends Rounds {
  constructor(options) {
    super(options);
    this.told = { next: 'earliest', n: 0 }; // to the call, and compared
    this.counts = { transactions: 0, rollbacks: 0, savepoints: 0, quarrels: 0 };
  }

  get service() {
    return this.crew?.service;
  }

  // --- the parts --------------------------------------------------------------------------------

  async open() {
    this.server = new Postgres();
    Object.assign(this.server.settings, { deadlock_timeout: '50ms' });
    await this.server.create();
    this.database = await this.server.createDatabase();
    await this.database.load('sql/schema.sql');
    await this.database.query(ddl);
    await this.openApart();
    this.admin = new Database(this.server, 'postgres');
    this.directory = makeDirectory('walpiper-chaos-');
    const lanes = this.chance('lanes');
    this.crew = new Crew({
      database: this.database,
      directory: this.directory,
      config: () => ({ ...configuration(lanes, this.apart), slot: { name: 'chaos', plugin: this.plugin } }),
      onWrong: (what) => this.wrong(what),
    });
    await this.crew.open();
    const begun = `SELECT DISTINCT operator FROM walpiper.checkpoint WHERE epoch <> ''`;
    const haveBegun = async () => (await this.states(begun).catch(() => [])).length === models.length;
    await this.promised('all operators have begun', haveBegun);
    this.openWriters();
    const { crew, database, apart, server, admin, log } = this;
    this.troubles = new ModelTroubles({ random: this.chance('blows'), crew, database, apart, server, admin, log });
  }

  /** Some models are in another database, which sees the sources as they see those models. */
  async openApart() {
    this.apart = await this.server.createDatabase();
    await this.apart.query(ddlApart);
    await foreignTables(this.database, this.apart, 'posts, comments');
    const names = models.filter(({ apart }) => apart).map(({ operator }) => operator.target);
    await foreignTables(this.apart, this.database, names.join());
  }

  /** The rows of a question about the state tables of all. */
  async states(sql, parameters) {
    return (await Promise.all([this.database, this.apart].map((db) => db.query(sql, parameters)))).flat();
  }

  openWriters() {
    const { database, counts } = this;
    const onError = (error) => this.wrong(`a writer: ${error.stack}`);
    const writer = (n) => new ModelWriter(n, { database, counts, onError, random: this.chance(`writer ${n}`) });
    this.writers = Array.from({ length: writers }, (_, n) => writer(n + 1));
    for (const each of this.writers) each.start();
  }

  // --- rounds -----------------------------------------------------------------------------------

  story() {
    return `${this.counts.transactions} transactions`;
  }

  quiet() {
    return Promise.all(this.writers.map((writer) => writer.pause()));
  }

  /** A last blow, after which no event mends what is wrong: held commits are all that there still is, or one
   *  that was replaced wakes up when its heir has had time to apply everything. */
  async lastBlow() {
    if (this.random.chance(0.5)) await this.troubles.happens('holdCommits', () => void this.quiet().catch(() => {}));
    else await this.troubles.happens('takeOver', () => this.quiet().then(() => sleep(this.random.between(500, 1500))));
  }

  async settle() {
    await this.lastBlow();
    await this.quiet();
    await this.health();
    await this.applied();
    for (const model of models) await this.compare(model);
    this.check();
    await this.health();
  }

  /** All that is committed, a last change for every lane of every operator included, is in the read models. */
  async applied() {
    const { database } = this;
    const lsn = await database.value('SELECT pg_current_wal_insert_lsn()::text');
    await database.query(`
      INSERT INTO authors VALUES (1, 'the last') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
      INSERT INTO posts SELECT id, 1, 'the last' FROM generate_series(1, 50) id
        ON CONFLICT (id) DO UPDATE SET author_id = 1, title = excluded.title;
      INSERT INTO comments VALUES (1, 1, 1, 5) ON CONFLICT (id) DO UPDATE SET post_id = 1, shelf = 1, rating = 5`);
    let behind = [];
    await this.promised('all operators have applied the last change, and no id is parked', async () => {
      behind = await this.behind(lsn);
      return behind.length === 0;
    }).catch((error) => {
      throw new Broken(`${error.message}\n${behind.map((row) => JSON.stringify(row)).join('\n')}`);
    });
  }

  /** What is not yet as it should be once all up to LSN is applied. */
  async behind(lsn) {
    const lanes = await this.states(
      'SELECT * FROM walpiper.checkpoint WHERE lsn <= $1::text::pg_lsn OR rebuild_step IS NOT NULL', [lsn]);
    const there = (await this.states('SELECT operator FROM walpiper.checkpoint')).map(({ operator }) => operator);
    const missing = models.map(({ operator }) => operator.name).filter((name) => !there.includes(name));
    return [...lanes, ...missing, ...(await this.states('TABLE walpiper.parked LIMIT 3'))];
  }

  async compare(model) {
    const { name } = model.operator;
    if (model.log) return this.compareLog(model);
    for (const { side, row } of await differences(this.database, model)) this.wrong(`${name}: ${side} ${JSON.stringify(row)}`);
  }

  /** A call gets what a subscriber gets: each event once, in order. */
  async compareLog({ log }) {
    const path = '/streams?topic=authors&topic=posts&topic=comments&types=insert,update,delete';
    const { events, next } = await pullAll(this.service.walpiper, path, { after: this.told.next, limit: 10_000 });
    const got = await this.database.query(`SELECT n, event FROM ${log} WHERE n > $1 ORDER BY n`, [this.told.n]);
    const ids = events.map(({ id }) => id);
    const longest = Math.max(ids.length, got.length);
    let at = 0;
    while (at < longest && ids[at] === got[at]?.event) at++;
    if (at < longest) {
      const around = (list) => list.slice(Math.max(0, at - 2), at + 3).join(', ');
      this.wrong(`${log}: differs at event ${at} of ${ids.length}: is ${around(got.map(({ event }) => event))}, should be ${around(ids)}`);
    }
    this.told = { next, n: got.at(-1)?.n ?? this.told.n };
  }

  // --- the end ----------------------------------------------------------------------------------

  summary() {
    const { transactions, rollbacks, savepoints, quarrels } = this.counts;
    return [
      super.summary(),
      `  transactions: ${transactions} committed, ${rollbacks} rolled back, ${savepoints} savepoints rolled back, ` +
        `${quarrels} lost to another writer`,
      `  read models: ${models.length}, equal to their queries ${this.rounds} times; ` +
        `walpiper was started ${(this.crew?.starts ?? 0) + (this.service?.starts ?? 0)} times`,
    ].join('\n');
  }

  /** Stops all, at any moment. KEEP: the directories stay. Gives their names. */
  async close(keep) {
    await this.endTroubles();
    await Promise.allSettled((this.writers ?? []).map((one) => one.stop()));
    await this.service?.stop();
    await Promise.allSettled([this.admin?.close(), this.database?.close(), this.apart?.close()]);
    await this.server.stop('SIGQUIT');
    const directories = [this.directory, this.server.top].filter(Boolean);
    if (!keep) for (const directory of directories) rmSync(directory, { recursive: true, force: true });
    return directories;
  }
}
