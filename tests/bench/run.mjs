// node tests/bench/run.mjs [OPTION...] [NAME...]: the benches, one after the other; see ./dev help.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../integration/harness/process.mjs';
import { findings } from './bench.mjs';
import { capture } from './capture.mjs';
import { fanout } from './fanout.mjs';
import { latency } from './latency.mjs';
import { memoryBench } from './memory.mjs';
import { operatorsBench } from './operators.mjs';
import { replay } from './replay.mjs';
import { earlierIn, keep, lostBy, machine, origin, report, summary, withEarlier } from './report.mjs';

/** Where results go: those of a report lie beside it, so that a bench that is run anew leaves the others in it. */
const resultsOf = (isReport) => join(root, isReport ? 'docs/performance' : 'build/bench', 'results.json');

/** What --quick does for all, and for a bench whose starts would count for too much. */
const quick = { all: 0.2, capture: 0.5 };

const benches = { capture, replay, fanout, latency, operators: operatorsBench, memory: memoryBench };

function refuse(why) {
  console.error(`bench: ${why}`);
  process.exit(2);
}

function readArguments(args) {
  const options = {
    turns: { type: 'string', default: '3' },
    scale: { type: 'string' },
    quick: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    json: { type: 'string' },
    axis: { type: 'string', multiple: true, default: [] },
  };
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const turns = Number(values.turns);
    const scale = Number(values.scale ?? (values.quick ? quick.all : 1));
    if (!Number.isInteger(turns) || turns < 1) refuse('--turns takes a number from 1');
    if (values.quick && values.scale) refuse('--quick is a scale of its own: leave --scale out');
    if (!(scale > 0)) refuse('--scale takes a number greater than 0');
    const all = positionals.length === 0 || positionals.includes('all');
    return { names: all ? Object.keys(benches) : positionals, turns, scale, quick: values.quick, axes: values.axis, report: values.report, json: values.json ?? resultsOf(values.report) };
  } catch (error) {
    return refuse(error.message);
  }
}

function readEarlier() {
  try {
    return earlierIn(json);
  } catch (error) {
    return refuse(error.message);
  }
}

const { names, report: wantsReport, json, ...settings } = readArguments(process.argv.slice(2));
for (const name of names) {
  if (!benches[name]) refuse(`no bench '${name}'; there are: ${Object.keys(benches).join(', ')}, all`);
}
const from = origin(`./dev bench ${process.argv.slice(2).join(' ')}`.trim());
const where = machine();
const earlier = readEarlier();
const results = () => ({ machine: where, findings: withEarlier(findings, earlier, Object.keys(benches), where) });
const lost = wantsReport ? lostBy(names, earlier, where) : [];
if (lost.length > 0) refuse(`the report has ${lost.join(', ')} of another machine: run all for a report of this one`);
for (const name of names) {
  await benches[name]({ ...settings, scale: settings.quick ? (quick[name] ?? settings.scale) : settings.scale });
  Object.assign(findings.at(-1), from);
  keep(json, results()); // of those that are done, whatever becomes of the others
}
if (names.length > 1) console.log(`\n${summary(findings)}`);
console.log(`\nresults: ${json}`);
if (wantsReport) await report(join(root, 'docs'), results());
