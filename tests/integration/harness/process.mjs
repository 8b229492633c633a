// Child processes that cannot outlive the test: the kernel ends them with their parent.
import { spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdtempSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Starts COMMAND; SIGNAL is what it gets if this process dies. Its output goes to LOG. */
export function startChild(command, args, { log, signal = 'KILL', user, env, cwd = root } = {}) {
  const as = user ? ['--reuid', user, '--regid', user, '--init-groups'] : [];
  // The file itself, not a pipe through this process: what a child has said is there when it has ended.
  const output = openSync(log, 'a');
  const child = spawn('setpriv', [...as, '--pdeathsig', signal, command, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  child.exited = new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error }));
    child.once('exit', (code, signalled) => resolve({ code, signal: signalled }));
  });
  return child;
}

export function isRunning(child) {
  return child && child.exitCode === null && child.signalCode === null;
}

/** Runs COMMAND to its end: {code, stdout, stderr}. */
export function run(command, args, { env, cwd = root, input = '' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(input);
  });
}

/** A directory that other users may pass through, under TMPDIR unless that is too long for a socket. */
export function makeDirectory(prefix) {
  const base = tmpdir().length > 50 ? '/tmp' : tmpdir();
  const directory = mkdtempSync(join(base, prefix));
  chmodSync(directory, 0o711);
  return directory;
}

let nextPort = 10_000 + (process.pid % 1_100) * 20;

/** A free TCP port of 127.0.0.1. Each process looks in a range of its own, below the ephemeral ones:
 *  walpiper listens with SO_REUSEPORT, so a port taken twice would not even be noticed. */
export async function freePort() {
  for (;;) {
    const port = nextPort++;
    const free = await new Promise((resolve) => {
      const probe = createServer();
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free) return port;
  }
}
