// Prometheus' text format 0.0.4, read strictly: whatever a scraper might stumble over fails.
import assert from 'node:assert/strict';
import { until } from './wait.mjs';

const name = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const sample = new RegExp(`^(${name})(?:\\{(${label}(?:,${label})*)\\})? (-?[0-9]+(?:\\.[0-9]+)?)$`);
const unescape = (text) => text.replaceAll(/\\(.)/g, (_, letter) => (letter === 'n' ? '\n' : letter));

function labelsOf(text = '') {
  const labels = {};
  for (const [, key, value] of text.matchAll(/([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"/g)) {
    assert.ok(!(key in labels), `label ${key} comes twice in ${text}`);
    labels[key] = unescape(value);
  }
  return labels;
}

export class Metrics {
  constructor(text) {
    this.families = new Map(); // name -> {type, samples: [{labels, value}]}
    assert.ok(text.endsWith('\n'), 'the last line does not end');
    const lines = text.slice(0, -1).split('\n');
    for (let i = 0; i < lines.length; i++) {
      if (lines[i].startsWith('# HELP ')) this.head(lines[i], lines[++i]);
      else this.sample(lines[i]);
    }
  }

  head(help, type = '') {
    const [, of, words] = help.match(new RegExp(`^# HELP (${name}) (\\S.*)$`)) ?? assert.fail(help);
    const [, same, kind] = type.match(new RegExp(`^# TYPE (${name}) (counter|gauge)$`)) ?? assert.fail(type);
    assert.equal(same, of);
    assert.ok(!this.families.has(of), `${of} comes twice`);
    assert.ok(words.endsWith('.'), help);
    assert.match(of, /^walpiper_/);
    assert.equal(of.endsWith('_total'), kind === 'counter', `${of} is a ${kind}`);
    this.current = { type: kind, samples: [] };
    this.currentName = of;
    this.families.set(of, this.current);
  }

  sample(line) {
    const [, of, labels, value] = line.match(sample) ?? assert.fail(`no line of the format: ${line}`);
    assert.equal(of, this.currentName, `${line} is not with its head`);
    const parsed = labelsOf(labels);
    const twin = this.current.samples.find((other) => JSON.stringify(other.labels) === JSON.stringify(parsed));
    assert.equal(twin, undefined, `${line} comes twice`);
    this.current.samples.push({ labels: parsed, value: Number(value) });
  }

  /** All samples of 'name{label="value"}' in sum: those with at least these labels. 0: there is none. */
  sum(series) {
    const [, of, labels] = series.match(/^([a-z_]+)(?:\{(.*)\})?$/) ?? assert.fail(series);
    assert.ok(this.families.has(of), `there is no metric ${of}`);
    const wanted = Object.entries(labelsOf(labels));
    return this.families
      .get(of)
      .samples.filter((one) => wanted.every(([key, value]) => one.labels[key] === value))
      .reduce((sum, one) => sum + one.value, 0);
  }

  /** No counter is smaller than it was BEFORE. */
  assertNotBehind(before) {
    for (const [of, { type, samples }] of before.families) {
      if (type !== 'counter') continue;
      for (const { labels, value } of samples) {
        const series = `${of}{${Object.entries(labels).map(([key, text]) => `${key}="${text}"`)}}`;
        assert.ok(this.sum(series) >= value, `${series} has gone back`);
      }
    }
  }

  /** How many samples there are, and what all labels say. */
  get size() {
    return [...this.families.values()].reduce((sum, { samples }) => sum + samples.length, 0);
  }

  get labelValues() {
    const values = [...this.families.values()].flatMap(({ samples }) => samples.map(({ labels }) => Object.values(labels)));
    return new Set(values.flat());
  }
}

/** What GET /metrics says now. */
export async function scrape(walpiper) {
  const answer = await walpiper.admin('/metrics');
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  return new Metrics(answer.body);
}

/** Waits until each series of WANTED has its value. */
export async function untilMetrics(walpiper, wanted) {
  let last;
  const wrong = () => Object.entries(wanted).filter(([series, value]) => last.sum(series) !== value);
  const look = async () => {
    last = await scrape(walpiper);
    return wrong().length === 0;
  };
  await until('the metrics are as they should be', look, { timeout: 15_000 }).catch((error) => {
    throw new Error(wrong().map(([series, value]) => `${series} is ${last.sum(series)}, not ${value}`).join('; '), { cause: error });
  });
  return last;
}
