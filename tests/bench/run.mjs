// node tests/bench/run.mjs [--turns N] [--scale X] [NAME...]: the benches, one after the other.
import { parseArgs } from 'node:util';
import { capture } from './capture.mjs';
import { fanout } from './fanout.mjs';
import { latency } from './latency.mjs';
import { operatorsBench } from './operators.mjs';
import { replay } from './replay.mjs';

const benches = { capture, replay, fanout, latency, operators: operatorsBench };

function refuse(why) {
  console.error(`bench: ${why}`);
  process.exit(2);
}

function readArguments() {
  try {
    const options = { turns: { type: 'string', default: '3' }, scale: { type: 'string', default: '1' } };
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const { turns, scale } = { turns: Number(values.turns), scale: Number(values.scale) };
    if (!Number.isInteger(turns) || turns < 1) refuse('--turns takes a number from 1');
    if (!(scale > 0)) refuse('--scale takes a number greater than 0');
    return { names: positionals.length > 0 ? positionals : Object.keys(benches), turns, scale };
  } catch (error) {
    return refuse(error.message);
  }
}

const { names, ...settings } = readArguments();
for (const name of names) {
  if (!benches[name]) refuse(`no bench '${name}'; there are: ${Object.keys(benches).join(', ')}`);
}
for (const name of names) await benches[name](settings);
