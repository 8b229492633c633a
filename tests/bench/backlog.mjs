// A backlog: what a slot has not been read of yet. Who reads it is timed from the start of its process to the
// moment the server has its confirmation of the last commit.
import { until } from '../integration/harness/wait.mjs';
import { isRunning } from '../integration/harness/process.mjs';
import { Walpiper } from '../integration/harness/walpiper.mjs';
import { cpuSeconds, memoryOf } from './bench.mjs';

const patience = 900_000;

/** The end of what is written, once it is on the server's disk. */
export async function endOfLog(db) {
  const lsn = await db.value('SELECT pg_current_wal_insert_lsn()::text');
  await until('the WAL is written', () => db.value('SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn', [lsn]));
  return lsn;
}

/** SLOT is a copy of another one: the same backlog once more. */
export async function copySlot(db, from, slot) {
  await db.query('SELECT pg_copy_logical_replication_slot($1, $2)', [from, slot]);
}

export async function dropSlot(db, slot) {
  const isFree = () => db.value('SELECT NOT active FROM pg_replication_slots WHERE slot_name = $1', [slot]);
  await until(`slot ${slot} is free`, isFree);
  await db.query('SELECT pg_drop_replication_slot($1)', [slot]);
}

/** Walpiper with CONFIG, which names the slot, up to END: {seconds, cpu, resident, own, peak}. WRAPPER: what stands
 *  before its command. */
export async function confirmAll(bench, db, config, end, wrapper = []) {
  const walpiper = new Walpiper(db, bench.turnDirectory(), { http: { threads: 1 }, log: { level: 'warn' }, ...config });
  walpiper.wrapper = wrapper;
  await walpiper.configure();
  const began = performance.now();
  await walpiper.launch();
  const confirmed = () => {
    if (!isRunning(walpiper.child)) throw new Error(walpiper.logText());
    return db.value('SELECT confirmed_flush_lsn >= $1::text::pg_lsn FROM pg_replication_slots WHERE slot_name = $2', [end, walpiper.slot]);
  };
  try {
    await until('walpiper has confirmed all', confirmed, { timeout: patience, interval: 50 });
    const seconds = (performance.now() - began) / 1000;
    return { seconds, cpu: cpuSeconds(walpiper.child.pid), ...memoryOf(walpiper.child.pid) };
  } finally {
    await walpiper.stop();
  }
}
