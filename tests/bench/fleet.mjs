// The programs of these benches as child processes: subscribers.c, which reads and judges, and
// send_loop.c, the yardstick.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { binary } from '../integration/harness/walpiper.mjs';
import { within } from '../integration/harness/wait.mjs';

const patience = 60_000;
const longPatience = 900_000; // the subscribers themselves give up sooner, when nothing comes any more

/** True when somebody listens at PORT. */
export function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

export function program(name) {
  return join(dirname(binary), '../tests/bench', name);
}

/** Starts COMMAND, which cannot outlive us; its complaints are ours. */
export function start(command, args, stdin = 'pipe') {
  return spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args.map(String)], {
    stdio: [stdin, 'pipe', 'inherit'],
  });
}

/** What COMMAND prints: one object in JSON. */
export async function runToEnd(command, args) {
  const child = start(command, args, 'ignore');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
  return JSON.parse(text);
}

/** So many subscribers of one path, or of what comes through a pipe (STDIN, a descriptor). */
export class Fleet {
  constructor(options, stdin = 'ignore') {
    const args = Object.entries(options).flatMap(([key, value]) => (value === true ? [`--${key}`] : [`--${key}`, value]));
    this.child = start(program('subscribers'), ['--stay', ...args], stdin);
    this.complete = options.first - 1;
    this.waiting = [];
    createInterface({ input: this.child.stdout }).on('line', (line) => this.onLine(line));
    this.ended = once(this.child, 'close').then(([code]) => {
      this.code = code;
      this.wake();
    });
  }

  onLine(line) {
    if (line === 'ready') this.isReady = true;
    else if (line === 'complete') this.isComplete = true;
    else if (line.startsWith('all ')) this.complete = Number(line.slice(4));
    else this.result = JSON.parse(line);
    this.wake();
  }

  wake() {
    for (const wake of this.waiting.splice(0)) wake();
  }

  async until(what, condition, timeout = patience) {
    const met = async () => {
      while (!condition()) {
        if (this.code !== undefined) throw new Error(`the subscribers ended before ${what}: ${JSON.stringify(this.result)}`);
        await new Promise((resolve) => this.waiting.push(resolve));
      }
    };
    await within(what, timeout, met());
    return this;
  }

  ready() {
    return this.until('all are subscribed', () => this.isReady);
  }

  /** All have event NUMBER. */
  all(number) {
    return this.until(`all have event ${number}`, () => this.complete >= number);
  }

  /** All have all. They stay subscribed, so that nobody has to see them off while it is measured. */
  done() {
    return this.until('all have all events', () => this.isComplete, longPatience);
  }

  /** They leave, and say what they got; it must be right. */
  async report() {
    this.child.kill('SIGTERM');
    await within('the subscribers end', patience, this.ended);
    if (!this.result?.right) throw new Error(`what came was not what was sent: ${JSON.stringify(this.result)}`);
    return this.result;
  }
}

/** The loop around send(): one event for each `event()`. */
export class SendLoop {
  constructor(port, subscribers, frameFile) {
    this.child = start(program('send_loop'), [port, subscribers, frameFile]);
    this.listens = once(this.child.stdout, 'data');
    this.ended = once(this.child, 'close');
  }

  listening() {
    return within('the send loop listens', patience, this.listens);
  }

  event() {
    this.child.stdin.write('\n');
  }

  end() {
    this.child.stdin.end();
    return within('the send loop ends', patience, this.ended);
  }
}
