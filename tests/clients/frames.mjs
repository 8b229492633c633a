// Event streams by their bytes. strictFrames() takes nothing that any parser in use could stumble over;
// naiveFrames() reads as those do that were written in an afternoon. What walpiper sends must be the same
// to both. The rules, and who needs them:
//
// - lines end with LF: parsers differ on CR, and on CRLF that is cut in two by a packet;
// - one space behind the colon, none of its own at the start of a value: some trim, some take one away;
// - id, event, data in this order, each once: some hand an event over when its data has come;
// - each frame has data, or is a lone retry: some hand over an event for whatever ends with a blank line;
// - a comment is one line between frames, without a blank line behind it, for the same reason;
// - retry is digits; ids hold nothing that a header could not, or that would cost a preflight;
// - UTF-8 without a byte order mark or NUL.
import { assert } from '../integration/harness/lib.mjs';

const comment = /^:$/;
const retry = /^retry: [1-9][0-9]*$/;
const fields = /^(?:id: (?<id>[0-9A-Za-z-]{1,128})\n)?(?:event: (?<event>[^ \n][^\n]*)\n)?data: (?<data>[^ \n][^\n]*)$/;

/** The lines of the comments at the start of BLOCK, and the rest. */
function cutComments(block) {
  const lines = block.split('\n');
  const first = lines.findIndex((line) => !comment.test(line));
  return { comments: first < 0 ? lines.length : first, rest: first < 0 ? '' : lines.slice(first).join('\n') };
}

/** {frames, comments, retries} of BYTES, all of a stream from its start; throws at anything else. */
export function strictFrames(bytes) {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  assert.doesNotMatch(text, /[\r\0]|^\ufeff/);
  const blocks = text.split('\n\n');
  const last = blocks.pop().replace(/(^|\n)$/, ''); // behind the last frame there are comments only
  const found = { frames: [], comments: 0, retries: [] };
  for (const block of blocks) {
    const { comments, rest } = cutComments(block);
    found.comments += comments;
    if (retry.test(rest)) {
      found.retries.push(Number(rest.slice('retry: '.length)));
      continue;
    }
    const match = fields.exec(rest);
    assert.ok(match, `not a frame: ${JSON.stringify(block.slice(0, 200))}`);
    found.frames.push({ ...match.groups });
  }
  assert.equal(last === '' ? '' : cutComments(last).rest, '', 'it ends inside of a frame');
  found.comments += last === '' ? 0 : cutComments(last).comments;
  return found;
}

/** Splits at blank lines, and each line at its first colon; trims; what has no data does not count. */
export function naiveFrames(bytes) {
  const blocks = bytes.toString('utf8').trim().split('\n\n');
  const frames = blocks.map((block) => {
    const frame = { id: undefined, event: undefined, data: undefined };
    for (const line of block.split('\n')) {
      const [name] = line.split(':', 1);
      if (name !== '') frame[name] = line.slice(name.length + 1).trim();
    }
    return frame;
  });
  return frames.filter(({ data }) => data !== undefined);
}
