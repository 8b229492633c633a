// `walpiper tail`, left running, and what it has printed.
import { spawn } from 'node:child_process';
import { assert, binary, until } from './lib.mjs';

/** Ends with SCENE. */
export async function tail(scene, walpiper, ...words) {
  if (!walpiper.base) await walpiper.configure();
  const child = spawn(binary, ['tail', '-c', walpiper.file, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const self = { child, out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (self.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (self.err += text));
  self.ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  self.lines = () => self.out.split('\n').slice(0, -1);
  self.events = () => self.lines().map((line) => JSON.parse(line));
  self.until = (what, condition, options) =>
    until(
      what,
      () => {
        assert.equal(child.exitCode, null, `tail has ended: ${self.err}`);
        return condition(self);
      },
      options,
    );
  self.stop = (signal = 'SIGTERM') => {
    child.kill(signal);
    return self.ended;
  };
  scene.defer(() => self.stop('SIGKILL'));
  return self;
}
