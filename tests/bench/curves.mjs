// A curve: {name, title, columns: [of x, ...], rows}. Its data is a file NAME.tsv, from which gnuplot (Debian:
// gnuplot-nox) draws NAME.svg: rates on the left, MiB and milliseconds on the right.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../integration/harness/process.mjs';

const isRate = (column) => column.includes('/s');

/** What is in NAME.tsv. */
export function tsv({ columns, rows }) {
  return `# ${columns.join('\t')}\n${rows.map((row) => row.join('\t')).join('\n')}\n`;
}

export function readTsv(text) {
  const [head, ...lines] = text.trimEnd().split('\n');
  return { columns: head.slice(2).split('\t'), rows: lines.map((line) => line.split('\t').map(Number)) };
}

/** What gnuplot is told. */
export function script({ title, columns }, data, image) {
  const [, ...series] = columns;
  const rights = series.filter((column) => !isRate(column));
  const plots = series.map((column, n) => {
    const axes = isRate(column) ? 'x1y1' : 'x1y2';
    return `'${data}' using 1:${n + 2} axes ${axes} with linespoints ${isRate(column) ? '' : 'dashtype 2 '}title '${column}'`;
  });
  return [
    `set terminal svg size 720,400 dynamic enhanced font 'sans,12' background 'white'`,
    `set output '${image}'`,
    `set title '${title}'`,
    'set logscale x 10',
    `set format x '%.0s%c'`,
    `set format y '%.1s%c'`,
    'set yrange [0:*]',
    'set ylabel "a second"',
    ...(rights.length > 0 ? ['set ytics nomirror', 'set y2tics', `set format y2 '%g'`, 'set y2range [0:*]', `set y2label "${[...new Set(rights.map((text) => text.split(' ')[0]))].join(', ')}"`] : []),
    'set key outside bottom center horizontal',
    'set grid',
    `plot ${plots.join(', \\\n     ')}`,
    '',
  ].join('\n');
}

/** NAME.tsv and NAME.svg in DIRECTORY. */
export async function draw(directory, curve) {
  const [data, image] = [join(directory, `${curve.name}.tsv`), join(directory, `${curve.name}.svg`)];
  writeFileSync(data, tsv(curve));
  const { code, stderr } = await run('gnuplot', ['-'], { input: script(curve, data, image) });
  if (code !== 0) throw new Error(`gnuplot (Debian package gnuplot-nox) cannot draw ${image}: ${stderr}`);
  // Its head names the version of gnuplot, which says nothing of the curve.
  writeFileSync(image, readFileSync(image, 'utf8').replace(/<desc>.*<\/desc>\n?/, ''));
}
