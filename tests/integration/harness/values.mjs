// Random values of PostgreSQL's types, as the text that the server reads. Each generator takes dice.

/** Dice of our own, so that a seed says everything (mulberry32). */
export function dice(state) {
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return { below, pick: (list) => list[below(list.length)], chance: (p) => next() < p };
}

const times = (n, make) => Array.from({ length: n }, make);
const digits = (d, n) => times(n, () => d.below(10)).join('');
const hex = (d, n) => times(n, () => d.below(16).toString(16)).join('');
const oneOf = (...list) => (d) => d.pick(list);

// --- text and JSON

const pieces = ['', 'a', 'Ä', '\u{1F600}', '"', '\\', '\n', '\r', '\t', '\b', '\u0001', '\u001f', '\u007f', "'", ',', '{', '}', '(', ')',
  '\u2028', '\ufffd', '\uffff', ' ', 'null', 'NULL', '</script>', 'e\u0301', '%s', '\\u0000', '\\x41'];
const word = (d) => times(d.below(8), () => d.pick(pieces)).join('');

/** Now and then so large that the server keeps it out of the row, or far larger. */
export function text(d) {
  if (d.chance(0.002)) return `${word(d)}\u00e9"`.repeat(150_000);
  return d.chance(0.1) ? `${word(d)}${hex(d, 6000)}` : word(d);
}

const number = (d) => `${d.pick(['', '-'])}${d.below(1000)}${d.pick(['', `.${digits(d, 3)}`, 'e5', 'E-3', '.5e+10', '.0', 'e-0'])}`;
const jsonText = (d) => d.pick([JSON.stringify(word(d)), '"\\u00e9\\ud83d\\ude00\\/"', '""']);

/** With white space, keys that come twice, and numbers of every form. */
export function json(d, depth = 0) {
  if (depth > 3 || d.chance(0.5)) return d.pick([number(d), 'true', 'false', 'null', jsonText(d), '123456789012345678901234567890.10']);
  const items = times(d.below(4), () => json(d, depth + 1));
  if (d.chance(0.5)) return `[${items.join(' , ')}]`;
  return `{ ${items.map((item) => `${d.pick(['"k"', '"k"', jsonText(d)])} :\n\t${item}`).join(', ')} }`;
}

// --- dates and times

const date = (d) =>
  d.pick([`2026-0${1 + d.below(9)}-1${d.below(10)}`, '2024-02-29', '1970-01-01', '0001-01-01', '9999-12-31', '12345-12-31', '0001-01-01 BC',
    '0044-03-15 BC', '4713-11-24 BC', 'infinity', '-infinity']);
const clock = (d) => d.pick(['00:00:00', '23:59:59.999999', `1${d.below(10)}:0${d.below(10)}:00.5`, '12:00:00.000001']);
const zone = oneOf('+00', '+05:45', '-12', '+14', '-00:30:15');

function moment(d, withZone) {
  const day = date(d);
  if (day.endsWith('infinity')) return day;
  const [plain, era = ''] = day.split(' ');
  return `${plain} ${clock(d)}${withZone ? zone(d) : ''}${era && ` ${era}`}`;
}

/** The numbers that JSON has not. */
export const special = /^(NaN|-?Infinity)$/;

const numeric = (d) =>
  d.pick([`${1 + d.below(9)}${digits(d, 59)}.${digits(d, 40)}`, `-${1 + d.below(9)}${digits(d, 99)}`, `0.${digits(d, 100)}`, '1.50', '0.000', '-0.10',
    '1e-20', '1e130', 'NaN', 'Infinity', '-Infinity']);
const float = oneOf('1e20', '1.17549435e-38', '0.1', '-0', '16777216', '-2.5', '1e-7', '100000', '1e15', 'NaN', 'Infinity', '-Infinity');
const mood = oneOf('glad', 'so "so"', 'a,b', "it's", 'ключ');
const network = oneOf('10.0.0.0/8', '::1/128', '192.168.100.128/25', '2001:db8::/32');

/** Types, and domains over them, made by typesSql. */
export const scalars = {
  bool: oneOf('t', 'f'),
  int2: oneOf('-32768', '32767', '0', '7'),
  int4: oneOf('-2147483648', '2147483647', '0'),
  int8: oneOf('-9223372036854775808', '9223372036854775807', '9007199254740993', '0'),
  numeric,
  'numeric(38,10)': (d) => d.pick([`${d.below(10)}.${digits(d, 10)}`, `-${digits(d, 28)}.5`, 'NaN']),
  'numeric(3,-2)': oneOf('12345', '-99900', '0'),
  float4: float,
  float8: (d) => d.pick([float(d), '1e300', '5e-324', '123456789012345680000', '1.7976931348623157e308']),
  money: oneOf('1.50', '-92233720368547758.08', '0'),
  text,
  varchar: text,
  'varchar(5)': oneOf('', 'a"\\b', '\u{1F600}\u{1F600}'),
  'char(6)': oneOf('', 'ab', 'Ä"', '  x'),
  '"char"': oneOf('a', '"', '\\', ' '),
  name: oneOf('n', 'Odd "name"', 'ключ'),
  bytea: (d) => `\\x${hex(d, 2 * d.pick([0, 1, 9, 3000]))}`,
  uuid: (d) => `${hex(d, 8)}-${hex(d, 4)}-${hex(d, 4)}-${hex(d, 4)}-${hex(d, 12)}`,
  date,
  time: (d) => d.pick([clock(d), '24:00:00']),
  'time(2)': clock,
  timetz: (d) => `${clock(d)}${d.pick(['+00', '-07:30', '+14', '-00:00:01'])}`,
  timestamp: (d) => moment(d, false),
  'timestamp(0)': (d) => moment(d, false),
  timestamptz: (d) => moment(d, true),
  'timestamptz(3)': (d) => moment(d, true),
  interval: oneOf('1 year -2 mons 3 days -04:05:06.7', '00:00', '-1 day', '100000 hours', '178000000 years', '-00:00:00.000001', '1 mon -1 day'),
  json,
  jsonb: json,
  jsonpath: oneOf('$.a[*] ? (@ > 1)', 'strict $."k\\"k"'),
  xml: oneOf('<a b="c">d &amp; e</a>', '<?xml version="1.0"?><x/>', 'plain'),
  tsvector: oneOf(`'a':1 'b"c':2A`, '', `'ключ':1,2`),
  tsquery: oneOf(`'a' & !'b'`, `'it''s' <2> 'x':*`),
  inet: (d) => d.pick(['10.0.0.1', '::ffff:1.2.3.4', network(d)]),
  cidr: network,
  macaddr: oneOf('08:00:2b:01:02:03'),
  macaddr8: oneOf('08:00:2b:01:02:03:04:05'),
  'bit(5)': oneOf('10101', '00000'),
  'bit varying': oneOf('', '101', '0'.repeat(70)),
  point: oneOf('(1.5,-2)', '(NaN,Infinity)', '(0,-0)'),
  line: oneOf('{1,-1,0}'),
  lseg: oneOf('[(0,0),(1,1e20)]'),
  box: oneOf('(1,1),(0,0)'),
  path: oneOf('[(0,0),(1,1)]', '((0,0),(1,1),(2,0))'),
  polygon: oneOf('((0,0),(1,1),(2,0))'),
  circle: oneOf('<(0,0),1.5>'),
  int4range: oneOf('empty', '[1,10)', '(,5)', '(,)'),
  numrange: oneOf('[1.50,1e3)', '[NaN,NaN]', '[-Infinity,5)'),
  tstzrange: oneOf('[2026-01-01 00:00+02,infinity)', '["0044-03-15 00:00:00+00 BC",)'),
  daterange: oneOf('[2026-01-01,2026-02-01)'),
  int8multirange: oneOf('{}', '{[1,2),[5,9)}'),
  oid: oneOf('0', '4294967295'),
  xid: oneOf('0', '4294967295'),
  xid8: oneOf('18446744073709551615'),
  tid: oneOf('(0,1)', '(4294967295,65535)'),
  regclass: oneOf('pg_class', 'pg_catalog.pg_type', '0'),
  regtype: oneOf('int4', 'timestamp with time zone', 'text[]'),
  pg_lsn: oneOf('0/0', '16/B374D848'),
  pg_snapshot: oneOf('10:20:10,14,15'),
  int2vector: oneOf('', '1 2 -3'),
  oidvector: oneOf('', '1 2 4294967295'),
  '"Odd, ""schema"""."the mood"': mood,
  '"Odd, ""schema"""."an amount"': (d) => d.pick([numeric(d), '1.10', '99999999999999999999.5']),
  '"Odd, ""schema"""."a sum"': (d) => d.pick(['1.10', '-0.5', '1e20']),
  ratio: float,
  flag: oneOf('t', 'f'),
  blob: (d) => `\\x${hex(d, 6)}`,
  document: json,
  day: date,
  words: oneOf('{}', '{a,"b,c",NULL}', '{{a,"\\""},{NULL,""}}'),
};

/** What stays the server's text in events, though to_jsonb takes it apart. */
export const asText = {
  pair: oneOf('(1,"a ""b"" (c)")', '(,)', '(-5,"")', '(0,"{1,2}")'),
  hstore: oneOf('', '"a"=>"1", "b c"=>NULL', '"\\"q"=>"\\\\"'),
};

// citext: a string like any other, from an extension.
export const extensions = { citext: word };

export const typesSql = `
  CREATE SCHEMA "Odd, ""schema""";
  CREATE TYPE "Odd, ""schema"""."the mood" AS ENUM ('glad', 'so "so"', 'a,b', 'it''s', 'ключ');
  CREATE DOMAIN "Odd, ""schema"""."an amount" AS numeric;
  CREATE DOMAIN "Odd, ""schema"""."a sum" AS "Odd, ""schema"""."an amount" CHECK (value <> 0);
  CREATE DOMAIN ratio AS float8; CREATE DOMAIN flag AS bool; CREATE DOMAIN blob AS bytea;
  CREATE DOMAIN document AS jsonb; CREATE DOMAIN day AS date; CREATE DOMAIN words AS text[];
  CREATE TYPE pair AS (n int, t text);
  CREATE EXTENSION hstore; CREATE EXTENSION citext;`;

/** An array of what MAKE gives: nested, with NULLs, with bounds of its own. */
export function arrayOf(make, delimiter = ',') {
  return (d) => {
    const quoted = () => (d.chance(0.2) ? 'NULL' : `"${make(d).replace(/["\\]/g, '\\$&')}"`);
    const row = (n) => `{${times(n, quoted).join(delimiter)}}`;
    const n = 1 + d.below(3);
    const plain = [row(n), `{${row(n)}${delimiter}${row(n)}}`, `{{${row(n)}${delimiter}${row(n)}}}`];
    return d.pick(['{}', ...plain, `[5:${4 + n}]=${row(n)}`, `[-1:0][2:${1 + n}]=${plain[1]}`]);
  };
}
