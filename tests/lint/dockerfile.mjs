#!/usr/bin/env node
// Lints Dockerfile: its syntax with dockerfile-utils, and what this project wants of an image.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../package.json', import.meta.url));
const { validate } = require('dockerfile-utils');
const { DockerfileParser } = require('dockerfile-ast');

const file = process.argv[2] ?? 'Dockerfile';
const text = readFileSync(file, 'utf8');
const findings = [];
const complain = (line, message) => findings.push(`${file}:${line}: ${message}`);

for (const problem of validate(text, { casePreference: 1 })) {
  complain(problem.range.start.line + 1, problem.message);
}

const instructions = DockerfileParser.parse(text).getInstructions();
const stages = [];
for (const instruction of instructions) {
  const keyword = instruction.getKeyword();
  const entry = {
    keyword,
    line: instruction.getRange().start.line + 1,
    value: (instruction.getRawArgumentsContent() ?? '').replace(/\\\n/g, ' '),
  };
  if (keyword === 'FROM') stages.push([]);
  stages.at(-1)?.push(entry);
}
const all = stages.flat();
const last = stages.at(-1) ?? [];
const find = (keyword) => last.filter((entry) => entry.keyword === keyword);

if (stages.length < 2) complain(1, 'one stage only: the compiler would be in the image');
for (const { line, value } of all.filter((entry) => entry.keyword === 'FROM')) {
  if (!/:[\w.-]+/.test(value) && !/^\$/.test(value)) complain(line, 'FROM without a tag');
  if (/:latest\b/.test(value)) complain(line, 'FROM ...:latest is another image every day');
}
for (const { line, value } of all.filter((entry) => entry.keyword === 'RUN')) {
  if (!/apt-get install/.test(value)) continue;
  if (!/apt-get update/.test(value)) complain(line, 'apt-get install without update in the same layer');
  if (!/--no-install-recommends/.test(value)) complain(line, 'apt-get install without --no-install-recommends');
  if (!/rm -rf \/var\/lib\/apt\/lists/.test(value)) complain(line, 'the lists of apt stay in the layer');
}
for (const { line } of all.filter((entry) => entry.keyword === 'ADD')) complain(line, 'COPY, not ADD');
for (const { line, value } of all) {
  if (/\b(password|secret|token)=\S/i.test(value)) complain(line, 'a secret in the image');
}
const user = find('USER').at(-1);
if (!user || /^(root|0)\b/.test(user.value)) complain(user?.line ?? 1, 'the image runs as root: USER');
else if (!/^\d+(:\d+)?$/.test(user.value)) complain(user.line, 'USER by number: Kubernetes cannot check a name');
for (const keyword of ['HEALTHCHECK', 'EXPOSE', 'ENTRYPOINT', 'VOLUME']) {
  if (find(keyword).length === 0) complain(1, `no ${keyword} in the last stage`);
}
for (const { line, value } of [...find('ENTRYPOINT'), ...find('CMD')]) {
  if (!value.startsWith('[')) complain(line, 'the shell form swallows signals: use ["program", ...]');
}
const labels = find('LABEL').map((entry) => entry.value).join(' ');
for (const label of ['title', 'description', 'licenses', 'version']) {
  if (!labels.includes(`org.opencontainers.image.${label}`)) {
    complain(1, `no label org.opencontainers.image.${label}`);
  }
}
for (const { line, value } of find('COPY')) {
  const source = value.match(/--from=(\S+)/);
  if (source && !/^[a-z]\w*$/.test(source[1])) complain(line, 'COPY --from a stage by name');
}

for (const finding of findings) console.log(finding);
console.log(`${file}: ${all.length} instructions in ${stages.length} stages, ${findings.length} findings`);
process.exit(findings.length === 0 ? 0 : 1);
