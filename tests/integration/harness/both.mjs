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

/** What is repeated many times in a large value says nothing in a failure. */
const shortened = (text) => text?.replace(/(.)\1{40,}/g, '$1...');

/** The events of both, which are the same; both are down afterwards. */
export async function sameEvents(walpipers) {
  const [wal2json, pgoutput] = [await capturedEvents(walpipers.wal2json), await capturedEvents(walpipers.pgoutput)];
  for (let n = 0; n < Math.max(wal2json.length, pgoutput.length); n++) {
    if (wal2json[n] === pgoutput[n]) continue;
    assert.fail(`event ${n + 1}\n  with wal2json: ${shortened(wal2json[n])}\n  with pgoutput: ${shortened(pgoutput[n])}`);
  }
  return wal2json.map((text) => JSON.parse(text));
}
