// What goes wrong around operators: all that holds a batch, or what it is to see, between two steps.
import { sleep, until } from '../integration/harness/wait.mjs';
import { models } from './models.mjs';
import { Storm } from './storm.mjs';

const blows = { killWalpiper: 4, pauseWalpiper: 2, takeOver: 3, endOperators: 3, pauseOperator: 2, endWalsender: 1,
  holdCommits: 4, rebuild: 2, swap: 2, crashServer: 1, restartServer: 1 };

const longestStop = 4000; // milliseconds

const ofOperators = `datname IS NOT NULL AND application_name = 'walpiper' AND backend_type = 'client backend'`;

export class ModelTroubles extends Storm {
  /** CREW: the walpiper in office and how it is replaced. DATABASE: where the sources and most read models are;
   *  APART: where the others are. */
  constructor({ crew, database, apart, ...storm }) {
    super({ ...storm, blows, pauses: [50, 700] });
    Object.assign(this, { crew, database, apart });
  }

  // --- walpiper ---------------------------------------------------------------------------------

  async killWalpiper() {
    await this.crew.service.kill(this.random.between(0, 300));
  }

  async pauseWalpiper() {
    await this.crew.service.pause(this.random.between(50, 1500));
  }

  /** It is stopped in mid-breath, or before it has begun; another takes over; it wakes up after BEFORE and does
   *  not know. What it has asked the server for may take longer than that. */
  async takeOver(before = () => this.rest(this.random.between(0, 500))) {
    const query = await this.stopQuery();
    const stopped = this.crew.stop();
    await this.rest(this.random.between(0, 500));
    await this.freeSlot();
    await this.crew.replace();
    await before();
    query?.goOn();
    await stopped.wake(this.random.between(100, 1000));
    return `${query ? 'with a query under way, ' : ''}${stopped.isFenced ? 'it was fenced off' : 'it had nothing more to do'}`;
  }

  /** A walsender that is told once would wait for the stopped one to read of its end. */
  freeSlot() {
    const end = `SELECT count(pg_terminate_backend(active_pid))::int FROM pg_replication_slots WHERE active_pid IS NOT NULL`;
    return until('the slot is free', async () => (await this.ask(end)) === 0);
  }

  /** All of a read model is computed anew, as the events come. */
  async rebuild(how = 'rebuild') {
    const { operator, apart } = this.random.pick(models.filter(({ log }) => !log));
    await this.ask(`SELECT walpiper.${how}('${operator.name}')`, apart ? this.apart : this.database);
    return operator.name;
  }

  async swap() {
    return this.rebuild('rebuild_swap');
  }

  // --- PostgreSQL -------------------------------------------------------------------------------

  async endOperators() {
    return this.ask(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE ${ofOperators} AND random() < 0.7`);
  }

  /** A backend that gets no time: what its query has read grows old. */
  async pauseOperator() {
    const query = await this.stopQuery();
    await this.rest(this.random.between(50, 1000));
    query?.goOn();
    return query ? undefined : false;
  }

  /** Stops the backend of an operator between reading and writing (models.mjs, `slowly`), where it has no
   *  lock that the rest of the server needs, or not for long: it may just have gone on. undefined: none came by. */
  async stopQuery() {
    const asleep = `SELECT pid FROM pg_stat_activity WHERE ${ofOperators} AND wait_event = 'PgSleep' LIMIT 1`;
    const patience = Date.now() + 500;
    let pid;
    while (!pid && Date.now() < patience) pid = await this.ask(asleep);
    if (!pid) return undefined;
    const goOn = () => {
      clearTimeout(timer);
      if (stopped) process.kill(pid, 'SIGCONT');
      stopped = false;
    };
    let stopped = process.kill(pid, 'SIGSTOP');
    const timer = setTimeout(goOn, longestStop);
    return { goOn };
  }

  /** Commits are in the log, and nobody sees them before a standby that is not there has them too. BEFORE they
   *  are let go. */
  async holdCommits(before = () => {}) {
    await this.server.holdCommits();
    await sleep(this.random.between(100, 1200));
    before();
    await this.server.releaseCommits();
    return undefined;
  }

  async restartServer() {
    await this.server.restart();
  }
}
