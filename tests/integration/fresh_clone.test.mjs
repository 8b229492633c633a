// A newcomer clones, runs ./dev run --load, pastes what it prints, and presses Ctrl-C.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync, rmSync, chmodSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { assert, root, run, scenario, until, within } from './harness/lib.mjs';

/** Processes that run in DIRECTORY or have it on their command line, but this one. */
function processesOf(directory) {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      if (line.includes(directory) || `${cwd}/`.startsWith(`${directory}/`)) found.push(`${pid} ${line}`);
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
  });
}

/** ./dev run in CHECKOUT, in a process group of its own as in a terminal. */
function start(scene, checkout, ...options) {
  return startWith({}, scene, checkout, ...options);
}

function startWith(variables, scene, checkout, ...options) {
  const env = { ...process.env };
  for (const name of ['DATABASE_URL', 'WALPIPER_LISTEN', 'WALPIPER_ADMIN_LISTEN', 'WALPIPER_JOURNAL']) delete env[name];
  Object.assign(env, variables);
  const child = spawn('./dev', ['run', '--no-install', ...options], {
    cwd: checkout,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
  const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  scene.defer(async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGTERM');
    await within('./dev run ends', 60_000, exited);
  });
  return {
    child,
    exited,
    output: () => output,
    async up() {
      await until(
        'the demo is up',
        () => {
          if (child.exitCode !== null) throw new Error(`./dev run ended: ${output}`);
          return output.includes('Ctrl-C stops everything');
        },
        { timeout: 240_000, interval: 100 },
      ).catch((error) => {
        throw new Error(`${error.message}\n${output}`);
      });
      const commands = output.split('\n').filter((line) => line.startsWith('  ')).map((line) => line.trim());
      const port = Number(output.match(/is up at 127\.0\.0\.1:(\d+)/)[1]);
      return { commands, port };
    },
    async interrupt(signal) {
      process.kill(-child.pid, signal); // as the terminal does
      return within(`./dev run ends after ${signal}`, 60_000, exited);
    },
  };
}

async function assertNothingLeft(checkout, port) {
  assert.deepEqual(processesOf(checkout), []);
  assert.equal(await isListening(port), false, `port ${port} is still taken`);
  const lock = await run('flock', ['-n', join(checkout, 'build/demo/lock'), 'true']);
  assert.equal(lock.code, 0, 'the lock is still held');
  assert.equal(existsSync(join(checkout, 'build/demo/pid')), false);
}

scenario('clone, run, paste the three commands; Ctrl-C leaves nothing; the data stays', { timeout: 400_000 }, async (scene) => {
  const checkout = join(scene.directory('walpiper-clone-'), 'walpiper');
  const clone = await run('git', ['-c', 'safe.directory=*', 'clone', '--quiet', root, checkout]);
  assert.equal(clone.code, 0, clone.stderr);

  const first = start(scene, checkout, '--load');
  const { commands, port } = await first.up();
  assert.equal(commands.length, 3, first.output());
  const [subscribe, insert, stop] = commands;
  const curl = spawn('bash', ['-c', `exec ${subscribe}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  scene.defer(() => curl.kill('SIGKILL'));
  let received = '';
  curl.stdout.setEncoding('utf8').on('data', (text) => (received += text));
  await until('curl receives events of the load', () => (received.match(/^event: insert$/gm) ?? []).length >= 3);
  assert.match(received, /^id: \d+\nevent: insert\ndata: \{"foo":"bar"\}\n\n/m);
  const inserted = await run('bash', ['-c', insert], { cwd: '/' });
  assert.deepEqual([inserted.code, inserted.stdout.trim()], [0, 'INSERT 0 1'], inserted.stderr);

  const again = await run('./dev', ['run', '--no-install'], { cwd: checkout });
  assert.equal(again.code, 1, 'a second demo of the same checkout');
  assert.match(again.stderr, /running already/);

  const psql = insert.match(/^psql '[^']+'/)[0];
  const count = async () => Number((await run('bash', ['-c', `${psql} -Atc 'select count(*) from posts'`])).stdout);
  assert.ok((await count()) >= 2);
  assert.deepEqual(await first.interrupt('SIGINT'), { code: 0, signal: null });
  curl.kill('SIGKILL');
  await assertNothingLeft(checkout, port);

  const second = start(scene, checkout);
  const { port: secondPort } = await second.up();
  assert.ok((await count()) >= 2, 'the data was not kept');
  const stopped = await run('bash', ['-c', stop], { cwd: '/' });
  assert.equal(stopped.code, 0, stopped.stderr);
  await second.exited;
  await assertNothingLeft(checkout, secondPort);

  await onAnotherServer(scene, checkout);
  await killed(scene, checkout);
  if (process.getuid() === 0) await closedToOthers(scene, checkout);
});

/** DATABASE_URL=... ./dev run takes that server instead of a private one. */
async function onAnotherServer(scene, checkout) {
  const db = await scene.database();
  const demo = startWith({ DATABASE_URL: db.url }, scene, checkout);
  const { commands, port } = await demo.up();
  const feed = spawn('bash', ['-c', `exec ${commands[0]}`], { stdio: ['ignore', 'pipe', 'ignore'] });
  scene.defer(() => feed.kill('SIGKILL'));
  let received = '';
  feed.stdout.setEncoding('utf8').on('data', (text) => (received += text));
  await until('curl is subscribed', () => received.length > 0);
  // The command names the variable, as the URL may hold a password.
  const env = { DATABASE_URL: db.url };
  const inserted = await run('bash', ['-c', commands[1]], { cwd: '/', env });
  assert.equal(inserted.code, 0, inserted.stderr);
  assert.equal(await db.value('SELECT count(*)::int FROM events'), 1);
  await until('curl receives a row of the other server', () => received.includes('data: {"foo":"bar"}'));
  feed.kill('SIGKILL');
  assert.deepEqual(await demo.interrupt('SIGINT'), { code: 0, signal: null });
  await assertNothingLeft(checkout, port);
}

/** Even kill -9 of ./dev leaves no process behind, and the next start works. */
async function killed(scene, checkout) {
  const demo = start(scene, checkout, '--load');
  const { port } = await demo.up();
  demo.child.kill('SIGKILL');
  await demo.exited;
  await until('its children have ended', () => processesOf(checkout).length === 0);
  assert.equal(await isListening(port), false);
}

/** PostgreSQL of root's demo runs as user postgres, who cannot enter this checkout. */
async function closedToOthers(scene, checkout) {
  chmodSync(checkout, 0o700);
  const demo = start(scene, checkout);
  const { commands, port } = await demo.up();
  const directory = decodeURIComponent(commands[1].match(/host=([^&]+)/)[1]);
  assert.match(directory, /^\/var\/tmp\/walpiper-/);
  scene.defer(() => rmSync(directory, { recursive: true, force: true }));
  assert.deepEqual(await demo.interrupt('SIGHUP'), { code: 0, signal: null });
  await assertNothingLeft(checkout, port);
}
