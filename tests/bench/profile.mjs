// ./dev profile NAME: where the instructions of a whole walpiper go, by room and by function, while it does what the
// bench of that name asks of it, before a real server and under callgrind. Its file is kept for kcachegrind and
// callgrind_annotate.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { captured } from '../integration/harness/journal.mjs';
import { root } from '../integration/harness/process.mjs';
import { until } from '../integration/harness/wait.mjs';
import { Walpiper } from '../integration/harness/walpiper.mjs';
import { confirmAll, endOfLog } from './backlog.mjs';
import { Bench, markdown, number } from './bench.mjs';
import { byRoom, callgrind, readProfile, roomOf } from './callgrind.mjs';
import { Fleet } from './fleet.mjs';
import { Stamps } from './stamps.mjs';

const functionsShown = 25;
const patience = 300_000;
const quiet = { http: { threads: 1, heartbeat: '1h' }, log: { level: 'warn' } };

/** A backlog of single rows and of hundreds. */
async function capture(bench, wrapper) {
  const events = 40_000;
  const stamps = await new Stamps().create(bench);
  await stamps.db.query('CREATE PUBLICATION bench FOR TABLE stamps, events');
  await stamps.db.query(`SELECT pg_create_logical_replication_slot('turn', 'pgoutput')`);
  for (let n = 0; n < events / 100 - 20; n++) await stamps.commitTogether(100);
  for (let n = 0; n < 2000; n++) await stamps.commit();
  const config = { slot: { name: 'turn', plugin: 'pgoutput' }, publication: 'bench', tables: [{ name: 'public.stamps' }], ...quiet };
  await confirmAll(bench, stamps.db, config, await endOfLog(stamps.db), wrapper);
  await stamps.close();
  return { count: events, what: 'an event' };
}

/** Single events to a hundred subscribers, and bursts. */
async function fanout(bench, wrapper) {
  const [subscribers, singles, bursts, together] = [100, 1000, 40, 100];
  const events = singles + bursts * together;
  const stamps = await new Stamps().create(bench);
  const walpiper = new Walpiper(stamps.db, bench.turnDirectory(), { tables: [{ name: 'public.stamps' }], ...quiet });
  walpiper.wrapper = wrapper;
  await walpiper.start();
  const fleet = new Fleet({ to: `127.0.0.1:${walpiper.port}`, path: '/streams/stamps', subscribers, events, first: stamps.next });
  await fleet.ready();
  for (let n = 0; n < singles; n++) await fleet.all(await stamps.commit());
  for (let n = 0; n < bursts; n++) {
    await stamps.commitTogether(together);
    await fleet.all(stamps.next - 1);
  }
  await fleet.report();
  await walpiper.stop('SIGTERM', patience);
  await stamps.close();
  return { count: events * subscribers, what: 'a delivery' };
}

/** One operator in the form that has the least work on the server. */
async function operators(bench, wrapper) {
  const events = 20_000;
  const db = await bench.database('sql/schema.sql');
  await db.query(`CREATE TABLE facts (id int PRIMARY KEY, key int NOT NULL, value bigint NOT NULL);
    CREATE INDEX ON facts (key); CREATE TABLE totals (id int PRIMARY KEY, total numeric)`);
  const select = 'SELECT key AS id, sum(value) AS total FROM facts WHERE key = $1 GROUP BY key';
  const operator = { name: 'totals', target: 'totals', target_id: 'id', events: ['insert'], tables: { facts: 'key' }, select, batch_size: 1000 };
  const walpiper = new Walpiper(db, bench.turnDirectory(), { tables: [{ name: 'public.facts' }], operators: [operator], ...quiet });
  walpiper.wrapper = wrapper;
  await walpiper.start();
  for (let n = 0; n < events / 100; n++) {
    await db.query('INSERT INTO facts SELECT n, n % 5000, n FROM generate_series($1::int, $2::int) n', [n * 100 + 1, (n + 1) * 100]);
  }
  await captured(walpiper, patience);
  const right = () => db.value(`SELECT coalesce(sum(total), 0) = ${(events * (events + 1)) / 2} FROM totals`);
  await until('all is applied', right, { timeout: patience });
  await walpiper.stop('SIGTERM', patience);
  await db.close();
  return { count: events, what: 'an event' };
}

const profiles = { capture, fanout, operators };

function tell(profile, { count, what }) {
  const share = (cost) => `${((cost * 100) / profile.total).toFixed(1)} %`;
  const each = (cost) => number(cost / count);
  const rooms = byRoom(profile).filter(({ own, libraries }) => own + libraries >= profile.total / 1000);
  console.log(`\n${number(profile.total / count)} instructions ${what}, of ${number(count)}; libraries: what was called from there\n`);
  console.log(markdown(['room', 'share', `own, ${what}`, 'libraries'], rooms.map(({ room, own, libraries }) => [room, share(own + libraries), each(own), each(libraries)])));
  const largest = profile.functions.filter(({ self }) => self > 0).sort((a, b) => b.self - a.self).slice(0, functionsShown);
  console.log(`\n${markdown(['function', 'room', 'share', what], largest.map(({ name, file, self }) => [name, roomOf(file) ?? 'library', share(self), each(self)]))}`);
}

const [name] = process.argv.slice(2);
if (!profiles[name] || process.argv.length !== 3) {
  console.error(`profile: one of ${Object.keys(profiles).join(', ')}`);
  process.exit(2);
}
const file = join(root, 'build/profile', `${name}.out`);
mkdirSync(join(root, 'build/profile'), { recursive: true });
rmSync(file, { force: true });
const bench = new Bench(`profile-${name}`, [], { synchronous_commit: 'on', wal_sender_timeout: '0' });
let done;
await bench.run(async () => {
  done = await profiles[name](bench, callgrind(file));
});
tell(readProfile(file), done);
console.log(`\nprofile: ${file}`);
