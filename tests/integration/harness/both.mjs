// Two walpipers on one database, one a plugin: their events must be the same, byte for byte.
import assert from 'node:assert/strict';
import { capturedEvents } from './journal.mjs';

export const plugins = ['wal2json', 'pgoutput'];

/** One for each plugin, each with a slot of its own: {wal2json, pgoutput}. */
export async function both(scene, db, config) {
  const walpipers = {};
  for (const plugin of plugins) {
    walpipers[plugin] = await scene.walpiper(db, { ...config, slot: { name: `${db.name}_${plugin}`, plugin } });
  }
  return walpipers;
}

/** The events of both, which are the same; both are down afterwards. */
export async function sameEvents(walpipers) {
  const [wal2json, pgoutput] = [await capturedEvents(walpipers.wal2json), await capturedEvents(walpipers.pgoutput)];
  assert.deepEqual(wal2json, pgoutput);
  return wal2json.map((text) => JSON.parse(text));
}
