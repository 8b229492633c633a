// node tests/chaos/run.mjs [--minutes N] [--seed S] [--plugin wal2json|pgoutput|both]
//                          [--operators] [--verbose]
//
// Exit: 0 every promise held; 3 one did not; 1 the run itself failed; 2 wrong usage; 130 interrupted.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Chaos } from './chaos.mjs';
import { OperatorChaos } from './operators.mjs';
import { Broken } from './rounds.mjs';

const broken = 3;
const stopped = 130;

function refuse(why) {
  console.error(`chaos: ${why}`);
  process.exit(2);
}

function readArguments() {
  const [text, flag] = [{ type: 'string' }, { type: 'boolean' }];
  try {
    const { values } = parseArgs({ options: { minutes: text, seed: text, plugin: text, operators: flag, verbose: flag } });
    const { minutes = '1', seed = String(randomInt(1_000_000)), plugin = 'both', operators = false, verbose = false } = values;
    if (!(Number(minutes) > 0)) refuse('--minutes takes a number greater than 0');
    if (!['wal2json', 'pgoutput', 'both'].includes(plugin)) refuse('--plugin takes wal2json, pgoutput or both');
    const plugins = plugin === 'both' ? ['wal2json', 'pgoutput'] : [plugin];
    return { minutes: Number(minutes), seed, plugins, Kind: operators ? OperatorChaos : Chaos, verbose };
  } catch (error) {
    return refuse(error.message);
  }
}

let interrupted = false;
let interrupt;
const interruption = new Promise((resolve) => (interrupt = resolve));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupt());
interruption.then(() => (interrupted = true));

// Should the runner be killed, this must not live on; what it started ends with it.
const runner = process.ppid;
setInterval(() => process.ppid === runner || interrupt(), 500).unref();

function report(error, chaos, lines) {
  console.log(`\n${error instanceof Broken ? 'A promise is broken' : 'The run failed'}:\n${error instanceof Broken ? error.message : error.stack}`);
  console.log(`\nThe last faults:\n${lines.slice(-15).join('\n')}`);
  console.log(`\nwalpiper's last words:\n${chaos.lastWords()}`);
  console.log(`\n${chaos.summary()}`);
}

/** One run with PLUGIN: the exit code. */
async function runOne({ Kind, seed, plugin, milliseconds, verbose }) {
  const lines = [];
  const log = (line) => {
    lines.push(line);
    if (verbose) console.log(line);
  };
  const chaos = new Kind({ seed, plugin, log });
  try {
    await chaos.open();
    const run = chaos.run(milliseconds);
    run.catch(() => {}); // after an interruption nobody waits for it
    await Promise.race([run, interruption]);
    console.log(chaos.summary());
    await chaos.close(false);
    return interrupted ? stopped : 0;
  } catch (error) {
    // Ctrl-C in a terminal ends PostgreSQL and walpiper too: what follows is no finding.
    if (!interrupted) report(error, chaos, lines);
    const keep = !interrupted && process.env.CHAOS_KEEP !== 'no';
    const directories = await chaos.close(keep);
    if (keep) console.log(`\nLogs and journal are kept in ${directories.join(' and ')}`);
    if (interrupted) return stopped;
    return error instanceof Broken ? broken : 1;
  }
}

const { minutes, plugins, ...options } = readArguments();
let code = 0;
for (const plugin of plugins) {
  const milliseconds = (minutes * 60_000) / plugins.length;
  code = code || (await runOne({ ...options, plugin, milliseconds }));
}
process.exit(code);
