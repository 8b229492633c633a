// Subscribers that keep all that they get, are cut off, stay away, read slowly, and come back with
// their last id. What is wrong at once is told at once: a reset, an id out of order, a damaged value.
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Subscription, readBody } from '../integration/harness/sse.mjs';
import { comparePositions, position, readEvent, readPayload } from './content.mjs';

/** How long (seconds) a subscriber stays and is away; slow ones stop reading now and then. */
export const habits = {
  faithful: { stays: [3600, 3600], away: [0, 0] }, // leaves only when it is cut off
  restless: { stays: [0.05, 2], away: [0, 0.1] },
  slow: { stays: [2, 6], away: [0, 0.5], pauses: true },
  absent: { stays: [0.2, 1], away: [3, 8] },
};

export class Watcher {
  /** WANTS says of a change whether it belongs to PATH; ONWRONG gets what may never be. */
  constructor({ name, path, headers, wants, from = 'earliest', habit, random, service, onWrong }) {
    Object.assign(this, { name, path, headers, wants, random, service, onWrong });
    this.habit = habits[habit];
    this.lastId = from;
    this.seen = []; // {id, key, at} since the last judgement
    this.last = undefined; // the last of them, of a stream
    this.mark = 0; // the newest one it has got
    this.connections = 0;
    this.cuts = 0;
    this.calm = false; // stays and reads on
    this.stopped = false;
  }

  start() {
    this.running = this.run();
    return this;
  }

  get isFeed() {
    return this.path === '/events';
  }

  wrong(what) {
    this.onWrong(`${this.name}: ${what}`);
  }

  async run() {
    while (!this.stopped) {
      await this.connect();
      const away = this.calm ? 20 : Math.max(20, this.random.between(...this.habit.away) * 1000);
      await this.rest(away);
    }
  }

  /** Sleeps, but not on when all shall be calm. */
  async rest(milliseconds) {
    const wasCalm = this.calm;
    const until = Date.now() + milliseconds;
    while (Date.now() < until && !this.stopped && this.calm === wasCalm) await sleep(Math.min(50, milliseconds));
  }

  /** One connection, which `current` can close, until it ends or has lasted long enough. */
  async connect() {
    const current = this.open();
    this.current = current;
    await Promise.race([current.ended, this.stay(current)]);
    current.close();
    if (current.error) this.wrong(`malformed stream: ${current.error.message}`);
  }

  open() {
    const { path, headers, lastId: lastEventId, service } = this;
    const onFrame = (frame) => this.frame(frame);
    const current = new Subscription({ url: service.base + path, headers, lastEventId, keep: false, onFrame });
    const opened = current.open();
    current.ended = opened.then(
      () => {
        this.connections++;
        return current.ended;
      },
      (error) => {
        current.hasEnded = true;
        if (error.status) this.unexpected(error.status, error.body);
      },
    );
    return current;
  }

  /** Refused or cut is nothing: it is down, and will be back. */
  unexpected(status, body = '') {
    if (status !== 503) this.wrong(`answer ${status} ${body}`);
  }

  /** Until the subscriber has had enough. */
  async stay(current) {
    const leaves = Date.now() + this.random.between(...this.habit.stays) * 1000;
    while (!this.stopped && !current.hasEnded && (this.calm || Date.now() < leaves)) {
      if (this.habit.pauses && !this.calm && this.random.chance(0.3)) {
        current.response?.pause();
        await this.rest(this.random.between(200, 1500));
        current.response?.resume();
      }
      await this.rest(100);
    }
    if (!this.stopped && !current.hasEnded) this.cuts++;
  }

  /** The network's doing. */
  cut() {
    this.current?.close();
  }

  frame({ id, event, data }) {
    if (event === 'reset') this.wrong(`reset: ${data}`);
    else if (data !== undefined && !['heartbeat', 'keepalive'].includes(event)) this.take(id, () => JSON.parse(data));
    if (id !== undefined) this.lastId = id;
  }

  take(id, parse) {
    try {
      const { key, note, mark = 0 } = this.isFeed ? readPayload(parse()) : readEvent(parse());
      const entry = { id, key, note };
      if (!this.isFeed) this.order(entry);
      this.seen.push(entry);
      this.mark = Math.max(this.mark, mark);
    } catch (error) {
      this.wrong(`event ${id}: ${error.message}`);
    }
  }

  /** Ids of streams are positions: each after the one before. */
  order(entry) {
    const { last } = this;
    entry.at = position(entry.id);
    this.last = entry;
    if (!last) return;
    if (entry.at.epoch !== last.at.epoch) this.wrong(`the epoch changed from ${last.id} to ${entry.id}`);
    else if (comparePositions(last.at, entry.at) >= 0) this.wrong(`${entry.id} (${entry.key}) came after ${last.id} (${last.key})`);
  }

  async stop() {
    this.stopped = true;
    this.cut();
    await this.running;
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A stream of JSON lines in place of SSE. */
export class LineReader extends Watcher {
  open() {
    const request = http.get(this.service.base + this.path, {
      agent: false,
      headers: { Accept: 'application/x-ndjson', 'Last-Event-ID': this.lastId },
    });
    const current = { hasEnded: false, close: () => request.destroy() };
    current.ended = new Promise((resolve) => {
      request.on('error', resolve).on('close', resolve);
      request.on('response', (response) => this.listen(response, current));
    }).then(() => (current.hasEnded = true));
    return current;
  }

  listen(response, current) {
    let rest = '';
    current.response = response;
    this.connections++;
    if (response.statusCode !== 200) this.unexpected(response.statusCode);
    response.setEncoding('utf8').on('error', () => {});
    response.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      if (response.statusCode === 200) for (const line of lines) this.line(line);
    });
  }

  line(line) {
    const event = parsed(line);
    if (!event) this.wrong(`not a line of JSON: ${line.slice(0, 100)}`);
    else if (event.type === 'reset') this.wrong(`reset: ${line}`);
    else if (event.type !== 'keepalive') this.take(event.id, () => event);
    this.lastId = event?.id ?? this.lastId;
  }
}

/** A service that asks for JSON with long polls, and keeps `next`. */
export class Puller extends Watcher {
  open() {
    const current = { hasEnded: false, isClosed: false };
    current.close = () => {
      current.isClosed = true;
      current.request?.destroy();
    };
    current.ended = this.pullOn(current).finally(() => (current.hasEnded = true));
    return current;
  }

  async pullOn(current) {
    while (!current.isClosed) {
      const answer = await this.pull(current);
      if (!answer) return;
      for (const event of answer.events) this.take(event.id, () => event);
      this.lastId = answer.next;
    }
  }

  /** One answer, whole; undefined where there was none. */
  pull(current) {
    const query = new URLSearchParams({ after: this.lastId, limit: 50, wait: 1 });
    return new Promise((resolve) => {
      const request = http.get(`${this.service.base}${this.path}?${query}`, { agent: false, headers: { Accept: 'application/json' } });
      current.request = request;
      request.on('error', () => resolve()).on('close', () => resolve());
      request.on('response', async (response) => {
        const body = await readBody(response).catch(() => undefined);
        this.connections++;
        if (body !== undefined && response.statusCode === 200) return resolve(parsed(body) ?? this.wrong(`not an answer of JSON: ${body.slice(0, 100)}`));
        if (body !== undefined) this.unexpected(response.statusCode, body);
        return resolve();
      });
    });
  }
}

/** Reads again and again from the oldest event to what was the newest when it began. */
export class Replayer {
  constructor(options, newest) {
    Object.assign(this, { options, newest });
    this.random = options.random;
    this.replays = []; // to be judged: {name, seen, wants, goal}
    this.count = 0;
    this.calm = false;
    this.stopped = false;
  }

  start() {
    this.running = this.run();
    return this;
  }

  async run() {
    while (!this.stopped) {
      const goal = this.newest();
      if (goal && !this.calm) await this.replay(goal);
      await sleep(this.calm ? 50 : this.random.between(200, 4000));
    }
  }

  async replay(goal) {
    const { options } = this;
    this.busy = true;
    this.watcher = new Watcher({ ...options, name: `replay ${++this.count} of ${options.path}` }).start();
    const { watcher } = this;
    const there = () => watcher.last && comparePositions(watcher.last.at, goal) >= 0;
    while (!this.stopped && !there()) {
      watcher.calm = this.calm;
      await sleep(20);
    }
    await watcher.stop();
    if (there()) this.replays.push({ name: watcher.name, seen: watcher.seen, wants: options.wants, goal });
    this.busy = false;
  }

  cut() {
    this.watcher?.cut();
  }

  handOver() {
    const { replays } = this;
    this.replays = [];
    return replays;
  }

  async stop() {
    this.stopped = true;
    await this.running;
  }
}
