// What ./dev bench counts with tells the truth: of a stream that is wrong it says exactly what is.
import net from 'node:net';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program, SendLoop, Fleet } from '../bench/fleet.mjs';
import { assert, freePort, run, scenario } from './harness/lib.mjs';

const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';
const now = () => Date.now() * 1000;
const record = (number, at = now()) => `{"new_record":{"id":${number},"stamp":"#${number}@${at}#"}}`;
const frame = (number, at) => `id: 1-${number}\nevent: insert\ndata: ${record(number, at)}\n\n`;
const frames = (...numbers) => numbers.map((number) => frame(number)).join('');

const nothingWrong = {
  missing: 0,
  repeated: 0,
  disordered: 0,
  stray: 0,
  unreadable: 0,
  cut: 0,
  closed: 0,
  refused: 0,
};

/** A server that does ANSWER(socket, path) with each request: its port. */
async function serve(scene, answer) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.once('data', (request) => answer(socket, request.toString().split(' ')[1]));
  });
  server.listen(await freePort(), '127.0.0.1');
  await once(server, 'listening');
  scene.defer(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server.address().port;
}

/** What the subscribers of PORT say: their report, with the exit status. */
async function count(port, options) {
  const args = Object.entries({ path: '/', events: 5, ...options }).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const { code, stdout, stderr } = await run(program('subscribers'), ['--to', `127.0.0.1:${port}`, ...args]);
  assert.equal(stderr, '');
  return { code, ...JSON.parse(stdout.trimEnd().split('\n').at(-1)) };
}

function assertFaults(report, faults) {
  const wanted = { ...nothingWrong, ...faults };
  const told = Object.fromEntries(Object.keys(wanted).map((key) => [key, report[key]]));
  assert.deepEqual(told, wanted);
  const right = Object.keys(faults).length === 0;
  assert.equal(report.right, right);
  assert.equal(report.code, right ? 0 : 1);
}

// `ends`: the server leaves after its last byte, as the subscriber would wait for more.
const wrongs = [
  { name: 'right', sends: frames(1, 2, 3, 4, 5), faults: {} },
  { name: 'right, with comments and keepalives', sends: `:\n${frames(1, 2)}event: keepalive\nid: 7\ndata: {}\n\n:\n${frames(3, 4, 5)}`, faults: {} },
  { name: 'an event is skipped', sends: frames(1, 2, 4, 5), ends: true, faults: { missing: 1, closed: 1 } },
  { name: 'the last two are missing', sends: frames(1, 2, 3), ends: true, faults: { missing: 2, closed: 1 } },
  { name: 'an event comes twice', sends: frames(1, 2, 2, 3, 4, 5), faults: { repeated: 1 } },
  { name: 'it starts over', sends: frames(1, 2, 3, 1, 2, 3, 4, 5), faults: { repeated: 3 } },
  { name: 'two change places', sends: frames(1, 2, 4, 3, 5), faults: { disordered: 1 } },
  { name: 'one that was not asked for', sends: frames(1, 2, 3, 6, 4, 5), faults: { stray: 1 } },
  { name: 'the stream is cut inside of an event', sends: frames(1, 2, 3, 4) + frame(5).slice(0, -1), ends: true, faults: { missing: 1, cut: 1, closed: 1 } },
  { name: 'the stream is cut inside of a line', sends: frames(1, 2, 3, 4) + frame(5).slice(0, 25), ends: true, faults: { missing: 1, cut: 1, closed: 1 } },
  { name: 'a record is cut', sends: `${frames(1, 2)}data: ${record(3).slice(0, -2)}\n\n${frames(4, 5)}`, ends: true, faults: { missing: 1, unreadable: 1, closed: 1 } },
  { name: 'an event is cut and the next one follows', sends: frames(1, 2) + frame(3).slice(0, -1) + frames(4, 5), ends: true, faults: { missing: 2, unreadable: 1, closed: 1 } },
  { name: 'a reset', sends: `event: reset\ndata: {"reason":"expired"}\n\n${frames(1, 2, 3, 4, 5)}`, faults: { unreadable: 1 } },
];

for (const { name, sends, ends, faults } of wrongs) {
  scenario(`the load generator says exactly what is wrong: ${name}`, async (scene) => {
    const whole = await serve(scene, (socket) => (ends ? socket.end(head + sends) : socket.write(head + sends)));
    assertFaults(await count(whole), faults);
    // Wherever the network happens to cut.
    const bits = await serve(scene, async (socket) => {
      socket.setNoDelay(true);
      for (const byte of head + sends) if (!socket.write(byte)) await once(socket, 'drain');
      if (ends) socket.end();
    });
    assertFaults(await count(bits), faults);
  });
}

scenario('the load generator counts each subscriber for itself, and asks with its number', async (scene) => {
  const paths = [];
  const port = await serve(scene, (socket, path) => {
    paths.push(path);
    const answers = { '/0/k=0%20': frames(1, 2, 3), '/1/k=1%20': frames(1, 3, 2), '/2/k=2%20': frames(1, 2) };
    socket.end(head + (answers[path] ?? frames(2)));
  });
  const report = await count(port, { path: '/%d/k=%d%20', subscribers: 6, filters: 4, receivers: 3, events: 3 });
  assert.deepEqual(paths.sort(), ['/0/k=0%20', '/1/k=1%20', '/2/k=2%20', ...Array(3).fill('/3/k=3%20')]);
  assertFaults(report, { disordered: 1, missing: 1, stray: 3, closed: 6 });
  assert.equal(report.connected, 6);
  assert.equal(report.deliveries, 8 + 3);
});

scenario('a subscriber that is refused, or answered in chunks, is told', async (scene) => {
  const full = await serve(scene, (socket) => socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n'));
  assertFaults(await count(full), { refused: 1, missing: 5 });
  const chunks = await serve(scene, (socket) => socket.write(head.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n')));
  assertFaults(await count(chunks), { refused: 1, missing: 5 });
});

scenario('a server that falls silent is not waited for without end', async (scene) => {
  const port = await serve(scene, (socket) => socket.write(head + frames(1, 2)));
  assertFaults(await count(port, { patience: 1 }), { missing: 3 });
});

scenario('latency is the time since the stamp, in quantiles that are not less than the truth', async (scene) => {
  const seconds = 1e6;
  const port = await serve(scene, (socket) => {
    const late = [...Array(98).fill(10), 20, 30].map((age, n) => frame(n + 1, now() - age * seconds));
    socket.write(head + late.join(''));
  });
  const { latency_us: latency, bytes, deliveries } = await count(port, { events: 100 });
  const about = (value, age) => assert.ok(value >= age * seconds && value < (age * 1.017 + 5) * seconds, `${value} is about ${age} s`);
  about(latency.p50, 10);
  about(latency.p90, 10);
  about(latency.p99, 20);
  about(latency.max, 30);
  assert.equal(deliveries, 100);
  const sent = Array.from({ length: 100 }, (_, n) => frame(n + 1).length).reduce((sum, length) => sum + length);
  assert.equal(bytes, head.length + sent);
});

scenario('what a pipe brings is counted like one subscriber, whatever lies between the stamps', async () => {
  const between = Buffer.from([0, 0x23, 10, 0x23, 0x31, 0xff, 0x40, 0x23]).toString('latin1');
  const stamps = (...numbers) => numbers.map((number) => `${between}#${number}@${now()}#${between}`).join('\n');
  const read = async (input) => {
    const { code, stdout } = await run(program('subscribers'), ['--stdin', '--events', '3', '--first', '7'], { input });
    return { code, ...JSON.parse(stdout.trimEnd().split('\n').at(-1)) };
  };
  assertFaults(await read(`${stamps(7, 8, 9)}\n`), {});
  assertFaults(await read(`${stamps(7, 9, 9)}\n`), { missing: 1, repeated: 1 });
});

scenario('the send loop gives every subscriber its frame with the next number', async (scene) => {
  const file = join(scene.directory(), 'frame');
  writeFileSync(file, frame(1));
  const port = await freePort();
  const loop = new SendLoop(port, 20, file);
  await loop.listening();
  const fleet = new Fleet({ to: `127.0.0.1:${port}`, path: '/', subscribers: 20, events: 3, first: 1 });
  await fleet.ready();
  for (let number = 1; number <= 3; number++) {
    loop.event();
    await fleet.all(number);
  }
  await fleet.done();
  assert.equal((await fleet.report()).deliveries, 60);
  await loop.end();
});
