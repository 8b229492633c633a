// What ./dev bench, ./dev profile and ./dev test instructions make of their numbers is right.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bench, memoryOf } from '../bench/bench.mjs';
import { byRoom, readProfile, roomOf } from '../bench/callgrind.mjs';
import { draw, readTsv, script, tsv } from '../bench/curves.mjs';
import { Fleet, program } from '../bench/fleet.mjs';
import { verdict } from '../bench/instructions.mjs';
import { sizesAt } from '../bench/memory.mjs';
import { NodeService } from '../bench/peer.mjs';
import { earlierIn, keep, lostBy, page, summary, withEarlier } from '../bench/report.mjs';
import { Stamps } from '../bench/stamps.mjs';
import { assert, root, run, scenario } from './harness/lib.mjs';

scenario('more than 5 % more instructions are too many, and one without a number is not passed over', async () => {
  assert.equal(verdict(1050, 1000), undefined);
  assert.equal(verdict(900, 1000), undefined);
  assert.match(verdict(1051, 1000), /5\.1 % more than 1000/);
  assert.match(verdict(1000, undefined), /no number/);
});

// As callgrind writes it: `push` of feed/ calls memcpy and a libev that calls back into http/, where a function of
// the same name is.
const callgrindFile = `version: 1
events: Ir
fl=../src/feed/router.c
fn=push
10 100
fi=../src/base/buffer.h
11 20
fe=../src/feed/router.c
cfi=???
cfn=memcpy
calls=7 0
12 70
cfi=???
cfn=ev_run
calls=1 0
13 250

fl=../src/http/stream.c
fn=push
5 200

fl=???
fn=memcpy
0 70
fn=ev_run
0 50
cfi=../src/http/stream.c
cfn=push
calls=1 0
0 200
fl=main.c
fn=main
3 9
totals: 449
`;

scenario('instructions are of the room whose function they are in, and of a library of the room that called it', async (scene) => {
  const file = join(scene.directory(), 'callgrind.out');
  writeFileSync(file, callgrindFile);
  const profile = readProfile(file);
  assert.equal(profile.total, 449);
  assert.deepEqual(byRoom(profile), [
    { room: 'feed', own: 120, libraries: 120 },
    { room: 'http', own: 200, libraries: 0 },
    { room: 'others', own: 0, libraries: 9 },
  ]);
  assert.equal(roomOf('/a/src/operator/batch.c'), 'operator');
  assert.equal(roomOf('../src/serving.c'), 'daemon');
  assert.equal(roomOf('/usr/src/linux/x/y.c'), undefined);
});

scenario('a curve is drawn from the file that is kept of it', async (scene) => {
  const directory = scene.directory();
  const curve = { name: 'tables', title: 'Tables', columns: ['size', 'events/s', 'MiB private'], rows: [[1, 100000, 20.5], [1000, 90000, 31]] };
  assert.deepEqual(readTsv(tsv(curve)), { columns: curve.columns, rows: curve.rows });
  const plot = script(curve, 'data.tsv', 'image.svg');
  assert.match(plot, /using 1:2 axes x1y1/);
  assert.match(plot, /using 1:3 axes x1y2/);
  if (!existsSync('/usr/bin/gnuplot')) return; // a package of ./dev bench alone
  await draw(directory, curve);
  assert.match(readFileSync(join(directory, 'tables.svg'), 'utf8'), /<svg[^]*MiB private/);
});

scenario('a short run leaves out the sizes that it has no time for, and never all', async () => {
  assert.deepEqual(sizesAt({ sizes: [1, 100, 10_000], costly: true }, 1), [1, 100, 10_000]);
  assert.deepEqual(sizesAt({ sizes: [1, 100, 10_000], costly: true }, 0.5), [1, 100]);
  assert.deepEqual(sizesAt({ sizes: [1, 100, 10_000] }, 0.1), [1, 100, 10_000]);
  assert.deepEqual(sizesAt({ sizes: [50, 100] }, 0.001), [50]);
});

scenario('a figure meets its goal by its median', async () => {
  const bench = new Bench('some', []);
  bench.headline('share', [0.5, 0.91, 1.2], { least: 0.9 });
  bench.headline('ms', [0.9, 1.1, 1.2], { most: 1 });
  bench.headline('no goal', [7]);
  assert.deepEqual(bench.found.headlines.map(({ met }) => met), [true, false, undefined]);
  const lines = summary([bench.found]).split('\n').map((line) => line.replace(/ +/g, ' '));
  assert.deepEqual(lines.slice(2), [
    '| some | share | 0.91 (0.50 to 1.20) | at least 0.9 | yes |',
    '| some | ms | 1.10 (0.90 to 1.20) | at most 1 | no |',
    '| some | no goal | 7.00 (7.00 to 7.00) | | |',
  ]);
});

scenario('the report has the machine, each figure, table and curve, and what was removed', async () => {
  const curve = { name: 'tables', title: 'Tables' };
  const from = { command: './dev bench memory', when: '2026-01-02', commit: 'abc1234' };
  const found = { bench: 'memory', ...from, notes: ['a note'], tables: [{ columns: ['a', 'b'], rows: [['1', '2']] }], curves: [curve], headlines: [] };
  const results = { findings: [found], machine: { processor: '2 x P' } };
  const text = page(results, { operator: 17 }, '## What was removed');
  for (const part of ['`./dev bench memory`, 2026-01-02, commit abc1234', '| processor | 2 x P |', '- a note', '| 1   | 2   |', '(performance/tables.svg)', '| operator | 17', '## What was removed']) {
    assert.ok(text.includes(part), `${part} is not in ${text}`);
  }
});

scenario('a bench that is run alone replaces what was known of it, and of no other; another machine knows nothing', async (scene) => {
  const file = join(scene.directory(), 'results.json');
  const found = (bench, value) => ({ bench, value });
  const names = ['capture', 'replay', 'memory'];
  const here = { processor: '2 x P' };
  assert.deepEqual(withEarlier([found('replay', 1)], earlierIn(file), names, here), [found('replay', 1)], 'there is no file yet');
  keep(file, { machine: here, findings: [found('capture', 1), found('memory', 1)] });
  const earlier = earlierIn(file);
  const merged = withEarlier([found('capture', 2), found('replay', 2)], earlier, names, here);
  assert.deepEqual(merged, [found('capture', 2), found('replay', 2), found('memory', 1)]);
  const there = { processor: '4 x P' };
  assert.deepEqual(withEarlier([found('capture', 2)], earlier, names, there), [found('capture', 2)]);
  assert.deepEqual([lostBy(['capture'], earlier, there), lostBy(['capture'], earlier, here), lostBy(names, earlier, there)], [['memory'], [], []]);
  for (const damaged of ['{"machine":', '[]']) {
    writeFileSync(file, damaged);
    assert.throws(() => earlierIn(file), /results\.json is not what a bench has written: remove it/);
  }
});

const recorded = join(root, 'tests/bench/recorded');

/** One case of the hot path, twice over: how it ended. */
function hotPath(scene, name, recording = recorded) {
  const journal = join(scene.directory(), 'journal');
  mkdirSync(journal);
  return run(program('hot_path'), [name, '2', recording, journal]);
}

scenario('what is counted on the hot path has come out whole, or it is an error', async (scene) => {
  const events = { capture_pgoutput: 80, capture_wal2json: 80, fanout_1: 120, fanout_100: 120, operator: 80 }; // 40 a pass
  for (const [name, expected] of Object.entries(events)) {
    const { code, stdout, stderr } = await hotPath(scene, name);
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).events, expected, name);
  }
  const broken = join(scene.directory(), 'recorded');
  cpSync(recorded, broken, { recursive: true });
  const messages = readFileSync(join(broken, 'pgoutput.messages'), 'utf8').trimEnd().split('\n');
  messages[3] = '0/1\tff';
  writeFileSync(join(broken, 'pgoutput.messages'), `${messages.join('\n')}\n`);
  const { code, stderr } = await hotPath(scene, 'fanout_1', broken);
  assert.equal(code, 1);
  assert.match(stderr, /^hot_path: fanout_1: message /);
});

scenario('memory is what the kernel says of the process', async () => {
  const { resident, own, peak } = memoryOf(process.pid);
  assert.ok(own > 10 && own <= resident && resident <= peak * 1.05, `${own} ${resident} ${peak}`);
});

scenario('the Node service pushes each row of a slot once, in order, to all subscribers', async (scene) => {
  const database = await scene.database();
  const stamps = await new Stamps().create({ database: async () => database });
  scene.defer(() => stamps.connection.release());
  await stamps.db.query('CREATE PUBLICATION node FOR TABLE stamps');
  for (const plugin of ['pgoutput', 'wal2json']) {
    await stamps.db.query('SELECT pg_create_logical_replication_slot($1, $2)', [plugin, plugin]);
    const reads = { slot: plugin, plugin, publication: 'node', table: 'stamps', firstClient: true };
    const node = await new NodeService().start(scene.directory(), stamps.db, reads);
    scene.defer(() => node.stop());
    const fleet = new Fleet({ to: `127.0.0.1:${node.port}`, path: '/', subscribers: 3, events: 40, first: stamps.next });
    await fleet.ready();
    await stamps.commitTogether(39);
    await stamps.commit();
    await fleet.done();
    assert.equal((await fleet.report()).deliveries, 120);
    await node.stop();
  }
});
