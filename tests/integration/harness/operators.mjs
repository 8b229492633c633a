// walpiper operator, as people call it.
import assert from 'node:assert/strict';
import { run } from './process.mjs';
import { areCopied, parked, things, thingsSchema } from './things.mjs';
import { until } from './wait.mjs';
import { binary } from './walpiper.mjs';

/** {code, stdout, stderr} */
export const command = (walpiper, ...words) => run(binary, ['operator', ...words, '-c', walpiper.file]);

export async function done(walpiper, ...words) {
  const { code, stdout, stderr } = await command(walpiper, ...words);
  assert.equal(stderr, '');
  assert.equal(code, 0, stdout);
  return stdout;
}

/** Exit 1 and one line with the mend: {stdout, why}. */
export async function fails(walpiper, ...words) {
  const { code, stdout, stderr } = await command(walpiper, ...words);
  assert.equal(code, 1, stdout + stderr);
  assert.match(stderr, /^walpiper: .+[;:] .+\n$/);
  return { stdout, why: stderr };
}

export async function refused(walpiper, ...words) {
  const { stdout, why } = await fails(walpiper, ...words);
  assert.equal(stdout, '');
  return why;
}

export const json = async (walpiper, ...words) => JSON.parse(await done(walpiper, ...words, '--json'));

/** Copies of 20 things, those of BAD ids are parked. */
export async function copying(scene, { bad = [], over, config } = {}) {
  const db = await scene.database();
  await db.query(thingsSchema);
  await db.query('INSERT INTO things SELECT n, n FROM generate_series(1, 20) n');
  const slow = { min_restart_time: 3600000, max_restart_time: 3600000, max_retries: 2 };
  const walpiper = await scene.walpiper(db, things(over, { retry: slow, ...config }));
  await areCopied(db);
  await db.query('UPDATE things SET v = 100 WHERE id = ANY ($1)', [bad]);
  await until('the bad ones are parked', async () => (await parked(db)).length === bad.length);
  return { db, walpiper };
}
